/* SPDX-License-Identifier: BSD-3-Clause */
// add-fdb, del-fdb, flush-fdb.
#include <stdio.h>
#include <string.h>

#include <vswitch/switch.h>

#include "change.h"
#include "handlers.h"
#include "reconcile.h"
#include "syntax.h"

static void read_entry(const struct rpc_call *call, struct fdb_static_config *entry)
{
	*entry = (struct fdb_static_config){.vlan = rpc_uint(call, "vlan", 0)};
	snprintf(entry->switch_name, sizeof(entry->switch_name), "%s", rpc_string(call, "switch"));
	if (rpc_has(call, "port"))
		snprintf(
			entry->port_name, sizeof(entry->port_name), "%s", rpc_string(call, "port"));
	mac_parse(rpc_string(call, "mac"), entry->mac);
}

int handle_add_fdb(struct rpc_call *call)
{
	struct fdb_static_config entry;
	struct config *next = change_begin(call);

	if (next == NULL)
		return -(int)call->err.code;
	read_entry(call, &entry);
	return change_end(
		call, next, config_add_fdb(next, &entry, rpc_bool(call, "may_exist"), &call->err));
}

static int done_live(struct rpc_call *call, json_t *action)
{
	call->result = action == NULL ? json_pack("{s:b, s:[]}", "changed", 0, "actions")
	                              : json_pack("{s:b, s:[o]}", "changed", 1, "actions", action);
	return 0;
}

// A learned entry is no part of the configuration: it is only forgotten. Returns false if there
// is none.
static bool forget_learned(struct rpc_call *call, const struct fdb_static_config *entry)
{
	const struct vsw_switch *sw = switch_find(entry->switch_name);
	uint64_t key = fdb_key_of(entry->vlan, entry->mac), word = 0;
	char mac[MAC_TEXT_SIZE];

	if (sw == NULL)
		return false;
	fdb_lookup_bulk(sw->fdb, &key, &word, 1);
	if (word == 0 || word & FDB_STATIC)
		return false;
	if (!call->what_if)
		fdb_del(sw->fdb, key);
	mac_format(entry->mac, mac);
	done_live(call, json_sprintf("forget learned MAC %s VLAN %u on '%s'", mac, entry->vlan,
				entry->switch_name));
	return true;
}

int handle_del_fdb(struct rpc_call *call)
{
	struct fdb_static_config entry;
	struct config *next;

	read_entry(call, &entry);
	if (config_find_static(config_current(), entry.switch_name, entry.vlan, entry.mac) ==
			NULL &&
		forget_learned(call, &entry))
		return 0;
	next = change_begin(call);
	if (next == NULL)
		return -(int)call->err.code;
	return change_end(
		call, next, config_del_fdb(next, &entry, rpc_bool(call, "if_exists"), &call->err));
}

struct flush {
	uint16_t port; // 0: all
	int vlan;      // -1: all
	uint32_t n;
};

static bool count_entry(const struct fdb_entry *entry, void *arg)
{
	struct flush *flush = arg;

	flush->n += !entry->is_static && (flush->port == 0 || entry->port == flush->port) &&
	            (flush->vlan < 0 || entry->vlan == flush->vlan);
	return true;
}

// The request's port as an id. 0 with 0: it is configured, but not open.
static int find_port(struct rpc_call *call, const char *switch_name, uint16_t *id)
{
	const char *name = rpc_string(call, "port");
	const struct config_port *port = config_find_port(config_current(), name);
	const struct vsw_port *live;

	if (port == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%s' does not exist", name);
	if (strcmp(port->cfg.switch_name, switch_name) != 0)
		return vsw_fail(&call->err, VSW_E_REFUSED, "name the switch the port is on",
			"port '%s' is on switch '%s', not on '%s'", name, port->cfg.switch_name,
			switch_name);
	live = port_find(name);
	*id = live != NULL ? live->id : 0;
	return 0;
}

int handle_flush_fdb(struct rpc_call *call)
{
	const char *name = rpc_string(call, "switch");
	const struct vsw_switch *sw = switch_find(name);
	struct flush flush = {.vlan = -1};
	int ret;

	if (sw == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", name);
	if (rpc_has(call, "vlan"))
		flush.vlan = rpc_uint(call, "vlan", 0);
	if (rpc_has(call, "port") && (ret = find_port(call, name, &flush.port)) < 0)
		return ret;
	if (rpc_has(call, "port") && flush.port == 0)
		flush.n = 0; // nothing is learned behind a port that is not open
	else if (call->what_if)
		fdb_walk(sw->fdb, 0, count_entry, &flush);
	else
		flush.n = fdb_flush(sw->fdb, flush.port, flush.vlan, false);
	done_live(call, flush.n == 0
				? NULL
				: json_sprintf("forget %u learned MACs on '%s'", flush.n, name));
	json_object_set_new(call->result, "flushed", json_integer(flush.n));
	return 0;
}
