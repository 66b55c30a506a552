/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "hvctl.h"

const struct command *find_command(const char *name);
int fail_command(const char *name); // there is none of that name: HVCTL_USAGE
void help(void);
void help_command(const struct command *c);
