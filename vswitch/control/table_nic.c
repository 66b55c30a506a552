/* SPDX-License-Identifier: BSD-3-Clause */
// Network cards: bind-nic, unbind-nic, list-nics.
#include "table.h"

const struct rpc_method rpc_nic_methods[] = {
	{
		.name = "bind-nic",
		.group = "Network cards",
		.summary = "take a network card over and make it a port of an external switch",
		.details =
			"The NIC is named by interface name, PCI address or MAC, whichever is at "
			"hand. "
			"While it is bound the host does not use it; settings changed for the time "
			"are restored by unbind-nic. A NIC with addresses of the host's (other "
			"than "
			"link-local ones) is refused.\n\n"
			"Role uplink: the switch's way out, one per switch. It carries all VLANs "
			"tagged as they come, and untagged frames untagged. Role access: an "
			"ordinary "
			"port, as behind a hardware switch, untagged until told otherwise like the "
			"ports of guests; a switch may have many.\n\n"
			"Driver auto takes AF_XDP when the NIC and the MTU allow it and packet "
			"sockets "
			"(AF_PACKET) otherwise; show-port tells which and why. AF_XDP carries an "
			"MTU "
			"of about 3 500 at most.",
		.examples = RPC_EXAMPLES({"the uplink of a switch", "vswitchctl bind-nic lan eth1",
						 "{\"switch\":\"lan\",\"nic\":\"eth1\"}"},
			{"the same by PCI address, only VLANs 10 to 19",
				"vswitchctl bind-nic lan 0000:03:00.0 --trunk-vlans 10-19",
				"{\"switch\":\"lan\",\"nic\":\"0000:03:00.0\","
				"\"trunk_vlans\":\"10-19\"}"},
			{"a machine behind the switch, in VLAN 20",
				"vswitchctl bind-nic lan eth2 --role access --access-vlan 20",
				"{\"switch\":\"lan\",\"nic\":\"eth2\",\"role\":\"access\","
				"\"access_vlan\":20}"}),
		.params = RPC_PARAMS({.name = "switch",
					     .type = RPC_NAME,
					     .required = true,
					     .position = 1,
					     .metavar = "SWITCH",
					     .help = "an external switch"},
			{.name = "nic",
				.type = RPC_STRING,
				.max = 63,
				.required = true,
				.position = 2,
				.metavar = "NIC",
				.help = "interface name, PCI address or MAC"},
			{.name = "role",
				.type = RPC_ENUM,
				.values = RPC_WORDS("uplink", "access"),
				.metavar = "ROLE",
				.preset = "uplink",
				.help = "uplink: the way out, one per switch; access: an ordinary "
					"port"},
			{.name = "driver",
				.type = RPC_ENUM,
				.values = RPC_WORDS("auto", "af-xdp", "af-packet"),
				.metavar = "DRIVER",
				.preset = "auto",
				.help = "how frames are exchanged with the NIC"},
			{.name = "port",
				.type = RPC_NAME,
				.metavar = "NAME",
				.preset = "the interface's name",
				.help = "the new port's name"},
			P_MTU("the NIC's own"),
			P_VLANS("an uplink: trunk of all VLANs, native 0; role access: untagged"),
			P_MAY_EXIST, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_EXISTS, VSW_E_NOT_FOUND, VSW_E_BUSY, VSW_E_REFUSED,
			VSW_E_INVALID, VSW_E_UNSUPPORTED, VSW_E_LIMIT, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{
		.name = "unbind-nic",
		.group = "Network cards",
		.summary = "give a network card back to the host",
		.details = "Its port is deleted and the settings it had before are restored.",
		.examples = RPC_EXAMPLES({"", "vswitchctl unbind-nic eth1", "{\"nic\":\"eth1\"}"}),
		.params = RPC_PARAMS({.name = "nic",
					     .type = RPC_STRING,
					     .max = 63,
					     .required = true,
					     .position = 1,
					     .metavar = "NIC|PORT",
					     .help = "interface name, PCI address or MAC, or the "
						     "port's name"},
			P_IF_EXISTS, P_WHAT_IF),
		.result = RPC_FIELDS(CHANGE_RESULT),
		.errors = RPC_ERRORS(VSW_E_NOT_FOUND, VSW_E_STATE, VSW_E_DEVICE),
		.changes = true,
	},
	{
		.name = "list-nics",
		.group = "Network cards",
		.summary = "list network cards: free, bound, in use, unusable and why",
		.details = "Bound NICs are listed under the name they were bound by, also while "
			   "the kernel does not know them.",
		.examples = RPC_EXAMPLES({"", "vswitchctl list-nics", "{}"}),
		.result = RPC_FIELDS(
			{.name = "nics", .type = RPC_ARRAY, .of = "nic", .help = "sorted by name"}),
		.errors = RPC_ERRORS(VSW_E_DEVICE),
	},
	{},
};
