/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' NICs, as the rest of the daemon sees them. Main thread.
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include <vswitch/error.h>
#include <vswitch/port.h>

// Hypervisors can connect from now on. 0 or a vsw_fail().
int nics_start(sd_event *event, const char *socket_path, struct vsw_error *err);
// Lets go of all guests; they wait for the next daemon. Before the ports go.
void nics_stop(void);
void nics_poked(void); // a worker has NOTIFY_GUEST for us
void nics_tick(void);  // about once a second
// A worker stands still: frees it if a hypervisor has made an interrupt block.
void nics_rescue(void);

// describe.c: "guest" objects of the protocol.
json_t *nics_list(void);
// "guest-detail"; JSON null: no guest asks for that port.
json_t *nics_detail(const char *port_name);

// diagnose.c: "diagnosis-step" objects; *ok: none is stopped.
json_t *port_diagnose(struct vsw_port *port, bool *ok);
