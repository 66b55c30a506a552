/* SPDX-License-Identifier: BSD-3-Clause */
// Why a command could not be done, and the command that helps.
#pragma once

#include <jansson.h>

struct cmd_spec;

struct failure {
	int code; // of the JSON-RPC error object; 0: the daemon could not be asked
	char reason[1024];
	char remedy[1024]; // may be empty
};

// Fills failure and returns -1, so that `return failure_set(...)` reads well.
int failure_set(struct failure *failure, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// The same from the error object of a reply.
int failure_from_reply(struct failure *failure, const json_t *error);

// Says "--access-vlan" or "NAME" where the daemon says "parameter 'access_vlan'" or 'name'.
void failure_name_params(struct failure *failure, const struct cmd_spec *command);

// Both lines to stderr, as every command reports. Returns the exit code they deserve.
int failure_print(const struct failure *failure);

// A mistake on the command line: the message, then where help is found. Returns CTL_USAGE.
// command may be NULL.
int usage_error(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
