/* SPDX-License-Identifier: BSD-3-Clause */
#include "live.h"

#include <string.h>

#include <vswitch/switch.h>

static void port_mac(const char *name, uint8_t mac[6])
{
	const struct vsw_port *port = port_find(name);

	memset(mac, 0, 6);
	if (port != NULL)
		memcpy(mac, port->mac, 6);
}

const struct live_ops live_switch_ops = {
	.switch_add = switch_add,
	.switch_set = switch_set,
	.switch_del = switch_del,
	.port_add = port_add,
	.port_set = port_set,
	.port_del = port_del,
	.fdb_static_add = fdb_static_add,
	.fdb_static_del = fdb_static_del,
	.port_mac = port_mac,
};
