/* SPDX-License-Identifier: BSD-3-Clause */
// What can be typed: the commands as the control protocol's tables have them, and the options
// that go with every command.
#pragma once

#include <stddef.h>

#include <ctl_methods.h>

// Both end with an empty one.
extern const struct cmd_spec *const commands;
extern const struct cmd_word *const command_events;
extern const struct cmd_word *const command_errors;
extern const struct cmd_param global_params[];

const struct cmd_spec *command_find(const char *name);
const char *command_suggest(const char *typed); // or NULL

// The parameter of a flag, "--access-vlan", of which len bytes count; or NULL.
const struct cmd_param *param_find(const struct cmd_param *params, const char *flag, size_t len);
// The closest flag that the command (which may be NULL) takes, or NULL.
const char *param_suggest(const struct cmd_spec *command, const char *flag);
// "--access-vlan" or "PORT": what the user sees of it.
const char *param_label(const struct cmd_param *param);
// A command line as it is typed, indented by 2 and continued the way a shell takes it where it
// would be wider than a terminal. To be freed.
char *command_fold(const char *line);
