/* SPDX-License-Identifier: BSD-3-Clause */
#include "diff.h"

#include <stdio.h>
#include <string.h>

#include "config_rules.h"
#include "syntax.h"

static void switch_set_text(const struct action *action, char *text, size_t size)
{
	const struct switch_config *old = &action->old_switch->cfg, *new = &action->new_switch->cfg;
	const char *between = "";
	size_t len;

	if (strcmp(old->name, new->name) != 0) {
		snprintf(text, size, "rename switch '%s' to '%s'", old->name, new->name);
		return;
	}
	len = snprintf(text, size, "set switch '%s' ", new->name);
	if (old->type != new->type && len < size) {
		len += snprintf(text + len, size - len, "type %s", switch_type_names[new->type]);
		between = ", ";
	}
	if (old->ageing_s != new->ageing_s && len < size) {
		len += snprintf(text + len, size - len, "%sageing %u s", between, new->ageing_s);
		between = ", ";
	}
	if (old->mac_limit != new->mac_limit && len < size)
		snprintf(text + len, size - len, "%sMAC limit %u", between, new->mac_limit);
}

static void port_set_text(const struct action *action, char *text, size_t size)
{
	const struct port_config *old = &action->old_port->cfg, *new = &action->new_port->cfg;
	char changes[200];
	const char *between = "";
	size_t len = 0;

	text[0] = '\0';
	if (strcmp(old->name, new->name) != 0) {
		len = snprintf(text, size, "rename port '%s' to '%s'", old->name, new->name);
		between = "; ";
	}
	if (strcmp(old->switch_name, new->switch_name) != 0 && len < size) {
		len += snprintf(text + len, size - len, "%smove port '%s' from '%s' to '%s'",
			between, new->name, old->switch_name, new->switch_name);
		between = "; ";
	}
	port_describe_changes(old, new, changes, sizeof(changes));
	if (changes[0] != '\0' && len < size)
		snprintf(text + len, size - len, "%sset port '%s' %s", between, new->name, changes);
}

static void port_add_text(const struct port_config *port, char *text, size_t size)
{
	struct port_config defaults;
	char changes[200];
	size_t len;

	port_config_init(&defaults, port->name, port->switch_name, port->type, port->nic.role);
	port_describe_changes(&defaults, port, changes, sizeof(changes));
	if (port->type == PORT_NIC)
		len = snprintf(text, size, "bind NIC '%s' to '%s' as port '%s' (%s)", port->ifname,
			port->switch_name, port->name, nic_role_names[port->nic.role]);
	else
		len = snprintf(text, size, "create port '%s' (%s) on '%s'", port->name,
			port_type_names[port->type], port->switch_name);
	if (changes[0] != '\0' && len < size)
		snprintf(text + len, size - len, ", %s", changes);
}

static void port_del_text(const struct port_config *port, char *text, size_t size)
{
	if (port->type == PORT_NIC)
		snprintf(text, size, "unbind NIC '%s' from '%s', port '%s'", port->ifname,
			port->switch_name, port->name);
	else
		snprintf(text, size, "delete port '%s' (%s) from '%s'", port->name,
			port_type_names[port->type], port->switch_name);
}

static void static_text(
	const struct fdb_static_config *entry, const char *verb, char *text, size_t size)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(entry->mac, mac);
	snprintf(text, size, "%s static MAC %s VLAN %u on '%s', port '%s'", verb, mac, entry->vlan,
		entry->switch_name, entry->port_name);
}

void action_text(const struct action *action, char *text, size_t size)
{
	switch (action->kind) {
	case ACTION_FDB_DEL: static_text(action->entry, "delete", text, size); return;
	case ACTION_FDB_ADD: static_text(action->entry, "add", text, size); return;
	case ACTION_PORT_DEL: port_del_text(&action->old_port->cfg, text, size); return;
	case ACTION_PORT_ADD: port_add_text(&action->new_port->cfg, text, size); return;
	case ACTION_PORT_SET: port_set_text(action, text, size); return;
	case ACTION_SWITCH_SET: switch_set_text(action, text, size); return;
	case ACTION_SWITCH_DEL:
		snprintf(text, size, "delete switch '%s'", action->old_switch->cfg.name);
		return;
	case ACTION_SWITCH_ADD:
		snprintf(text, size, "create switch '%s' (%s)", action->new_switch->cfg.name,
			switch_type_names[action->new_switch->cfg.type]);
		return;
	}
}
