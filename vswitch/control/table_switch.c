/* SPDX-License-Identifier: BSD-3-Clause */
// Switches: add-switch, del-switch, set-switch, rename-switch, list-switches, show.
#include "table.h"

#define SWITCH_TYPES RPC_WORDS("external", "internal", "private")

#define TYPE_RULES \
	"external: guests, the host and physical networks by way of a bound NIC.\n" \
	"internal: guests and the host; no NIC.\n" \
	"private: guests among themselves; no NIC and no port of type host."

#define UPLINK_VLANS \
	"An uplink carries all VLANs tagged as they come, and untagged frames untagged; the " \
	"ports " \
	"of guests are untagged until told otherwise, so at first guests and the uplink meet in " \
	"the untagged domain."

#define P_SWITCH_NIC \
	{ \
		.name = "nic", .type = RPC_STRING, .max = 63, .metavar = "NIC", \
		.help = "network card to bind as uplink: interface name, PCI address or MAC" \
	}
#define P_AGEING \
	{ \
		.name = "ageing", .type = RPC_UINT, .max = RPC_AGEING_MAX, .metavar = "S", \
		.preset = "300", \
		.help = "seconds after which a learned MAC that was not seen is forgotten; 0: " \
			"never" \
	}
#define P_SWITCH_MAC_LIMIT \
	{ \
		.name = "mac_limit", .type = RPC_UINT, .min = 1, .max = RPC_MAC_LIMIT_MAX, \
		.metavar = "N", .preset = "1048576", \
		.help = "most MACs learned on the whole switch; frames from others are flooded" \
	}

const struct rpc_method rpc_switch_methods[] = {
	{
		.name = "add-switch",
		.group = "Switches",
		.summary = "create a switch",
		.details = TYPE_RULES
		"\n\n"
		"With a NIC the switch is created and the NIC bound as its uplink in one step: "
		"if the NIC cannot be had, there is no switch either. An external switch may "
		"also be created without and get its NIC later with bind-nic.\n\n" UPLINK_VLANS,
		.examples = RPC_EXAMPLES({"a switch for guests and the host",
						 "vswitchctl add-switch lab", "{\"name\":\"lab\"}"},
			{"a switch with eth1 as its way out",
				"vswitchctl add-switch lan --nic eth1",
				"{\"name\":\"lan\",\"nic\":\"eth1\"}"},
			{"guests only, forgetting MACs after a minute",
				"vswitchctl add-switch cell --type private --ageing 60",
				"{\"name\":\"cell\",\"type\":\"private\",\"ageing\":60}"}),
		.params = RPC_PARAMS({.name = "name",
					     .type = RPC_NAME,
					     .required = true,
					     .position = 1,
					     .metavar = "NAME",
					     .help = "the new switch's name"},
			{.name = "type",
				.type = RPC_ENUM,
				.values = SWITCH_TYPES,
				.metavar = "TYPE",
				.preset = "external if a NIC is given, else internal",
				.help = "what may be attached to it"},
			P_SWITCH_NIC, P_AGEING, P_SWITCH_MAC_LIMIT, P_MAY_EXIST, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_EXISTS, VSW_E_NOT_FOUND, VSW_E_BUSY, VSW_E_REFUSED,
			VSW_E_LIMIT, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{
		.name = "del-switch",
		.group = "Switches",
		.summary = "delete a switch",
		.details = "Refused while the switch has ports, unless forced: then its ports are "
			   "deleted with it and its NICs given back to the host.",
		.examples = RPC_EXAMPLES({"delete it with all it has",
			"vswitchctl del-switch lab --force", "{\"name\":\"lab\",\"force\":true}"}),
		.params = RPC_PARAMS({.name = "name",
					     .type = RPC_NAME,
					     .required = true,
					     .position = 1,
					     .metavar = "NAME",
					     .help = "the switch"},
			{.name = "force",
				.type = RPC_BOOL,
				.help = "delete its ports and unbind its NICs first"},
			P_IF_EXISTS, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND, VSW_E_REFUSED, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{
		.name = "set-switch",
		.group = "Switches",
		.summary = "change a switch while it runs",
		.details = "What is not named stays as it is. The type can be changed under "
			   "traffic as long as the new type's rule holds; otherwise the port or "
			   "NIC that stands against it is named.\n\n" TYPE_RULES
			   "\n\nA NIC given for a switch that is not external turns it external.",
		.examples = RPC_EXAMPLES({"give an internal switch a way out",
						 "vswitchctl set-switch lab --nic eth2",
						 "{\"name\":\"lab\",\"nic\":\"eth2\"}"},
			{"see first whether it could be private",
				"vswitchctl set-switch lab --type private --what-if",
				"{\"name\":\"lab\",\"type\":\"private\",\"what_if\":true}"}),
		.params = RPC_PARAMS({.name = "name",
					     .type = RPC_NAME,
					     .required = true,
					     .position = 1,
					     .metavar = "NAME",
					     .help = "the switch"},
			{.name = "type",
				.type = RPC_ENUM,
				.values = SWITCH_TYPES,
				.metavar = "TYPE",
				.preset = "as it is",
				.help = "what may be attached to it"},
			P_SWITCH_NIC,
			{.name = "ageing",
				.type = RPC_UINT,
				.max = RPC_AGEING_MAX,
				.metavar = "S",
				.preset = "as it is",
				.help = "seconds after which a learned MAC that was not seen is "
					"forgotten; 0: never"},
			{.name = "mac_limit",
				.type = RPC_UINT,
				.min = 1,
				.max = RPC_MAC_LIMIT_MAX,
				.metavar = "N",
				.preset = "as it is",
				.help = "most MACs learned on the whole switch"},
			P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(
			VSW_E_NOT_FOUND, VSW_E_BUSY, VSW_E_REFUSED, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{
		.name = "rename-switch",
		.group = "Switches",
		.summary = "give a switch another name",
		.details = "Traffic does not notice.",
		.examples = RPC_EXAMPLES({"", "vswitchctl rename-switch lab test",
			"{\"name\":\"lab\",\"new\":\"test\"}"}),
		.params = RPC_PARAMS({.name = "name",
					     .type = RPC_NAME,
					     .required = true,
					     .position = 1,
					     .metavar = "NAME",
					     .help = "the switch"},
			{.name = "new",
				.type = RPC_NAME,
				.required = true,
				.position = 2,
				.metavar = "NEW",
				.help = "its new name"},
			P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_EXISTS, VSW_E_NOT_FOUND, VSW_E_STATE),
		.changes = true,
	},
	{
		.name = "list-switches",
		.group = "Switches",
		.summary = "list the switches",
		.details = "One line a switch: type, uplink, number of ports and MACs.",
		.examples = RPC_EXAMPLES({"", "vswitchctl list-switches", "{}"}),
		.result = RPC_FIELDS({.name = "switches",
			.type = RPC_ARRAY,
			.of = "switch",
			.help = "sorted by name"}),
	},
	{
		.name = "show",
		.group = "Switches",
		.summary = "draw switches and their ports as a tree",
		.details = "Switches, ports, VLANs, link and rates in one picture.",
		.examples = RPC_EXAMPLES({"everything", "vswitchctl show", "{}"},
			{"one switch, for a script", "vswitchctl show lan --json",
				"{\"switch\":\"lan\"}"}),
		.params = RPC_PARAMS({.name = "switch",
			.type = RPC_NAME,
			.position = 1,
			.metavar = "SWITCH",
			.preset = "all",
			.help = "only this switch"}),
		.result = RPC_FIELDS({.name = "switches",
			.type = RPC_ARRAY,
			.of = "switch-tree",
			.help = "sorted by name"}),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND),
	},
	{},
};
