/* SPDX-License-Identifier: BSD-3-Clause */
// NICs come and go while the daemon runs: their ports go down with a reason and are bound again
// as soon as the NIC is back, subscribers are told. Main thread.
#pragma once

#include <systemd/sd-event.h>

#include "error.h"
#include "switch.h"

// Before the configuration is restored, so that no change is missed. on_link as switch_tick()'s.
// 0 or a vsw_fail().
int hotplug_start(sd_event *event, void (*on_link)(struct vsw_port *port), struct vsw_error *err);
void hotplug_stop(void);
