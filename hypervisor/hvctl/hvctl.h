/* SPDX-License-Identifier: BSD-3-Clause */
// What the commands share.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define NAME_SIZE 64 // of machines and NICs, with the NUL

enum { HVCTL_DONE = 0, HVCTL_FAILED = 1, HVCTL_USAGE = 2 };

struct args {
	const char *run_dir; // NULL: where hvhost puts its sockets by itself
	bool json;
	const char *name;  // of the machine
	const char *extra; // what comes after it
	bool now, log, no_log;
	long timeout; // -1: not given
};

struct command {
	const char *name, *usage, *summary, *details, *examples;
	unsigned n_words; // after the command
	int (*run)(const struct args *args);
};

int cmd_list(const struct args *args);
int cmd_show(const struct args *args);
int cmd_stop(const struct args *args);
int cmd_reset(const struct args *args);
int cmd_console(const struct args *args);
int cmd_add_nic(const struct args *args);
int cmd_del_nic(const struct args *args);
int cmd_nic_names(const struct args *args); // for the completion

// Says what is wrong and what helps (or NULL). Returns HVCTL_FAILED, or HVCTL_USAGE.
int fail(const char *remedy, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
