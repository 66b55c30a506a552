/* SPDX-License-Identifier: BSD-3-Clause */
// What switch.c and port.c share: the objects' tables. Main thread only.
#pragma once

#include "switch.h"

extern struct vsw_switch *live_switches[VSW_MAX_SWITCHES];
extern struct vsw_port *live_ports[VSW_MAX_PORTS + 1];

// port_add() with a driver of the caller's choice.
int port_add_by(
	const struct vsw_port_ops *ops, const struct port_config *cfg, struct vsw_error *err);

// Whether frames can pass, and if not, why: the driver's view, or the administrator's will.
void port_read_link(struct vsw_port *port, struct port_link *link);

// Rebuilds the list of ports that a switch floods to, and waits until nobody uses the old one.
int flood_list_rebuild(struct vsw_switch *sw);

// The static entry of a local port's own MAC in the VLAN it has untagged, added or removed.
// One that the administrator has made for the same address comes first.
void local_mac_add(struct vsw_port *port);
void local_mac_del(struct vsw_port *port);
// Adds what is missing after such an entry has gone.
void local_macs_refresh(const struct vsw_switch *sw);

// Ages and grows the forwarding tables.
void switch_maintain(void);

// port_ips.c
void port_ip_note(uint16_t port_id, uint8_t family, const uint8_t ip[16], uint16_t vlan);
void port_ips_forget(uint16_t port_id);
