/* SPDX-License-Identifier: BSD-3-Clause */
// Switches and their ports as they run. Main thread only, unless said otherwise. Every change
// is complete or has not happened; configuration rules (names, types) are checked by the
// caller (control/model.h), what only the machine can know is checked here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "fdb.h"
#include "port.h"

#define SWITCH_PORT_IPS 16 // IPs remembered per port

struct flood_list; // ports of a switch, replaced as a whole (RCU)

struct vsw_switch {
	uint16_t id;
	struct fdb *fdb;
	_Atomic(const struct flood_list *) flood;
	// Control only
	struct switch_config cfg;
	uint64_t loops;      // loops reported
	uint8_t loop_mac[6]; // the last one, to tell each loop once a second
	uint32_t loop_at_s;
	uint32_t loops_told; // in that second
};

struct flood_list {
	uint16_t n;
	struct vsw_port *port[];
};

int switch_add(const struct switch_config *cfg, struct vsw_error *err);
int switch_set(const char *name, const struct switch_config *cfg, struct vsw_error *err);
int switch_del(const char *name, struct vsw_error *err); // must have no ports

int port_add(const struct port_config *cfg, struct vsw_error *err);
// Name, switch, VLAN, MTU, MAC, limits and link may differ; the rest must be equal.
int port_set(const char *name, const struct port_config *cfg, struct vsw_error *err);
// keep: close without giving persistent interfaces or NICs back (the daemon stops).
int port_del(const char *name, bool keep, struct vsw_error *err);

int fdb_static_add(const struct fdb_static_config *cfg, struct vsw_error *err);
int fdb_static_del(const struct fdb_static_config *cfg, struct vsw_error *err);

struct vsw_switch *switch_find(const char *name);
struct vsw_switch *switch_by_id(uint16_t id);
struct vsw_port *port_find(const char *name);
struct vsw_port *port_by_id(uint16_t id);
struct vsw_switch *switch_next(const struct vsw_switch *prev); // NULL first; by id
struct vsw_port *port_next(const struct vsw_port *prev);

struct port_ip {
	uint8_t family; // 4, 6
	uint8_t ip[16];
	uint16_t vlan;
	uint32_t age_s;
};
// Copies up to max of the IPs learned behind the port; returns how many.
unsigned port_ips(const struct vsw_port *port, struct port_ip *ips, unsigned max);

// Once a second: ageing, rates, link states. Calls on_link for each change of link.
void switch_tick(void (*on_link)(struct vsw_port *port));
// Asks the driver now; calls on_link if its last call said otherwise. NULL: told later.
void port_refresh_link(struct vsw_port *port, void (*on_link)(struct vsw_port *port));
// Takes what the workers reported, or part of it: notify_fd() stays readable then. Calls on_loop
// for each loop seen.
void switch_drain_notifications(void (*on_loop)(struct vsw_switch *sw, struct vsw_port *port,
	struct vsw_port *other, const uint8_t mac[6], uint16_t vlan));

// All ports closed (persistent things kept), all switches gone.
void switch_shutdown(void);
