/* SPDX-License-Identifier: BSD-3-Clause */
// add-switch, del-switch, set-switch, rename-switch.
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "handlers.h"
#include "syntax.h"

// The parameter is one of the words: the table has seen to it.
static enum switch_type type_param(const struct rpc_call *call)
{
	return word_index(switch_type_names, rpc_string(call, "type"));
}

// Binds the request's NIC as the switch's uplink.
static int bind_uplink(
	struct rpc_call *call, struct config *cfg, const char *switch_name, bool may_exist)
{
	struct port_config port;
	int ret;

	port_config_init(&port, "", switch_name, PORT_NIC, NIC_ROLE_UPLINK);
	ret = nic_identify(cfg, rpc_string(call, "nic"), &port, &call->err);
	return ret < 0 ? ret : config_bind_nic(cfg, &port, 0, may_exist, &call->err);
}

static int refuse_nic(struct rpc_call *call, const char *name, enum switch_type type)
{
	return vsw_fail(&call->err, VSW_E_REFUSED, "leave out --type, or say --type external",
		"only external switches have NICs: switch '%s' is to be %s", name,
		switch_type_names[type]);
}

// Of a switch that is there already only what is asked for has to fit.
static void take_unasked(
	const struct rpc_call *call, const struct config *cfg, struct switch_config *sw)
{
	const struct config_switch *there = config_find_switch(cfg, sw->name);

	if (there == NULL)
		return;
	if (!rpc_has(call, "type") && !rpc_has(call, "nic"))
		sw->type = there->cfg.type;
	if (!rpc_has(call, "ageing"))
		sw->ageing_s = there->cfg.ageing_s;
	if (!rpc_has(call, "mac_limit"))
		sw->mac_limit = there->cfg.mac_limit;
}

int handle_add_switch(struct rpc_call *call)
{
	const char *name = rpc_string(call, "name");
	bool may_exist = rpc_bool(call, "may_exist"), has_nic = rpc_has(call, "nic");
	struct switch_config sw;
	struct config *next;
	int ret;

	switch_config_init(&sw, name, has_nic ? SWITCH_EXTERNAL : SWITCH_INTERNAL);
	if (rpc_has(call, "type"))
		sw.type = type_param(call);
	if (has_nic && sw.type != SWITCH_EXTERNAL)
		return refuse_nic(call, name, sw.type);
	sw.ageing_s = rpc_uint(call, "ageing", sw.ageing_s);
	sw.mac_limit = rpc_uint(call, "mac_limit", sw.mac_limit);
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	if (may_exist)
		take_unasked(call, next, &sw);
	ret = config_add_switch(next, &sw, may_exist, &call->err);
	if (ret == 0 && has_nic)
		ret = bind_uplink(call, next, name, may_exist);
	return change_end(call, next, ret);
}

int handle_del_switch(struct rpc_call *call)
{
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_del_switch(next, rpc_string(call, "name"), rpc_bool(call, "if_exists"),
			rpc_bool(call, "force"), &call->err));
}

int handle_set_switch(struct rpc_call *call)
{
	const char *name = rpc_string(call, "name");
	struct switch_config values = {.type = SWITCH_EXTERNAL};
	bool has_nic = rpc_has(call, "nic");
	unsigned set = has_nic ? SET_TYPE : 0;
	struct config *next;
	int ret;

	if (rpc_has(call, "type")) {
		values.type = type_param(call);
		set |= SET_TYPE;
	}
	if (has_nic && values.type != SWITCH_EXTERNAL)
		return refuse_nic(call, name, values.type);
	values.ageing_s = rpc_uint(call, "ageing", 0);
	values.mac_limit = rpc_uint(call, "mac_limit", 0);
	set |= rpc_has(call, "ageing") ? SET_AGEING : 0;
	set |= rpc_has(call, "mac_limit") ? SET_MAC_LIMIT : 0;
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	ret = config_set_switch(next, name, &values, set, &call->err);
	// The same NIC again is no change.
	if (ret == 0 && has_nic)
		ret = bind_uplink(call, next, name, true);
	return change_end(call, next, ret);
}

int handle_rename_switch(struct rpc_call *call)
{
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	return change_end(call, next,
		config_rename_switch(
			next, rpc_string(call, "name"), rpc_string(call, "new"), &call->err));
}
