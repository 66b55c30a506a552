/* SPDX-License-Identifier: BSD-3-Clause */
// list-switches, list-ports, show-port, show.
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include <vswitch/vmnic/nics.h>

#include "reconcile.h"
#include "view.h"

static int out_of_memory(struct rpc_call *call)
{
	return vsw_fail(&call->err, VSW_E_LIMIT, NULL, "out of memory");
}

// Sorted by name: those that run, and those that are configured but could not be opened.
static json_t *ports_of(const struct vsw_switch *sw)
{
	const struct config *cfg = config_current();
	struct vsw_port **ports;
	json_t *array = json_array();
	int n = view_ports(sw, &ports), next = 0;

	if (n < 0)
		return array;
	for (unsigned i = 0; cfg != NULL && i < cfg->n_ports; i++) {
		const struct port_config *port = &cfg->ports[i].cfg;
		const char *reason = config_port_failure(port->name);

		if (reason == NULL || (sw != NULL && strcmp(port->switch_name, sw->cfg.name) != 0))
			continue;
		for (; next < n && strcmp(ports[next]->cfg.name, port->name) < 0; next++)
			json_array_append_new(array, view_port(ports[next]));
		json_array_append_new(array, view_down_port(port, reason));
	}
	for (; next < n; next++)
		json_array_append_new(array, view_port(ports[next]));
	free(ports);
	return array;
}

// *sw stays NULL if none is named.
static int named_switch(struct rpc_call *call, struct vsw_switch **sw)
{
	const char *name = rpc_string(call, "switch");

	*sw = NULL;
	if (name == NULL)
		return 0;
	*sw = switch_find(name);
	if (*sw == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", name);
	return 0;
}

int handle_list_switches(struct rpc_call *call)
{
	struct vsw_switch **switches;
	json_t *array = json_array();
	int n = view_switches(&switches), i;

	if (n < 0) {
		json_decref(array);
		return out_of_memory(call);
	}
	for (i = 0; i < n; i++)
		json_array_append_new(array, view_switch(switches[i]));
	free(switches);
	call->result = json_pack("{s:o}", "switches", array);
	return 0;
}

int handle_show(struct rpc_call *call)
{
	struct vsw_switch **switches, *only;
	json_t *array, *json;
	int n, i, ret = named_switch(call, &only);

	if (ret < 0)
		return ret;
	n = view_switches(&switches);
	if (n < 0)
		return out_of_memory(call);
	array = json_array();
	for (i = 0; i < n; i++) {
		if (only != NULL && switches[i] != only)
			continue;
		json = view_switch(switches[i]);
		json_object_set_new(json, "ports", ports_of(switches[i]));
		json_array_append_new(array, json);
	}
	free(switches);
	call->result = json_pack("{s:o}", "switches", array);
	return 0;
}

int handle_list_ports(struct rpc_call *call)
{
	struct vsw_switch *only;
	int ret = named_switch(call, &only);

	if (ret < 0)
		return ret;
	call->result = json_pack("{s:o}", "ports", ports_of(only));
	return 0;
}

static int no_port(struct rpc_call *call, const char *name)
{
	return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
		"port '%s' does not exist", name);
}

static json_t *down_port(const char *name)
{
	const struct vsw_counters none = {};
	const char *reason = config_port_failure(name);
	json_t *json, *counters = json_object();

	if (reason == NULL) {
		json_decref(counters);
		return NULL;
	}
	json = view_down_port(&config_find_port(config_current(), name)->cfg, reason);
	view_counters(counters, &none);
	json_object_set_new(json, "counters", counters);
	json_object_set_new(json, "lost", json_pack("{s:i, s:i}", "rx_missed", 0, "tx_lost", 0));
	json_object_set_new(json, "driver", json_object());
	return json;
}

int handle_show_port(struct rpc_call *call)
{
	const char *name = rpc_string(call, "port");
	struct vsw_port *port = port_find(name);
	struct vsw_counters sum;
	json_t *json, *counters;

	if (port == NULL) {
		json = down_port(name);
		call->result = json == NULL ? NULL : json_pack("{s:o}", "port", json);
		return json == NULL ? no_port(call, name) : 0;
	}
	counters = json_object();
	json = view_port(port);
	counters_sum(port->id, &sum);
	view_counters(counters, &sum);
	json_object_set_new(json, "counters", counters);
	json_object_set_new(json, "lost", view_lost(port));
	json_object_set_new(json, "driver", view_driver(port));
	if (port->cfg.type == PORT_VMNIC)
		json_object_set_new(json, "guest", nics_detail(name));
	call->result = json_pack("{s:o}", "port", json);
	return 0;
}
