/* SPDX-License-Identifier: BSD-3-Clause */
// Makes the running switch what the configuration says: at start, on every change, and again
// and again for ports that could not be opened. Main thread.
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "config_model.h"
#include "live_ops.h"

// Which switch is driven; once, before anything else here.
void config_set_live(const struct live_ops *ops);

// Takes the state directory and brings everything in it back. A port that cannot be opened
// does not keep the others down: it stays in the configuration and is tried again. 0 or a
// vsw_fail(): the daemon cannot run.
int config_restore(const char *state_dir, struct vsw_error *err);
// Lets go of the state directory. The running switch is not touched.
void config_close(void);

// What is in force.
const struct config *config_current(void);

// Makes `next` (taken over in any case) the configuration: on disk and live, or not at all.
// *actions: what was done, or with what_if would be, as an array of texts. 0 or a vsw_fail().
int config_apply_change(
	struct config *next, bool what_if, json_t **actions, bool *changed, struct vsw_error *err);

// Why a configured port is not open; NULL: it is.
const char *config_port_failure(const char *port_name);
// A running port has lost its device: closes it, to be opened again when that returns.
int config_port_lost(const char *port_name, const char *reason, struct vsw_error *err);
// Tries such ports again, each every few seconds. Call it about once a second.
void config_retry_tick(void);
// Likewise, all of them at once: something changed on the host (a NIC arrived).
void config_retry_now(void);
