/* SPDX-License-Identifier: BSD-3-Clause */
// argv, judged by the table of commands.
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "command.h"
#include "options.h"

struct invocation {
	const struct cmd_spec *command; // NULL: --help or --version alone
	struct options options;
	json_t *params; // what goes to the daemon
	bool help, version, what_if;
	const char *names;       // --complete-names KIND: what completion asks
	const char *config_file; // of a parameter that is a document; read later
};

// CTL_DONE, or CTL_USAGE: the mistake was reported. The invocation is to be cleared either way.
int args_parse(struct invocation *inv, int argc, char **argv);
void args_clear(struct invocation *inv);
