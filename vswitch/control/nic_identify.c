/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <vswitch/nic/inventory.h>
#include <vswitch/port_nic.h>

#include "change.h"
#include "config_rules.h"

static void take_identity(struct port_config *port, const struct port_config *from)
{
	memcpy(port->ifname, from->ifname, sizeof(port->ifname));
	memcpy(port->nic.pci, from->nic.pci, sizeof(port->nic.pci));
	memcpy(port->nic.perm_mac, from->nic.perm_mac, sizeof(port->nic.perm_mac));
	port->mtu = from->mtu;
}

int nic_identify(const struct config *cfg, const char *token, struct port_config *port,
	struct vsw_error *err)
{
	struct port_config found = {.type = PORT_NIC};
	const struct config_port *bound;
	const struct vsw_port *holder;
	struct nic_info nic;
	int ret = nic_resolve(token, &nic, err);

	if (ret < 0) {
		// The kernel does not show it, but it may be one that we hold.
		bound = config_find_nic(cfg, token, NULL);
		if (bound == NULL)
			return ret;
		take_identity(port, &bound->cfg);
		return 0;
	}
	holder = port_nic_by_index(nic.ifindex);
	if (holder != NULL) { // whatever it is called now
		take_identity(port, &holder->cfg);
		return 0;
	}
	memcpy(found.ifname, nic.ifname, sizeof(found.ifname));
	snprintf(found.nic.pci, sizeof(found.nic.pci), "%s", nic.pci);
	memcpy(found.nic.perm_mac, nic.perm_mac, sizeof(found.nic.perm_mac));
	found.mtu = nic.mtu > VSW_MTU_MAX ? VSW_MTU_MAX : nic.mtu;
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		bound = &cfg->ports[i];
		if (bound->cfg.type == PORT_NIC && nic_is_same(&bound->cfg, &found)) {
			take_identity(port, &bound->cfg);
			return 0;
		}
	}
	ret = nic_check_takeover(&nic, err);
	if (ret < 0)
		return ret;
	take_identity(port, &found);
	return 0;
}
