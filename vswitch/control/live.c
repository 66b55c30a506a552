/* SPDX-License-Identifier: BSD-3-Clause */
#include "live.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <vswitch/log.h>
#include <vswitch/nic/hold.h>
#include <vswitch/port_nic.h>
#include <vswitch/switch.h>

#include "config_model.h"
#include "config_rules.h"

static void start(const char *state_dir)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/nics", state_dir);
	port_nic_set_dir(dir);
}

static void port_mac(const char *name, uint8_t mac[6])
{
	const struct vsw_port *port = port_find(name);

	memset(mac, 0, 6);
	if (port != NULL)
		memcpy(mac, port->mac, 6);
}

static bool is_wanted(const struct nic_info *nic, void *arg)
{
	const struct config *cfg = arg;
	struct port_config held = {.type = PORT_NIC};

	memcpy(held.ifname, nic->ifname, sizeof(held.ifname));
	snprintf(held.nic.pci, sizeof(held.nic.pci), "%s", nic->pci);
	memcpy(held.nic.perm_mac, nic->perm_mac, sizeof(held.nic.perm_mac));
	for (unsigned i = 0; i < cfg->n_ports; i++)
		if (cfg->ports[i].cfg.type == PORT_NIC && nic_is_same(&cfg->ports[i].cfg, &held))
			return true;
	return false;
}

static void release_nics(const struct config *cfg)
{
	int n = nic_release_stale(port_nic_dir(), is_wanted, (void *)(uintptr_t)cfg);

	if (n > 0)
		log_info("control", "gave back NICs that no port has count=%d", n);
}

const struct live_ops live_switch_ops = {
	.start = start,
	.switch_add = switch_add,
	.switch_set = switch_set,
	.switch_del = switch_del,
	.port_add = port_add,
	.port_set = port_set,
	.port_del = port_del,
	.fdb_static_add = fdb_static_add,
	.fdb_static_del = fdb_static_del,
	.port_mac = port_mac,
	.release_nics = release_nics,
};
