/* SPDX-License-Identifier: BSD-3-Clause */
#include "methods.h"

#include <stddef.h>
#include <string.h>

const struct rpc_method *const rpc_method_groups[] = {rpc_switch_methods, rpc_port_methods,
	rpc_nic_methods, rpc_guest_methods, rpc_fdb_methods, rpc_stats_methods, rpc_config_methods,
	rpc_daemon_methods, NULL};

const struct rpc_error rpc_errors[] = {{-32700, "parse-error", "the line is not JSON"},
	{-32600, "invalid-request", "the line is JSON, but not a request of JSON-RPC 2.0"},
	{-32601, "unknown-method", "there is no such method"},
	{-32602, "invalid-params",
		"a parameter is unknown, missing, ill-typed or out of range; the message names it"},
#define X(sym, num, name, help) {num, name, help},
	VSW_ERRORS(X)
#undef X
		{}};

const struct rpc_method *rpc_method_next(const struct rpc_method *prev)
{
	unsigned i;

	if (prev == NULL)
		return rpc_method_groups[0];
	if (prev[1].name != NULL)
		return prev + 1;
	for (i = 0; rpc_method_groups[i] != NULL; i++)
		if (strcmp(rpc_method_groups[i]->group, prev->group) == 0)
			return rpc_method_groups[i + 1];
	return NULL;
}

const struct rpc_method *rpc_method_find(const char *name)
{
	const struct rpc_method *method = NULL;

	while ((method = rpc_method_next(method)) != NULL)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

const struct rpc_param *rpc_param_find(const struct rpc_method *method, const char *name)
{
	const struct rpc_param *param;

	for (param = method->params; param != NULL && param->name != NULL; param++)
		if (strcmp(param->name, name) == 0 && !param->local)
			return param;
	return NULL;
}

const char *rpc_method_command(const struct rpc_method *method)
{
	return method->command != NULL ? method->command : method->name;
}

const char *rpc_type_name(enum rpc_type type)
{
	static const char *const names[] = {
#define X(sym, name, help) name,
		RPC_TYPES(X)
#undef X
	};

	return names[type];
}

int rpc_event_index(const char *name)
{
	int i;

	for (i = 0; rpc_events[i].name != NULL; i++)
		if (strcmp(rpc_events[i].name, name) == 0)
			return i;
	return -1;
}
