/* SPDX-License-Identifier: BSD-3-Clause */
// The whole configuration as one document: export-config, apply-config.
#include "table.h"

const struct rpc_method rpc_config_methods[] = {
	{
		.name = "export-config",
		.group = "Configuration",
		.summary = "write out the whole configuration",
		.details =
			"Sorted by name, without what is at its default: the same configuration is "
			"always the same text. The state file is the same document.",
		.examples = RPC_EXAMPLES({"", "vswitchctl export-config backup.json", "{}"}),
		.params = RPC_PARAMS({.name = "file",
			.type = RPC_STRING,
			.local = true,
			.position = 1,
			.metavar = "FILE",
			.preset = "standard output",
			.help = "where to write it; - is standard output"}),
		.result = RPC_FIELDS({.name = "config",
			.type = RPC_OBJECT,
			.of = "config",
			.help = "what apply-config takes"}),
	},
	{
		.name = "apply-config",
		.group = "Configuration",
		.summary = "make the running configuration match a document",
		.details = "What the document names is created or changed; what it does not name "
			   "stays, "
			   "or with prune is deleted. The document is checked as a whole first: "
			   "unknown "
			   "keys and broken rules are named by their place (ports[3].colour) and "
			   "nothing "
			   "is changed. Applying the same document again changes nothing.",
		.examples =
			RPC_EXAMPLES({"see what would happen",
					     "vswitchctl apply-config site.json --what-if", NULL},
				{"exactly this and nothing else",
					"vswitchctl apply-config site.json --prune",
					"{\"config\":{\"version\":1,\"switches\":[],\"ports\":[],"
					"\"fdb\":[]},\"prune\":true}"}),
		.params = RPC_PARAMS(
			{.name = "config",
				.type = RPC_OBJECT,
				.required = true,
				.position = 1,
				.metavar = "FILE",
				.help = "the document; vswitchctl reads it from FILE, - is "
					"standard input"},
			{.name = "prune",
				.type = RPC_BOOL,
				.help = "delete what the document does not name"},
			P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_EXISTS, VSW_E_NOT_FOUND, VSW_E_BUSY, VSW_E_REFUSED,
			VSW_E_INVALID, VSW_E_UNSUPPORTED, VSW_E_LIMIT, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{},
};
