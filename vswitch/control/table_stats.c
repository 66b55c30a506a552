/* SPDX-License-Identifier: BSD-3-Clause */
// Statistics: show-stats, show-workers.
#include "table.h"

const struct rpc_method rpc_stats_methods[] = {
	{
		.name = "show-stats",
		.group = "Statistics",
		.summary = "show counters: frames in, frames out and every loss by its reason",
		.details = "rx is into the switch, tx out of it. At rest, over all ports of the "
			   "daemon, deleted ones included: received + copies made by flooding + "
			   "segments made by segmentation = delivered + dropped, exactly; the sum "
			   "says whether it balances. Under traffic it may be off by the frames "
			   "on their way.",
		.examples = RPC_EXAMPLES({"all ports", "vswitchctl show-stats", "{}"},
			{"why web1 loses frames", "vswitchctl show-stats web1 --drops",
				"{\"port\":\"web1\",\"drops\":true}"},
			{"rates, each second", "vswitchctl show-stats --watch", NULL}),
		.params = RPC_PARAMS({.name = "port",
					     .type = RPC_NAME,
					     .position = 1,
					     .metavar = "PORT",
					     .preset = "all",
					     .help = "only this port"},
			{.name = "drops",
				.type = RPC_BOOL,
				.help = "a table of ports and drop reasons, with what they mean"},
			{.name = "watch",
				.type = RPC_BOOL,
				.local = true,
				.help = "repeat each second, with rates"}),
		.result = RPC_FIELDS({.name = "ports",
					     .type = RPC_ARRAY,
					     .of = "port-stats",
					     .help = "sorted by name"},
			{.name = "deleted",
				.type = RPC_OBJECT,
				.of = "counters",
				.help = "totals of ports that are gone"},
			{.name = "sum",
				.type = RPC_OBJECT,
				.of = "stats-sum",
				.help = "over all ports of the daemon, also if one was asked for"},
			{.name = "reasons",
				.type = RPC_OBJECT,
				.optional = true,
				.help = "with drops: each drop reason with what it means"}),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND),
	},
	{
		.name = "show-workers",
		.group = "Statistics",
		.summary = "show the data cores: load, queues, sleeps",
		.examples = RPC_EXAMPLES({"", "vswitchctl show-workers", "{}"}),
		.result = RPC_FIELDS(
			{.name = "workers", .type = RPC_ARRAY, .of = "worker", .help = "by id"},
			{.name = "mbufs", .type = RPC_UINT, .help = "packet buffers there are"},
			{.name = "mbufs_in_use",
				.type = RPC_UINT,
				.help = "of these: hold packets, or wait in a driver for some"}),
	},
	{},
};
