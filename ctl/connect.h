/* SPDX-License-Identifier: BSD-3-Clause */
// Finding the daemon, and saying what is wrong when it cannot be found.
#pragma once

#include "failure.h"
#include "options.h"

// A connected socket, or -1: failure says why, with the exact command that helps.
int connect_daemon(const struct options *options, struct failure *failure);
