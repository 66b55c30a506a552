/* SPDX-License-Identifier: BSD-3-Clause */
// export-config, apply-config.
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "config_json.h"
#include "config_rules.h"
#include "events.h"
#include "handlers.h"
#include "port_json.h"
#include "reconcile.h"
#include "syntax.h"

int handle_export_config(struct rpc_call *call)
{
	json_t *config = config_to_json(config_current());

	if (config == NULL)
		return vsw_fail(&call->err, VSW_E_LIMIT, NULL, "out of memory");
	call->result = json_pack("{s:o}", "config", config);
	return 0;
}

// A document may come from another machine, or name a NIC by one of its names only: each NIC
// that would be taken is looked up, and what the document says of it must be so.
static int identify(const struct config *now, struct port_config *port, struct vsw_error *err)
{
	const struct port_config said = *port;
	char mac[MAC_TEXT_SIZE];
	const char *token = port->ifname;
	int ret;

	if (said.nic.pci[0] != '\0') {
		token = said.nic.pci;
	} else if (!mac_is_zero(said.nic.perm_mac)) {
		mac_format(said.nic.perm_mac, mac);
		token = mac;
	}
	ret = nic_identify(now, token, port, err);
	port->mtu = said.mtu;
	if (ret < 0)
		return ret;
	if (!mac_is_zero(said.nic.perm_mac) &&
		memcmp(said.nic.perm_mac, port->nic.perm_mac, 6) != 0) {
		mac_format(port->nic.perm_mac, mac);
		return vsw_fail(err, VSW_E_REFUSED,
			"correct perm_mac in the document, or leave it out",
			"NIC '%s' is another than the document's: its MAC is %s", token, mac);
	}
	return 0;
}

static int identify_nics(struct config *next, struct vsw_error *err)
{
	const struct config *now = config_current();
	int ret;

	for (unsigned i = 0; i < next->n_ports; i++) {
		struct config_port *port = &next->ports[i];

		if (port->cfg.type != PORT_NIC || config_port_by_uid(now, port->uid) != NULL)
			continue;
		if ((ret = identify(now, &port->cfg, err)) < 0 ||
			(ret = port_check(next, port, err)) < 0)
			return error_prefix(err, "port '%s': ", port->cfg.name);
	}
	return 0;
}

int handle_apply_config(struct rpc_call *call)
{
	struct config *next = change_begin(call);
	size_t n;
	int ret;

	if (next == NULL)
		return -(int)call->err.code;
	ret = config_apply(
		next, json_object_get(call->params, "config"), rpc_bool(call, "prune"), &call->err);
	if (ret == 0)
		ret = identify_nics(next, &call->err);
	ret = change_end(call, next, ret);
	if (ret < 0 || call->what_if)
		return ret;
	n = json_array_size(json_object_get(call->result, "actions"));
	if (n > 0)
		events_publish("config-applied", json_pack("{s:I}", "actions", (json_int_t)n));
	return 0;
}
