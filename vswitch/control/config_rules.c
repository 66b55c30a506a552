/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "syntax.h"

#define AGEING_MAX    1000000 // as in IEEE 802.1Q
#define MAC_LIMIT_MAX (1u << 24)

// The part of a devargs string that names the device: "net_pcap0", "0000:03:00.0".
static size_t devargs_device(const char *devargs, const char **device)
{
	*device = strncmp(devargs, "pci:", 4) == 0 ? devargs + 4 : devargs;
	return strcspn(*device, ",");
}

static int devargs_pci(const char *devargs, char pci[PCI_TEXT_SIZE])
{
	const char *device;
	size_t len = devargs_device(devargs, &device);
	char text[PCI_TEXT_SIZE];

	if (len >= sizeof(text))
		return -1;
	memcpy(text, device, len);
	text[len] = '\0';
	return pci_parse(text, pci);
}

bool port_is_physical(const struct port_config *port)
{
	char pci[PCI_TEXT_SIZE];

	return port->type == PORT_NIC ||
	       (port->type == PORT_DPDK && (devargs_pci(port->devargs, pci) == 0 ||
						   strncmp(port->devargs, "bus=pci", 7) == 0));
}

bool nic_is_same(const struct port_config *a, const struct port_config *b)
{
	return (a->ifname[0] != '\0' && strcmp(a->ifname, b->ifname) == 0) ||
	       (a->nic.pci[0] != '\0' && strcmp(a->nic.pci, b->nic.pci) == 0) ||
	       (!mac_is_zero(a->nic.perm_mac) && memcmp(a->nic.perm_mac, b->nic.perm_mac, 6) == 0);
}

static bool has_netdev(const struct port_config *port)
{
	return port->type == PORT_HOST || port->type == PORT_TAP || port->type == PORT_NIC;
}

static bool devargs_conflict(const struct port_config *a, const struct port_config *b)
{
	char pci_a[PCI_TEXT_SIZE], pci_b[PCI_TEXT_SIZE];
	const char *dev_a, *dev_b;
	size_t len_a, len_b;

	if (devargs_pci(a->devargs, pci_a) == 0 && devargs_pci(b->devargs, pci_b) == 0)
		return strcmp(pci_a, pci_b) == 0;
	len_a = devargs_device(a->devargs, &dev_a);
	len_b = devargs_device(b->devargs, &dev_b);
	return len_a == len_b && memcmp(dev_a, dev_b, len_a) == 0;
}

static bool is_pci_of(const struct port_config *dpdk, const struct port_config *nic)
{
	char pci[PCI_TEXT_SIZE];

	return devargs_pci(dpdk->devargs, pci) == 0 && strcmp(pci, nic->nic.pci) == 0;
}

const char *port_conflict(const struct port_config *a, const struct port_config *b)
{
	if (a->type == PORT_NIC && b->type == PORT_NIC)
		return nic_is_same(a, b) ? "NIC" : NULL;
	if (has_netdev(a) && has_netdev(b))
		return strcmp(a->ifname, b->ifname) == 0 && strcmp(a->netns, b->netns) == 0
		               ? "interface"
		               : NULL;
	if (a->type == PORT_VHOST && b->type == PORT_VHOST)
		return strcmp(a->vhost.path, b->vhost.path) == 0 ? "vhost socket" : NULL;
	if (a->type == PORT_DPDK && b->type == PORT_DPDK)
		return devargs_conflict(a, b) ? "DPDK device" : NULL;
	if ((a->type == PORT_DPDK && b->type == PORT_NIC && is_pci_of(a, b)) ||
		(a->type == PORT_NIC && b->type == PORT_DPDK && is_pci_of(b, a)))
		return "PCI device";
	return NULL;
}

bool port_is_rebuilt(const struct port_config *from, const struct port_config *to)
{
	return from->type != to->type || from->queues != to->queues ||
	       strcmp(from->ifname, to->ifname) != 0 || strcmp(from->netns, to->netns) != 0 ||
	       strcmp(from->devargs, to->devargs) != 0 || from->nic.role != to->nic.role ||
	       from->nic.driver != to->nic.driver || strcmp(from->nic.pci, to->nic.pci) != 0 ||
	       memcmp(from->nic.perm_mac, to->nic.perm_mac, 6) != 0 ||
	       strcmp(from->vhost.path, to->vhost.path) != 0 ||
	       from->vhost.mode != to->vhost.mode || from->vhost.perm != to->vhost.perm ||
	       strcmp(from->vhost.owner, to->vhost.owner) != 0 ||
	       strcmp(from->vmnic.user, to->vmnic.user) != 0;
}

// moves: it is the port that is to come, not the switch that is to change.
static void type_remedy(const struct switch_config *sw, const struct port_config *port, bool moves,
	char *remedy, size_t size)
{
	if (!moves)
		snprintf(remedy, size, "vswitchctl %s %s, then this again",
			port->type == PORT_NIC ? "unbind-nic" : "del-port", port->name);
	else if (port->type == PORT_HOST)
		snprintf(remedy, size,
			"a private switch is for guests only; convert it first: vswitchctl "
			"set-switch %s --type internal",
			sw->name);
	else
		snprintf(remedy, size, "convert it first: vswitchctl set-switch %s --type external",
			sw->name);
}

// The type's rule for one port.
static int type_check(const struct switch_config *sw, const struct port_config *port, bool moves,
	struct vsw_error *err)
{

	static const char *const what[] = {
		[PORT_HOST] = "a host port",
		[PORT_NIC] = "a NIC",
		[PORT_DPDK] = "a physical device",
	};
	char remedy[240];

	if ((sw->type == SWITCH_EXTERNAL || !port_is_physical(port)) &&
		(sw->type != SWITCH_PRIVATE || port->type != PORT_HOST))
		return 0;
	type_remedy(sw, port, moves, remedy, sizeof(remedy));
	return vsw_fail(err, VSW_E_REFUSED, remedy,
		"port '%s' is %s: %s switch '%s' cannot have it", port->name, what[port->type],
		switch_type_names[sw->type], sw->name);
}

static int uplink_check(
	const struct config *cfg, const struct port_config *port, struct vsw_error *err)
{
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		const struct port_config *other = &cfg->ports[i].cfg;

		if (other->type == PORT_NIC && other->nic.role == NIC_ROLE_UPLINK &&
			strcmp(other->switch_name, port->switch_name) == 0 &&
			strcmp(other->name, port->name) != 0)
			return vsw_fail(err, VSW_E_REFUSED,
				"bind it with --role access, or unbind the present uplink first; "
				"several uplinks need a team, which this version does not have",
				"switch '%s' already has an uplink: port '%s' (NIC '%s'); NIC '%s' "
				"cannot be a second",
				port->switch_name, other->name, other->ifname, port->ifname);
	}
	return 0;
}

int switch_check(const struct config *cfg, const struct switch_config *sw, struct vsw_error *err)
{
	int ret = name_check(sw->name, "switch", err);

	if (ret < 0)
		return ret;
	if (sw->ageing_s > AGEING_MAX)
		return vsw_fail(err, VSW_E_INVALID, "0 (never) to 1000000 seconds",
			"ageing %u s of switch '%s' is out of range", sw->ageing_s, sw->name);
	if (sw->mac_limit < 1 || sw->mac_limit > MAC_LIMIT_MAX)
		return vsw_fail(err, VSW_E_INVALID, "1 to 16777216 addresses",
			"MAC limit %u of switch '%s' is out of range", sw->mac_limit, sw->name);
	for (unsigned i = 0; i < cfg->n_ports; i++)
		if (strcmp(cfg->ports[i].cfg.switch_name, sw->name) == 0 &&
			(ret = type_check(sw, &cfg->ports[i].cfg, false, err)) < 0)
			return ret;
	return 0;
}

static int vlan_config_check(const struct vlan_config *vlan, struct vsw_error *err)
{
	static const uint64_t none[64];

	if (vlan->mode == VLAN_ACCESS)
		return vlan_check(vlan->access_id, err);
	if (vlan->mode != VLAN_TRUNK)
		return 0;
	if (memcmp(vlan->allowed, none, sizeof(none)) == 0)
		return vsw_fail(err, VSW_E_INVALID, "as in --trunk-vlans 10,20,30-40, or all",
			"a trunk without VLANs carries nothing");
	return vlan->native_id == 0 ? 0 : vlan_check(vlan->native_id, err);
}

static int text_check(const char *text, const char *what, const char *port, struct vsw_error *err)
{
	for (const char *at = text; *at != '\0'; at++)
		if (!isprint((unsigned char)*at) || *at == ' ')
			return vsw_fail(err, VSW_E_INVALID, "printable ASCII without spaces",
				"%s of port '%s' has a character that is not allowed", what, port);
	return 0;
}

static int netns_check(const struct port_config *port, struct vsw_error *err)
{
	int ret = text_check(port->netns, "the netns", port->name, err);

	if (ret < 0 || port->netns[0] == '\0')
		return ret;
	if (port->netns[0] != '/' &&
		(strchr(port->netns, '/') != NULL || strcmp(port->netns, ".") == 0 ||
			strcmp(port->netns, "..") == 0))
		return vsw_fail(err, VSW_E_INVALID,
			"a name as 'ip netns list' shows it, or an absolute path",
			"netns '%s' of port '%s' is neither a name nor an absolute path",
			port->netns, port->name);
	return 0;
}

static int netdev_check(const struct port_config *port, struct vsw_error *err)
{
	if (port->ifname[0] == '\0')
		return vsw_fail(err, VSW_E_INVALID, "say --ifname NAME",
			"port '%s' needs an interface name: its own does not do as one",
			port->name);
	if (!ifname_is_valid(port->ifname))
		return vsw_fail(err, VSW_E_INVALID,
			"1 to 15 characters without spaces, '/', ':' and '%', and not 'all' or "
			"'default'",
			"interface name '%s' of port '%s' is not valid", port->ifname, port->name);
	return netns_check(port, err);
}

static int vhost_check(const struct port_config *port, struct vsw_error *err)
{
	int ret;

	if (port->vhost.path[0] != '/')
		return vsw_fail(err, VSW_E_INVALID, "say --vhost-socket /absolute/path",
			"port '%s' needs the absolute path of its vhost socket", port->name);
	if ((ret = text_check(port->vhost.path, "the vhost socket", port->name, err)) < 0 ||
		(ret = text_check(port->vhost.owner, "the vhost owner", port->name, err)) < 0)
		return ret;
	if (port->vhost.perm > 0777)
		return vsw_fail(err, VSW_E_INVALID, "an octal file mode as 0660",
			"vhost permissions of port '%s' are out of range", port->name);
	if (port->vhost.mode == VHOST_CLIENT &&
		(port->vhost.owner[0] != '\0' || port->vhost.perm != 0))
		return vsw_fail(err, VSW_E_INVALID,
			"leave out --vhost-owner and --vhost-perm, or say --vhost-mode server",
			"port '%s': the socket of a vhost client belongs to the other side",
			port->name);
	return 0;
}

static bool has_vhost_settings(const struct port_config *port)
{
	return port->vhost.path[0] != '\0' || port->vhost.mode != VHOST_SERVER ||
	       port->vhost.owner[0] != '\0' || port->vhost.perm != 0;
}

static bool has_nic_settings(const struct port_config *port)
{
	return port->nic.role != NIC_ROLE_UPLINK || port->nic.driver != NIC_DRIVER_AUTO ||
	       port->nic.pci[0] != '\0' || !mac_is_zero(port->nic.perm_mac);
}

// Settings given to a type that does not have them.
static int stray_check(const struct port_config *port, struct vsw_error *err)
{
	const char *what = NULL;

	if (port->ifname[0] != '\0' && !has_netdev(port))
		what = "ifname";
	else if (port->netns[0] != '\0' && port->type != PORT_TAP)
		what = "netns";
	else if (port->devargs[0] != '\0' && port->type != PORT_DPDK)
		what = "devargs";
	else if (has_vhost_settings(port) && port->type != PORT_VHOST)
		what = "vhost_*";
	else if (has_nic_settings(port) && port->type != PORT_NIC)
		what = "NIC";
	else if (port->vmnic.user[0] != '\0' && port->type != PORT_VMNIC)
		what = "user";
	if (what == NULL)
		return 0;
	return vsw_fail(err, VSW_E_INVALID, "see: vswitchctl add-port --help",
		"port '%s' is of type %s, which has no %s setting", port->name,
		port_type_names[port->type], what);
}

static int type_settings_check(const struct port_config *port, struct vsw_error *err)
{
	int ret = stray_check(port, err);

	if (ret < 0)
		return ret;
	switch (port->type) {
	case PORT_HOST:
	case PORT_TAP: return netdev_check(port, err);
	case PORT_VHOST: return vhost_check(port, err);
	case PORT_NIC:
		if (port->ifname[0] == '\0' && port->nic.pci[0] == '\0' &&
			mac_is_zero(port->nic.perm_mac))
			return vsw_fail(err, VSW_E_INVALID, "see: vswitchctl list-nics",
				"port '%s' does not say which NIC it is", port->name);
		return port->ifname[0] == '\0' ? 0 : netdev_check(port, err);
	case PORT_DPDK:
		if (port->devargs[0] == '\0')
			return vsw_fail(err, VSW_E_INVALID,
				"say --devargs, as in net_pcap0,iface=eth0 or 0000:03:00.0",
				"port '%s' needs the devargs of its DPDK device", port->name);
		return text_check(port->devargs, "the devargs", port->name, err);
	case PORT_VMNIC: return text_check(port->vmnic.user, "the user", port->name, err);
	}
	return 0;
}

static int port_check_alone(const struct port_config *port, struct vsw_error *err)
{
	int ret;

	if ((ret = name_check(port->name, "port", err)) < 0 ||
		(ret = type_settings_check(port, err)) < 0 ||
		(ret = vlan_config_check(&port->vlan, err)) < 0)
		return ret;
	if (!mac_is_zero(port->mac) && (ret = mac_check(port->mac, err)) < 0)
		return ret;
	if (port->mtu != 0 && (port->mtu < VSW_MTU_MIN || port->mtu > VSW_MTU_MAX))
		return vsw_fail(err, VSW_E_INVALID, "68 to 9216 bytes",
			"MTU %u of port '%s' is out of range", port->mtu, port->name);
	if (port->queues > (port->type == PORT_VMNIC ? VSW_MAX_CHANNELS : VSW_MAX_QUEUES))
		return vsw_fail(err, VSW_E_INVALID,
			port->type == PORT_VMNIC ? "1 to 64 queues" : "1 to 16 queues",
			"%u queues of port '%s' are out of range", port->queues, port->name);
	if (port->mac_limit > MAC_LIMIT_MAX)
		return vsw_fail(err, VSW_E_INVALID, "0 (no limit) to 16777216 addresses",
			"MAC limit %u of port '%s' is out of range", port->mac_limit, port->name);
	return 0;
}

static int conflict_fail(const char *what, const struct port_config *port,
	const struct port_config *other, struct vsw_error *err)
{
	const char *device = has_netdev(port)           ? port->ifname
	                     : port->type == PORT_VHOST ? port->vhost.path
	                                                : port->devargs;

	if (port->type == PORT_NIC && other->type == PORT_NIC)
		return vsw_fail(err, VSW_E_BUSY, "release it first: vswitchctl unbind-nic",
			"NIC '%s' is already bound to switch '%s' as port '%s'", device,
			other->switch_name, other->name);
	return vsw_fail(err, VSW_E_BUSY, "choose another, or delete the other port first",
		"%s '%.120s' of port '%s' is already used by port '%s' of switch '%s'", what,
		device, port->name, other->name, other->switch_name);
}

int port_check(const struct config *cfg, const struct config_port *port, struct vsw_error *err)
{
	const struct config_switch *sw;
	int ret = port_check_alone(&port->cfg, err);

	if (ret < 0)
		return ret;
	sw = config_find_switch(cfg, port->cfg.switch_name);
	if (sw == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", port->cfg.switch_name);
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		const struct config_port *other = &cfg->ports[i];
		const char *what;

		if (other != port && (what = port_conflict(&port->cfg, &other->cfg)) != NULL)
			return conflict_fail(what, &port->cfg, &other->cfg, err);
	}
	if ((ret = type_check(&sw->cfg, &port->cfg, true, err)) < 0)
		return ret;
	if (port->cfg.type == PORT_NIC && port->cfg.nic.role == NIC_ROLE_UPLINK)
		return uplink_check(cfg, &port->cfg, err);
	return 0;
}

int static_check(
	const struct config *cfg, const struct fdb_static_config *entry, struct vsw_error *err)
{
	const struct config_port *port;
	int ret;

	if (config_find_switch(cfg, entry->switch_name) == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%.80s' does not exist", entry->switch_name);
	if ((ret = mac_check(entry->mac, err)) < 0)
		return ret;
	if (entry->vlan != 0 && (ret = vlan_check(entry->vlan, err)) < 0)
		return ret;
	port = config_find_port(cfg, entry->port_name);
	if (port == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%.80s' does not exist", entry->port_name);
	if (strcmp(port->cfg.switch_name, entry->switch_name) != 0)
		return vsw_fail(err, VSW_E_INVALID, "name the switch the port is on",
			"port '%s' is on switch '%s', not on '%s'", entry->port_name,
			port->cfg.switch_name, entry->switch_name);
	return 0;
}

int vlan_resolve(struct vlan_config *vlan, const struct vlan_config *asked, unsigned set,
	struct vsw_error *err)
{
	struct vlan_config made = {};
	unsigned modes = !!(set & SET_UNTAGGED) + !!(set & SET_ACCESS) + !!(set & SET_TRUNK);

	if (!(set & SET_VLAN))
		return 0;
	if (modes > 1)
		return vsw_fail(err, VSW_E_INVALID, "give one of the three",
			"untagged, access_vlan and trunk_vlans exclude each other");
	if (set & SET_NATIVE && (modes == 0 ? vlan->mode != VLAN_TRUNK : !(set & SET_TRUNK)))
		return vsw_fail(err, VSW_E_INVALID, "add trunk_vlans, or leave native_vlan out",
			"native_vlan is for trunks only");
	if (set & SET_UNTAGGED) {
		made.mode = VLAN_UNTAGGED;
	} else if (set & SET_ACCESS) {
		made.mode = VLAN_ACCESS;
		made.access_id = asked->access_id;
	} else {
		// What a trunk has and the request does not name stays.
		made.mode = VLAN_TRUNK;
		memcpy(made.allowed, set & SET_TRUNK ? asked->allowed : vlan->allowed,
			sizeof(made.allowed));
		made.native_id = set & SET_NATIVE           ? asked->native_id
		                 : vlan->mode == VLAN_TRUNK ? vlan->native_id
		                                            : 0;
	}
	*vlan = made;
	return vlan_config_check(vlan, err);
}
