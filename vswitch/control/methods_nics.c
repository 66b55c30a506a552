/* SPDX-License-Identifier: BSD-3-Clause */
// list-nics: the kernel's interfaces and our ports, matched.
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include <vswitch/nic/inventory.h>
#include <vswitch/port_nic.h>
#include <vswitch/switch.h>

#include "syntax.h"
#include "view.h"

static bool is_nic_of(const struct nic_info *nic, const struct vsw_port *port)
{
	const struct port_config *cfg = &port->cfg;

	if (cfg->type != PORT_NIC)
		return false;
	if (nic->ifindex != 0 && port_nic_index(port) != 0)
		return port_nic_index(port) == nic->ifindex;
	if (cfg->nic.pci[0] != '\0' || nic->pci[0] != '\0')
		return strcmp(cfg->nic.pci, nic->pci) == 0;
	return strcmp(cfg->ifname, nic->ifname) == 0;
}

static struct vsw_port *port_of(const struct nic_info *nic)
{
	struct vsw_port *port = NULL;

	while ((port = port_next(port)) != NULL)
		if (is_nic_of(nic, port))
			return port;
	return NULL;
}

static json_t *drivers_json(uint32_t drivers)
{
	json_t *array = json_array();
	unsigned i;

	for (i = NIC_DRIVER_AF_XDP; nic_driver_names[i] != NULL; i++)
		if (drivers >> i & 1)
			json_array_append_new(array, json_string(nic_driver_names[i]));
	return array;
}

// port: the one it is bound as, or NULL.
static json_t *nic_json(const struct nic_info *nic, const struct vsw_port *port)
{
	const char *state = "bound", *reason = "", *role = NULL;
	struct vsw_error err = {};

	if (port != NULL) {
		role = nic_role_names[port->cfg.nic.role];
	} else if (nic_check_takeover(nic, &err) < 0) {
		state = err.code == VSW_E_BUSY ? "in-use" : "unusable";
		reason = err.reason;
	} else {
		state = "free";
	}
	return json_pack("{s:s, s:s?, s:o, s:s, s:b, s:i, s:i, s:s, s:s, s:s?, s:s?, s:s?, s:o}",
		"name", nic->ifname, "pci", nic->pci[0] != '\0' ? nic->pci : NULL, "mac",
		view_mac(mac_is_zero(nic->perm_mac) ? nic->mac : nic->perm_mac), "kernel_driver",
		nic->driver, "link", nic->link, "speed_mbps", (int)nic->speed_mbps, "mtu",
		(int)nic->mtu, "state", state, "reason", reason, "switch",
		port != NULL ? port->cfg.switch_name : NULL, "port",
		port != NULL ? port->cfg.name : NULL, "role", role, "drivers",
		drivers_json(nic->drivers));
}

// A bound NIC that the kernel does not show.
static json_t *absent_json(const struct vsw_port *port)
{
	struct nic_info nic = {
		.link = port->link.up, .speed_mbps = port->link.speed_mbps, .mtu = port->cfg.mtu};

	memcpy(nic.ifname, port->cfg.ifname, sizeof(nic.ifname));
	memcpy(nic.pci, port->cfg.nic.pci, sizeof(nic.pci));
	memcpy(nic.perm_mac, port->cfg.nic.perm_mac, sizeof(nic.perm_mac));
	return nic_json(&nic, port);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct nic_info *)a)->ifname, ((const struct nic_info *)b)->ifname);
}

int handle_list_nics(struct rpc_call *call)
{
	struct vsw_port *port = NULL;
	json_t *array = json_array();
	struct nic_info *list;
	size_t n, i;
	int ret = nic_list(&list, &n);

	if (ret < 0) {
		json_decref(array);
		return vsw_fail(&call->err, VSW_E_DEVICE, NULL,
			"the kernel does not list its interfaces: %s", strerror(-ret));
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), by_name);
	for (i = 0; i < n; i++)
		if (!list[i].loopback && !list[i].own)
			json_array_append_new(array, nic_json(&list[i], port_of(&list[i])));
	while ((port = port_next(port)) != NULL) {
		for (i = 0; i < n; i++)
			if (is_nic_of(&list[i], port))
				break;
		if (port->cfg.type == PORT_NIC && i == n)
			json_array_append_new(array, absent_json(port));
	}
	free(list);
	call->result = json_pack("{s:o}", "nics", array);
	return 0;
}
