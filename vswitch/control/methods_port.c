/* SPDX-License-Identifier: BSD-3-Clause */
// add-port, del-port, set-port, rename-port, move-port, bind-nic, unbind-nic.
#include <stdio.h>
#include <string.h>

#include <vswitch/nic/inventory.h>
#include <vswitch/port_nic.h>

#include "change.h"
#include "handlers.h"
#include "port_json.h"
#include "syntax.h"

int handle_add_port(struct rpc_call *call)
{
	struct port_config port = {.type = word_index(port_type_names, rpc_string(call, "type"))};
	struct config *next;
	unsigned set;
	int ret;

	snprintf(port.name, sizeof(port.name), "%s", rpc_string(call, "port"));
	snprintf(port.switch_name, sizeof(port.switch_name), "%s", rpc_string(call, "switch"));
	ret = port_read_settings(call->params, &port, &set, &call->err);
	if (ret < 0)
		return ret;
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_add_port(next, &port, set, rpc_bool(call, "may_exist"), &call->err));
}

int handle_del_port(struct rpc_call *call)
{
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_del_port(
			next, rpc_string(call, "port"), rpc_bool(call, "if_exists"), &call->err));
}

int handle_set_port(struct rpc_call *call)
{
	struct port_config values = {};
	struct config *next;
	unsigned set;
	int ret = port_read_settings(call->params, &values, &set, &call->err);

	if (ret < 0)
		return ret;
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_set_port(next, rpc_string(call, "port"), &values, set, &call->err));
}

int handle_rename_port(struct rpc_call *call)
{
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_rename_port(
			next, rpc_string(call, "name"), rpc_string(call, "new"), &call->err));
}

int handle_move_port(struct rpc_call *call)
{
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_move_port(
			next, rpc_string(call, "port"), rpc_string(call, "switch"), &call->err));
}

int handle_bind_nic(struct rpc_call *call)
{
	struct port_config port = {.type = PORT_NIC};
	struct config *next;
	uint16_t mtu;
	unsigned set;
	int ret;

	snprintf(port.switch_name, sizeof(port.switch_name), "%s", rpc_string(call, "switch"));
	if (rpc_has(call, "port"))
		snprintf(port.name, sizeof(port.name), "%s", rpc_string(call, "port"));
	ret = port_read_settings(call->params, &port, &set, &call->err);
	if (ret < 0)
		return ret;
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	mtu = port.mtu;
	ret = config_find_switch(next, port.switch_name) == NULL
	              ? 0
	              : // the transform says so, before the NIC is looked at
	              nic_identify(next, rpc_string(call, "nic"), &port, &call->err);
	if (set & SET_MTU)
		port.mtu = mtu;
	if (ret == 0)
		ret = config_bind_nic(next, &port, set, rpc_bool(call, "may_exist"), &call->err);
	return change_end(call, next, ret);
}

int handle_unbind_nic(struct rpc_call *call)
{
	const char *token = rpc_string(call, "nic");
	struct config *next = change_begin(call);
	const struct vsw_port *port;
	struct nic_info nic;
	bool ambiguous;

	if (next == NULL)
		return -(int)call->err.code;
	// A name that only the kernel knows: an alternative or new one, or a virtual NIC's MAC.
	if (config_find_nic(next, token, &ambiguous) == NULL && !ambiguous &&
		config_find_port(next, token) == NULL && nic_resolve(token, &nic, NULL) == 0 &&
		nic.ifname[0] != '\0') {
		port = port_nic_by_index(nic.ifindex);
		token = port != NULL ? port->cfg.name : nic.ifname;
	}
	return change_end(call, next,
		config_unbind_nic(next, token, rpc_bool(call, "if_exists"), &call->err));
}
