/* SPDX-License-Identifier: BSD-3-Clause */
// What the administrator wants, as one value. A change is: copy it, transform the copy by one
// of the functions below (each checks everything that can be checked without the machine),
// and hand the copy to reconcile.h, which makes the running switch equal to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vswitch/config.h>
#include <vswitch/error.h>

#define CONFIG_MAX_STATICS 16384

// uid: the identity of a switch or port while the daemon runs. A rename or a move keeps it; a
// port that must be torn down and built again (another type, another NIC) gets a new one.
struct config_switch {
	uint32_t uid;
	struct switch_config cfg;
};

struct config_port {
	uint32_t uid;
	struct port_config cfg;
};

// All three arrays are sorted: by name; statics by switch, VLAN, MAC.
struct config {
	struct config_switch *switches;
	struct config_port *ports;
	struct fdb_static_config *statics;
	unsigned n_switches, n_ports, n_statics;
	unsigned switch_room, port_room, static_room;
	uint32_t last_uid;
};

struct config *config_create(void); // empty; NULL when out of memory
struct config *config_copy(const struct config *cfg);
void config_destroy(struct config *cfg); // NULL is welcome

struct config_switch *config_find_switch(const struct config *cfg, const char *name);
struct config_port *config_find_port(const struct config *cfg, const char *name);
const struct config_switch *config_switch_by_uid(const struct config *cfg, uint32_t uid);
const struct config_port *config_port_by_uid(const struct config *cfg, uint32_t uid);
struct fdb_static_config *config_find_static(
	const struct config *cfg, const char *switch_name, uint16_t vlan, const uint8_t mac[6]);
// The port of a NIC, by interface name, PCI address, MAC or port name; NULL: none, or (with
// *ambiguous set) more than one. Works for NICs that the kernel no longer shows.
const struct config_port *config_find_nic(
	const struct config *cfg, const char *token, bool *ambiguous);
const struct config_port *config_uplink(const struct config *cfg, const char *switch_name);
unsigned config_count_ports(const struct config *cfg, const char *switch_name);

// Defaults, so that "not given" means the same everywhere.
void switch_config_init(struct switch_config *sw, const char *name, enum switch_type type);
void port_config_init(struct port_config *port, const char *name, const char *switch_name,
	enum port_type type, enum nic_role role);
// host, tap: the interface name used when none is given; "" if the port's name does not do.
void port_default_ifname(const char *port_name, char ifname[VSW_IFNAME_SIZE]);

// Which settings a set request names.
enum {
	SET_MAC = 1 << 0,
	SET_MTU = 1 << 1,
	SET_UNTAGGED = 1 << 2,
	SET_ACCESS = 1 << 3,
	SET_TRUNK = 1 << 4,
	SET_NATIVE = 1 << 5,
	SET_MAC_LIMIT = 1 << 6,
	SET_LINK = 1 << 7,
	SET_TYPE = 1 << 8,
	SET_AGEING = 1 << 9,
	SET_VLAN = SET_UNTAGGED | SET_ACCESS | SET_TRUNK | SET_NATIVE,
};

// The transforms. 0 or a vsw_fail(); after a failure the config may be half changed: throw
// the copy away. Nothing to do is success: the diff is empty then.

int config_add_switch(
	struct config *cfg, const struct switch_config *sw, bool may_exist, struct vsw_error *err);
int config_del_switch(
	struct config *cfg, const char *name, bool if_exists, bool force, struct vsw_error *err);
// set: SET_TYPE, SET_AGEING, SET_MAC_LIMIT.
int config_set_switch(struct config *cfg, const char *name, const struct switch_config *values,
	unsigned set, struct vsw_error *err);
int config_rename_switch(
	struct config *cfg, const char *name, const char *new_name, struct vsw_error *err);

// Any type but nic. vlan_set: which of SET_VLAN were given (values in port->vlan,
// made whole here).
int config_add_port(struct config *cfg, const struct port_config *port, unsigned vlan_set,
	bool may_exist, struct vsw_error *err);
int config_del_port(struct config *cfg, const char *name, bool if_exists, struct vsw_error *err);
int config_set_port(struct config *cfg, const char *name, const struct port_config *values,
	unsigned set, struct vsw_error *err);
int config_rename_port(
	struct config *cfg, const char *name, const char *new_name, struct vsw_error *err);
int config_move_port(
	struct config *cfg, const char *name, const char *switch_name, struct vsw_error *err);

// port: type nic with ifname, nic.pci and nic.perm_mac as the inventory has them. An empty
// port name means the interface's name.
int config_bind_nic(struct config *cfg, const struct port_config *port, unsigned vlan_set,
	bool may_exist, struct vsw_error *err);
int config_unbind_nic(struct config *cfg, const char *token, bool if_exists, struct vsw_error *err);

int config_add_fdb(struct config *cfg, const struct fdb_static_config *entry, bool may_exist,
	struct vsw_error *err);
// entry: switch_name, vlan and mac.
int config_del_fdb(struct config *cfg, const struct fdb_static_config *entry, bool if_exists,
	struct vsw_error *err);

// For apply: makes the thing as given, whether or not it is there, without looking at the
// others; the caller checks with config_rules.h when all are in place.
int config_put_switch(struct config *cfg, const struct switch_config *sw, struct vsw_error *err);
int config_put_port(struct config *cfg, const struct port_config *port, struct vsw_error *err);
int config_put_static(
	struct config *cfg, const struct fdb_static_config *entry, struct vsw_error *err);
// The static MACs of a switch (of one port, or of all if port_name is NULL) now belong to
// another switch. Refused when one of them is pinned there already.
int config_rehome_statics(struct config *cfg, const char *old_switch, const char *port_name,
	const char *new_switch, struct vsw_error *err);
// With its static MACs.
void config_remove_port(struct config *cfg, const char *name);
void config_remove_switch(struct config *cfg, const char *name); // with its ports
void config_forget_switch(struct config *cfg, const char *name); // leaves its ports dangling
void config_remove_static(struct config *cfg, const struct fdb_static_config *entry);
