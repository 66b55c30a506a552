/* SPDX-License-Identifier: BSD-3-Clause */
// Running switches and ports as JSON, as in the tables of objects. Main thread.
#pragma once

#include <jansson.h>

#include <vswitch/counters.h>
#include <vswitch/switch.h>

// Sorted by name, of one switch or (NULL) of all; the caller frees *list. How many, or -ENOMEM.
int view_ports(const struct vsw_switch *sw, struct vsw_port ***list);
int view_switches(struct vsw_switch ***list);

json_t *view_switch(const struct vsw_switch *sw);
json_t *view_port(struct vsw_port *port);
// A configured port that is not open: its id is 0, its link down for that reason.
json_t *view_down_port(const struct port_config *cfg, const char *reason);
json_t *view_driver(struct vsw_port *port); // what the driver says of itself

void view_counters(json_t *to, const struct vsw_counters *counters);
json_t *view_lost(struct vsw_port *port);
json_t *view_rates(const struct vsw_port *port);

json_t *view_mac(const uint8_t mac[6]); // null if all zero
