/* SPDX-License-Identifier: BSD-3-Clause */
// The control side of the daemon. Main thread.
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include <vswitch/error.h>

struct control_options {
	const char *socket_path;
	const char *state_dir;
	const char *run_dir;
	bool poll; // workers never sleep: for version
};

// Serves requests from the event loop until control_stop(). 0 or a vsw_fail().
int control_start(sd_event *event, const struct control_options *options, struct vsw_error *err);
void control_stop(void);
