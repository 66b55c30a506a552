/* SPDX-License-Identifier: BSD-3-Clause */
// What a configuration must satisfy. Every transform and every document ends here.
#pragma once

#include <stddef.h>

#include "config_model.h"

// A switch by itself and against its ports.
int switch_check(const struct config *cfg, const struct switch_config *sw, struct vsw_error *err);
// A port by itself, against its switch and against all other ports; it is in cfg already.
int port_check(const struct config *cfg, const struct config_port *port, struct vsw_error *err);
int static_check(
	const struct config *cfg, const struct fdb_static_config *entry, struct vsw_error *err);

// Turns what was asked for (set: bits of SET_VLAN, values in `asked`) into whole settings.
// vlan holds what the port has now, or its default.
int vlan_resolve(struct vlan_config *vlan, const struct vlan_config *asked, unsigned set,
	struct vsw_error *err);

// One way to write each setting, so that equal configurations compare equal; fills in the
// default interface name.
void port_normalise(struct port_config *port);

// Two ports cannot both be open: one kernel interface, one NIC, one socket, one device.
// Returns what they share ("interface 'x'"), or NULL.
const char *port_conflict(const struct port_config *a, const struct port_config *b);
bool nic_is_same(const struct port_config *a, const struct port_config *b);
// A physical device: it may only be on an external switch.
bool port_is_physical(const struct port_config *port);
// Must be built anew to get from one to the other.
bool port_is_rebuilt(const struct port_config *from, const struct port_config *to);

// Appends "MTU 9000, link down": how `to` differs from `from` in what can be set live.
void port_describe_changes(
	const struct port_config *from, const struct port_config *to, char *text, size_t size);
// What differs, for "exists, but ..."; empty if nothing does.
void port_describe_difference(
	const struct port_config *is, const struct port_config *asked, char *text, size_t size);
