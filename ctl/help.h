/* SPDX-License-Identifier: BSD-3-Clause */
// What --help prints: all from the table of commands, at most 80 columns wide.
#pragma once

#include "command.h"

void help_overview(void);
void help_command(const struct cmd_spec *command);
