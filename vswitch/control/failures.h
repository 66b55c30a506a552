/* SPDX-License-Identifier: BSD-3-Clause */
// Configured ports that could not be opened, and why. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAILURE_RETRY_S 5

struct failure {
	uint32_t uid; // the port's
	uint32_t next_s;
	char reason[320];
};

struct failures {
	struct failure *list;
	unsigned n, room;
};

const struct failure *failure_find(const struct failures *failures, uint32_t uid);
// Adds, or changes the reason; to be tried again FAILURE_RETRY_S after now_s. Returns false if
// that very reason was known already.
bool failure_note(struct failures *failures, uint32_t uid, const char *reason, uint32_t now_s);
void failure_drop(struct failures *failures, uint32_t uid);
void failures_clear(struct failures *failures);
