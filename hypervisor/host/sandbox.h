/* SPDX-License-Identifier: BSD-3-Clause */
// What hvhost gives up once it is set up: privileges, and system calls it does not need.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_WHY_SIZE 256

// Whom to become if nobody was named: hvhost if there is such a user, else root; NULL if we are
// not root to begin with.
const char *sandbox_default_user(void);
// To that user (a name or a number; NULL: stay) and its group, no supplementary groups but those
// of the user, no capabilities, no new privileges, not dumpable. 0 or -errno with `why`.
int sandbox_drop(const char *user, char why[SANDBOX_WHY_SIZE]);
// Seccomp: all threads, also those to come. 0 or -errno with `why`.
int sandbox_close(char why[SANDBOX_WHY_SIZE]);
unsigned sandbox_n_calls(void); // allowed
