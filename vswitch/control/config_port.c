/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_model.h"
#include "config_rules.h"
#include "syntax.h"

#include <stdio.h>
#include <string.h>

#define MTU_DEFAULT        1500
#define VHOST_PERM_DEFAULT 0660

void port_default_ifname(const char *port_name, char ifname[VSW_IFNAME_SIZE])
{
	snprintf(ifname, VSW_IFNAME_SIZE, "%.15s", port_name);
	if (!ifname_is_valid(ifname))
		ifname[0] = '\0';
}

void port_config_init(struct port_config *port, const char *name, const char *switch_name,
	enum port_type type, enum nic_role role)
{
	*port = (struct port_config){.type = type};
	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(port->switch_name, sizeof(port->switch_name), "%s", switch_name);
	if (type != PORT_NIC)
		return;
	port->nic.role = role;
	if (role == NIC_ROLE_UPLINK) {
		port->vlan.mode = VLAN_TRUNK;
		vlan_list_all(port->vlan.allowed);
	}
}

void port_normalise(struct port_config *port)
{
	static const char *const netns_dirs[] = {"/run/netns/", "/var/run/netns/"};

	if (port->mtu == MTU_DEFAULT)
		port->mtu = 0;
	if (port->queues == (port->type == PORT_VMNIC ? VSW_CHANNELS_DEFAULT : 1))
		port->queues = 0;
	if (port->vhost.perm == VHOST_PERM_DEFAULT)
		port->vhost.perm = 0;
	if ((port->type == PORT_HOST || port->type == PORT_TAP) && port->ifname[0] == '\0')
		port_default_ifname(port->name, port->ifname);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = strlen(netns_dirs[i]);

		if (strncmp(port->netns, netns_dirs[i], len) == 0 && port->netns[len] != '\0' &&
			strchr(port->netns + len, '/') == NULL)
			memmove(port->netns, port->netns + len, strlen(port->netns + len) + 1);
	}
}

static int no_port(const char *name, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
		"port '%.80s' does not exist", name);
}

static int no_switch(const char *name, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
		"switch '%.80s' does not exist", name);
}

// Adds a whole port, or finds that it is there as asked.
static int insert(
	struct config *cfg, const struct port_config *port, bool may_exist, struct vsw_error *err)
{
	const struct config_port *there = config_find_port(cfg, port->name);
	char differs[200];
	int ret;

	if ((ret = name_check(port->name, "port", err)) < 0)
		return ret;
	if (config_find_switch(cfg, port->switch_name) == NULL)
		return no_switch(port->switch_name, err);
	if (there == NULL) {
		if ((ret = config_put_port(cfg, port, err)) < 0)
			return ret;
		return port_check(cfg, config_find_port(cfg, port->name), err);
	}
	port_describe_difference(&there->cfg, port, differs, sizeof(differs));
	if (!may_exist)
		return vsw_fail(err, VSW_E_EXISTS, "choose another name, or say --may-exist",
			"port '%s' already exists on switch '%s'", port->name,
			there->cfg.switch_name);
	if (differs[0] != '\0')
		return vsw_fail(err, VSW_E_EXISTS,
			"change it with set-port or move-port, or delete it first",
			"port '%s' already exists, but %s", port->name, differs);
	return 0;
}

int config_add_port(struct config *cfg, const struct port_config *asked, unsigned vlan_set,
	bool may_exist, struct vsw_error *err)
{
	struct port_config port = *asked, defaults;
	int ret;

	if (port.type == PORT_NIC)
		return vsw_fail(err, VSW_E_INVALID, "vswitchctl bind-nic SWITCH NIC",
			"port '%s': a NIC is bound, not added", port.name);
	port_config_init(&defaults, port.name, port.switch_name, port.type, NIC_ROLE_ACCESS);
	port.vlan = defaults.vlan;
	if ((ret = vlan_resolve(&port.vlan, &asked->vlan, vlan_set, err)) < 0)
		return ret;
	port_normalise(&port);
	return insert(cfg, &port, may_exist, err);
}

int config_del_port(struct config *cfg, const char *name, bool if_exists, struct vsw_error *err)
{
	const struct config_port *port = config_find_port(cfg, name);

	if (port == NULL)
		return if_exists ? 0 : no_port(name, err);
	if (port->cfg.type == PORT_NIC)
		return vsw_fail(err, VSW_E_REFUSED, "vswitchctl unbind-nic",
			"port '%s' is NIC '%s': it is unbound, not deleted", name,
			port->cfg.ifname);
	config_remove_port(cfg, name);
	return 0;
}

int config_set_port(struct config *cfg, const char *name, const struct port_config *values,
	unsigned set, struct vsw_error *err)
{
	struct config_port *port = config_find_port(cfg, name);
	int ret;

	if (port == NULL)
		return no_port(name, err);
	if (set & SET_MAC) {
		if ((ret = mac_check(values->mac, err)) < 0)
			return ret;
		memcpy(port->cfg.mac, values->mac, sizeof(port->cfg.mac));
	}
	if (set & SET_MTU)
		port->cfg.mtu = values->mtu;
	if (set & SET_MAC_LIMIT)
		port->cfg.mac_limit = values->mac_limit;
	if (set & SET_LINK)
		port->cfg.link_down = values->link_down;
	if ((ret = vlan_resolve(&port->cfg.vlan, &values->vlan, set, err)) < 0)
		return ret;
	port_normalise(&port->cfg);
	return port_check(cfg, port, err);
}

static void resettle_port(struct config *cfg, struct config_port *port)
{
	struct config_port moved = *port, *end = cfg->ports + cfg->n_ports;

	for (; port + 1 < end && strcmp(port[1].cfg.name, moved.cfg.name) < 0; port++)
		port[0] = port[1];
	for (; port > cfg->ports && strcmp(port[-1].cfg.name, moved.cfg.name) > 0; port--)
		port[0] = port[-1];
	*port = moved;
}

int config_rename_port(
	struct config *cfg, const char *name, const char *new_name, struct vsw_error *err)
{
	struct config_port *port = config_find_port(cfg, name);
	int ret;

	if (port == NULL)
		return no_port(name, err);
	if ((ret = name_check(new_name, "port", err)) < 0)
		return ret;
	if (strcmp(name, new_name) == 0)
		return 0;
	if (config_find_port(cfg, new_name) != NULL)
		return vsw_fail(err, VSW_E_EXISTS, "choose another name",
			"port '%s' already exists", new_name);
	for (unsigned i = 0; i < cfg->n_statics; i++)
		if (strcmp(cfg->statics[i].port_name, port->cfg.name) == 0)
			snprintf(cfg->statics[i].port_name, VSW_NAME_SIZE, "%s", new_name);
	snprintf(port->cfg.name, VSW_NAME_SIZE, "%s", new_name);
	resettle_port(cfg, port);
	return 0;
}

int config_move_port(
	struct config *cfg, const char *name, const char *switch_name, struct vsw_error *err)
{
	struct config_port *port = config_find_port(cfg, name);
	char mac[MAC_TEXT_SIZE];

	if (port == NULL)
		return no_port(name, err);
	if (config_find_switch(cfg, switch_name) == NULL)
		return no_switch(switch_name, err);
	if (strcmp(port->cfg.switch_name, switch_name) == 0)
		return 0;
	if (port->cfg.type == PORT_NIC)
		return vsw_fail(err, VSW_E_REFUSED,
			"unbind it and bind it again: vswitchctl unbind-nic, then bind-nic",
			"port '%s' is NIC '%s': it cannot be moved", name, port->cfg.ifname);
	for (unsigned i = 0; i < cfg->n_statics; i++) {
		if (strcmp(cfg->statics[i].port_name, port->cfg.name) != 0)
			continue;
		mac_format(cfg->statics[i].mac, mac);
		return vsw_fail(err, VSW_E_REFUSED, "delete it first: vswitchctl del-fdb",
			"port '%s' has a static MAC on switch '%s': %s in VLAN %u", name,
			port->cfg.switch_name, mac, cfg->statics[i].vlan);
	}
	snprintf(port->cfg.switch_name, VSW_NAME_SIZE, "%s", switch_name);
	return port_check(cfg, port, err);
}

int config_bind_nic(struct config *cfg, const struct port_config *asked, unsigned vlan_set,
	bool may_exist, struct vsw_error *err)
{
	struct port_config port = *asked, defaults;
	const struct config_port *there = NULL;
	int ret;

	if (config_find_switch(cfg, port.switch_name) == NULL)
		return no_switch(port.switch_name, err);
	for (unsigned i = 0; i < cfg->n_ports && there == NULL; i++)
		if (cfg->ports[i].cfg.type == PORT_NIC && nic_is_same(&cfg->ports[i].cfg, &port))
			there = &cfg->ports[i];
	if (port.name[0] == '\0') {
		snprintf(port.name, sizeof(port.name), "%s",
			there != NULL && may_exist ? there->cfg.name : port.ifname);
		if (name_check(port.name, "port", NULL) < 0)
			return vsw_fail(err, VSW_E_INVALID, "say --port NAME",
				"the name of NIC '%s' does not do as a port's name", port.ifname);
	}
	port.type = PORT_NIC;
	port_config_init(&defaults, port.name, port.switch_name, PORT_NIC, port.nic.role);
	port.vlan = defaults.vlan;
	if ((ret = vlan_resolve(&port.vlan, &asked->vlan, vlan_set, err)) < 0)
		return ret;
	port_normalise(&port);
	if (there != NULL && (!may_exist || strcmp(there->cfg.name, port.name) != 0 ||
				     strcmp(there->cfg.switch_name, port.switch_name) != 0))
		return vsw_fail(err, may_exist ? VSW_E_EXISTS : VSW_E_BUSY,
			"release it first: vswitchctl unbind-nic",
			"NIC '%s' is already bound to switch '%s' as port '%s'", port.ifname,
			there->cfg.switch_name, there->cfg.name);
	if (there != NULL) {
		// Its identity is not part of the question: the interface may be renamed by now.
		memcpy(port.ifname, there->cfg.ifname, sizeof(port.ifname));
		memcpy(port.nic.pci, there->cfg.nic.pci, sizeof(port.nic.pci));
		memcpy(port.nic.perm_mac, there->cfg.nic.perm_mac, 6);
	}
	return insert(cfg, &port, may_exist, err);
}

int config_unbind_nic(struct config *cfg, const char *token, bool if_exists, struct vsw_error *err)
{
	bool ambiguous;
	const struct config_port *port = config_find_nic(cfg, token, &ambiguous);

	if (ambiguous)
		return vsw_fail(err, VSW_E_INVALID, "name it by PCI address or MAC",
			"'%.80s' is the name of one bound NIC and of another's port", token);
	if (port != NULL) {
		config_remove_port(cfg, port->cfg.name);
		return 0;
	}
	if (config_find_port(cfg, token) != NULL)
		return vsw_fail(
			err, VSW_E_INVALID, "vswitchctl del-port", "port '%s' is not a NIC", token);
	if (if_exists)
		return 0;
	return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-nics",
		"no bound NIC is called '%.80s'", token);
}
