/* SPDX-License-Identifier: BSD-3-Clause */
// Guests on VMBus and why a port carries nothing: list-guests, diagnose-port.
#include "table.h"

const struct rpc_method rpc_guest_methods[] = {
	{
		.name = "list-guests",
		.group = "Guests",
		.summary = "list guests' NICs, connected or waiting for a port",
		.details =
			"Every NIC that a hypervisor has attached over the daemon's VMBus socket. "
			"One that waits is there in its guest with the link down: add a vmnic port "
			"of the name it asks for.",
		.examples = RPC_EXAMPLES({"", "vswitchctl list-guests", "{}"}),
		.result = RPC_FIELDS({.name = "guests",
			.type = RPC_ARRAY,
			.of = "guest",
			.help = "sorted by port"}),
	},
	{
		.name = "diagnose-port",
		.group = "Guests",
		.summary = "say why a port carries no frames",
		.details =
			"Walks from the switch to what is behind the port and stops at the first "
			"thing that is missing. vmnic: hypervisor, offer, channel, NVSP, buffers, "
			"RNDIS, filter, first frame. host and tap: interface, namespace, carrier. "
			"Other types: driver and link.",
		.examples =
			RPC_EXAMPLES({"", "vswitchctl diagnose-port vm2", "{\"port\":\"vm2\"}"}),
		.params = RPC_PARAMS({.name = "port",
			.type = RPC_NAME,
			.required = true,
			.position = 1,
			.metavar = "PORT",
			.help = "the port"}),
		.result = RPC_FIELDS({.name = "port", .type = RPC_NAME, .help = "the port"},
			{.name = "ok", .type = RPC_BOOL, .help = "nothing is stopped"},
			{.name = "steps",
				.type = RPC_ARRAY,
				.of = "diagnosis-step",
				.help = "in order"}),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND),
	},
	{},
};
