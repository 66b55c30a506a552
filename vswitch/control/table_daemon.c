/* SPDX-License-Identifier: BSD-3-Clause */
// The daemon itself, and events: version, subscribe, rpc.discover.
#include "table.h"

#define E_SWITCH \
	{ \
		.name = "switch", .type = RPC_NAME, .help = "the switch" \
	}
#define E_PORT \
	{ \
		.name = "port", .type = RPC_NAME, .help = "the port" \
	}
#define E_OLD \
	{ \
		.name = "old", .type = RPC_NAME, .optional = true, \
		.help = "its name before, if it was renamed" \
	}
#define E_NIC \
	{.name = "nic", .type = RPC_STRING, .help = "interface name"}, \
	{ \
		.name = "mac", .type = RPC_MAC, .optional = true, .help = "its address" \
	}

#define E_GUEST \
	{.name = "switch", \
		.type = RPC_NAME, \
		.optional = true, \
		.help = "the port's, if there is such a port"}, \
		{.name = "port", .type = RPC_NAME, .help = "the port it asks for"}, \
		{.name = "partition", .type = RPC_STRING, .help = "the guest"}, \
		{.name = "nic", .type = RPC_STRING, .help = "its NIC"}, \
	{ \
		.name = "mac", .type = RPC_MAC, .help = "the NIC's address" \
	}

const struct rpc_event rpc_events[] = {
	{"switch-added", "a switch was created", RPC_FIELDS(E_SWITCH)},
	{"switch-changed", "a switch was changed or renamed", RPC_FIELDS(E_SWITCH, E_OLD)},
	{"switch-removed", "a switch was deleted", RPC_FIELDS(E_SWITCH)},
	{"port-added", "a port was created", RPC_FIELDS(E_SWITCH, E_PORT)},
	{"port-changed", "a port was changed, renamed or moved",
		RPC_FIELDS(E_SWITCH, E_PORT, E_OLD)},
	{"port-removed", "a port was deleted", RPC_FIELDS(E_SWITCH, E_PORT)},
	{"link-up", "a port's link came up",
		RPC_FIELDS(E_SWITCH, E_PORT,
			{.name = "speed_mbps",
				.type = RPC_UINT,
				.optional = true,
				.help = "if it is known"})},
	{"link-down", "a port's link went down",
		RPC_FIELDS(E_SWITCH, E_PORT,
			{.name = "reason", .type = RPC_STRING, .optional = true, .help = "why"})},
	{"loop-detected",
		"the same source address came in by two ports in quick turns, or one of our own "
		"did",
		RPC_FIELDS(E_SWITCH, E_PORT,
			{.name = "other_port",
				.type = RPC_NAME,
				.optional = true,
				.help = "the other end of the loop"},
			{.name = "mac", .type = RPC_MAC, .help = "the address that was seen"},
			{.name = "vlan", .type = RPC_UINT, .help = "its VLAN"})},
	{"nic-added", "a network card appeared on the host", RPC_FIELDS(E_NIC)},
	{"nic-removed", "a network card went away", RPC_FIELDS(E_NIC)},
	{"guest-attached", "a hypervisor attached a guest's NIC", RPC_FIELDS(E_GUEST)},
	{"guest-detached", "a guest's NIC went away",
		RPC_FIELDS(E_GUEST, {.name = "reason", .type = RPC_STRING, .help = "why"})},
	{"guest-refused", "a hypervisor may not attach a NIC, or did it wrongly",
		RPC_FIELDS(E_GUEST, {.name = "reason", .type = RPC_STRING, .help = "why"})},
	{"config-applied", "apply-config changed the configuration",
		RPC_FIELDS({.name = "actions",
			.type = RPC_UINT,
			.help = "number of things that were done"})},
	{"overflow", "this subscriber was too slow and lost events; sent in their place",
		RPC_FIELDS({.name = "lost", .type = RPC_UINT, .help = "how many"})},
	{},
};

// For the parameter of subscribe; a unit test holds it to rpc_events.
const char *const rpc_event_names[] = {"switch-added", "switch-changed", "switch-removed",
	"port-added", "port-changed", "port-removed", "link-up", "link-down", "loop-detected",
	"nic-added", "nic-removed", "guest-attached", "guest-detached", "guest-refused",
	"config-applied", "overflow", NULL};

const struct rpc_method rpc_daemon_methods[] = {
	{
		.name = "subscribe",
		.command = "monitor",
		.group = "Daemon",
		.summary = "tell of changes as they happen",
		.details =
			"From the reply on, the connection also carries events: notifications of "
			"method \"event\". Each has a sequence number; seq of the reply is the "
			"last "
			"event before the subscription. Up to 1 024 events or 1 MiB wait for a "
			"slow "
			"reader; past that the oldest are lost and an overflow event says how "
			"many. "
			"Subscribing again replaces the choice of events; the connection's end "
			"ends "
			"it.",
		.examples = RPC_EXAMPLES({"everything", "vswitchctl monitor", "{}"},
			{"links only", "vswitchctl monitor --events link-up,link-down",
				"{\"events\":[\"link-up\",\"link-down\"]}"}),
		.params = RPC_PARAMS({.name = "events",
					     .type = RPC_ENUMS,
					     .values = rpc_event_names,
					     .metavar = "LIST",
					     .preset = "all",
					     .help = "only these; overflow is always sent"},
			{.name = "reconnect",
				.type = RPC_BOOL,
				.local = true,
				.help = "when the daemon goes away, wait for it to come back"}),
		.result = RPC_FIELDS({.name = "subscribed", .type = RPC_BOOL, .help = "true"},
			{.name = "seq",
				.type = RPC_UINT,
				.help = "number of the last event before the subscription"}),
		.errors = RPC_ERRORS(VSW_E_LIMIT),
	},
	{
		.name = "version",
		.group = "Daemon",
		.summary = "show versions and how the daemon runs",
		.examples = RPC_EXAMPLES({"", "vswitchctl version", "{}"}),
		.result = RPC_FIELDS(
			{.name = "version", .type = RPC_STRING, .help = "of the daemon"},
			{.name = "protocol",
				.type = RPC_UINT,
				.help = "of this protocol; grows only when something incompatible "
					"changes"},
			{.name = "dpdk", .type = RPC_STRING, .help = "DPDK's version"},
			{.name = "fdb_isa",
				.type = RPC_STRING,
				.help = "instruction set of the table look-up: avx512, avx2 or "
					"plain"},
			{.name = "workers", .type = RPC_UINT, .help = "number of data cores"},
			{.name = "huge_pages", .type = RPC_BOOL, .help = "whether it has any"},
			{.name = "poll",
				.type = RPC_BOOL,
				.help = "whether workers never sleep (--poll)"},
			{.name = "pid", .type = RPC_UINT, .help = "process"},
			{.name = "uptime", .type = RPC_UINT, .help = "seconds since it started"}),
	},
	{
		.name = "rpc.discover",
		.command = "",
		.group = "Daemon",
		.summary = "describe this protocol to a machine",
		.details = "All that this page says, as JSON.",
		.examples = RPC_EXAMPLES({"", "", "{}"}),
		.result = RPC_FIELDS({.name = "protocol", .type = RPC_UINT, .help = "its version"},
			{.name = "methods",
				.type = RPC_ARRAY,
				.help = "objects of name, summary, changes, params, result, "
					"errors"},
			{.name = "objects",
				.type = RPC_ARRAY,
				.help = "named kinds of object in results"},
			{.name = "errors",
				.type = RPC_ARRAY,
				.help = "objects of code, name, help"},
			{.name = "events",
				.type = RPC_ARRAY,
				.help = "objects of name, help, "
					"fields"}),
	},
	{},
};
