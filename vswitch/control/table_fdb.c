/* SPDX-License-Identifier: BSD-3-Clause */
// Forwarding tables: show-fdb, add-fdb, del-fdb, flush-fdb.
#include "table.h"

#define P_SWITCH \
	{ \
		.name = "switch", .type = RPC_NAME, .required = true, .position = 1, \
		.metavar = "SWITCH", .help = "the switch" \
	}
#define P_ENTRY_VLAN \
	{ \
		.name = "vlan", .type = RPC_VLAN, .max = VSW_VLAN_MAX, .metavar = "ID", \
		.preset = "0", .help = "the entry's VLAN; 0: the untagged domain" \
	}

const struct rpc_method rpc_fdb_methods[] = {
	{
		.name = "show-fdb",
		.group = "Forwarding table",
		.summary = "show which MAC is behind which port",
		.details = "Parameters beside the switch narrow the list; the totals are always "
			   "those of the whole table.",
		.examples = RPC_EXAMPLES(
			{"all entries", "vswitchctl show-fdb lan", "{\"switch\":\"lan\"}"},
			{"what is behind web1 in VLAN 10",
				"vswitchctl show-fdb lan --port web1 --vlan 10",
				"{\"switch\":\"lan\",\"port\":\"web1\",\"vlan\":10}"}),
		.params = RPC_PARAMS(P_SWITCH,
			{.name = "vlan",
				.type = RPC_VLAN,
				.max = VSW_VLAN_MAX,
				.metavar = "ID",
				.preset = "all",
				.help = "only this VLAN; 0: the untagged domain"},
			{.name = "port",
				.type = RPC_NAME,
				.metavar = "PORT",
				.preset = "all",
				.help = "only entries of this port"},
			{.name = "mac",
				.type = RPC_MAC,
				.metavar = "MAC",
				.preset = "all",
				.help = "only this address"},
			{.name = "static", .type = RPC_BOOL, .help = "only static entries"}),
		.result = RPC_FIELDS({.name = "entries",
					     .type = RPC_ARRAY,
					     .of = "fdb-entry",
					     .help = "sorted by VLAN and MAC"},
			{.name = "stats",
				.type = RPC_OBJECT,
				.of = "fdb-stats",
				.help = "of the whole table"}),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND),
	},
	{
		.name = "add-fdb",
		.group = "Forwarding table",
		.summary = "pin a MAC to a port",
		.details =
			"A static entry is neither aged nor moved by traffic, and is part of the "
			"configuration. A learned entry for the same address is replaced.",
		.examples = RPC_EXAMPLES({"",
			"vswitchctl add-fdb lan 02:00:00:00:00:01 web1 --vlan 10",
			"{\"switch\":\"lan\",\"mac\":\"02:00:00:00:00:01\",\"port\":\"web1\","
			"\"vlan\":10}"}),
		.params = RPC_PARAMS(P_SWITCH,
			{.name = "mac",
				.type = RPC_MAC,
				.required = true,
				.position = 2,
				.metavar = "MAC",
				.help = "the address; not a group address"},
			{.name = "port",
				.type = RPC_NAME,
				.required = true,
				.position = 3,
				.metavar = "PORT",
				.help = "the port, of the same switch"},
			P_ENTRY_VLAN, P_MAY_EXIST, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_EXISTS, VSW_E_NOT_FOUND, VSW_E_REFUSED, VSW_E_INVALID,
			VSW_E_LIMIT, VSW_E_STATE),
		.changes = true,
	},
	{
		.name = "del-fdb",
		.group = "Forwarding table",
		.summary = "delete an entry, static or learned",
		.examples = RPC_EXAMPLES({"", "vswitchctl del-fdb lan 02:00:00:00:00:01 --vlan 10",
			"{\"switch\":\"lan\",\"mac\":\"02:00:00:00:00:01\",\"vlan\":10}"}),
		.params = RPC_PARAMS(P_SWITCH,
			{.name = "mac",
				.type = RPC_MAC,
				.required = true,
				.position = 2,
				.metavar = "MAC",
				.help = "the address"},
			P_ENTRY_VLAN, P_IF_EXISTS, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND, VSW_E_STATE),
		.changes = true,
	},
	{
		.name = "flush-fdb",
		.group = "Forwarding table",
		.summary = "forget learned MACs",
		.details = "Static entries stay. Traffic teaches the switch again; until then it "
			   "floods.",
		.examples = RPC_EXAMPLES(
			{"the whole table", "vswitchctl flush-fdb lan", "{\"switch\":\"lan\"}"},
			{"one port's share", "vswitchctl flush-fdb lan --port web1",
				"{\"switch\":\"lan\",\"port\":\"web1\"}"}),
		.params = RPC_PARAMS(P_SWITCH,
			{.name = "port",
				.type = RPC_NAME,
				.metavar = "PORT",
				.preset = "all",
				.help = "only entries of this port"},
			{.name = "vlan",
				.type = RPC_VLAN,
				.max = VSW_VLAN_MAX,
				.metavar = "ID",
				.preset = "all",
				.help = "only this VLAN; 0: the untagged domain"},
			P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT, {.name = "flushed",
							    .type = RPC_UINT,
							    .help = "number of entries forgotten"}),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND, VSW_E_REFUSED),
		.changes = true,
	},
	{},
};
