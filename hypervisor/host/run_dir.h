/* SPDX-License-Identifier: BSD-3-Clause */
// The folder of sockets and links, --run-dir.
#pragma once

#include "options.h"
#include "partition.h"

struct passwd;

// Who the machine will run as: a name, or a number. NULL: nobody knows him. Overwritten by the
// next call.
const struct passwd *run_dir_user(const struct options *opt);
// Opens it, and makes it if need be, for the user that the machine will run as. The descriptor, or
// -errno with `why`.
int run_dir_open(const struct options *opt, char why[PARTITION_WHY_SIZE]);
// Gives what has been made in there to the user to come. 0 or -errno.
int run_dir_give(const struct options *opt, int dir, const char *name);
