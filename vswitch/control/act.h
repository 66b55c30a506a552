/* SPDX-License-Identifier: BSD-3-Clause */
// Carries a diff out on the running switch, all of it or none.
#pragma once

#include "diff.h"
#include "failures.h"
#include "live_ops.h"

// failures: ports that are not open; only the configuration of those changes. Adds those that
// an undo could not bring back. 0 or the failed action's vsw_fail(); then all is as it was.
int act_do(const struct live_ops *live, struct diff *diff, struct failures *failures,
	uint32_t now_s, struct vsw_error *err);
// Undoes the first n actions, the last one first. What cannot be undone is logged.
void act_undo(const struct live_ops *live, const struct diff *diff, unsigned n,
	struct failures *failures, uint32_t now_s);
