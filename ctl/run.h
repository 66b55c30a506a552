/* SPDX-License-Identifier: BSD-3-Clause */
// From what was typed to what is done. Each returns the exit code.
#pragma once

#include "args.h"

int run(struct invocation *inv);

// What is more than one request and one picture of the answer, a file each.
int run_monitor(struct invocation *inv);
int run_stats(struct invocation *inv);
int run_show_port(struct invocation *inv);
int run_export(struct invocation *inv);
int run_apply(struct invocation *inv);
int run_version(struct invocation *inv);

// For completion: names of "switches", "ports" or "nics", a line each; silent when it fails.
int run_names(const struct options *options, const char *what);

// The usual way: asks with inv->params (handed over) and reports a failure. NULL: *rc says how
// it ended.
json_t *run_ask(struct invocation *inv, int *rc);
// The result as --json has it.
void run_print_json(const json_t *result);
