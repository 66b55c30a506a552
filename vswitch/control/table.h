/* SPDX-License-Identifier: BSD-3-Clause */
// Parameters and results that several methods share. For the table files only.
#pragma once

#include <stddef.h>

#include <vswitch/config.h>

#include "methods.h"

#define RPC_WORDS(...)    ((const char *const[]){__VA_ARGS__, NULL})
#define RPC_PARAMS(...)   ((const struct rpc_param[]){__VA_ARGS__, {}})
#define RPC_FIELDS(...)   ((const struct rpc_field[]){__VA_ARGS__, {}})
#define RPC_EXAMPLES(...) ((const struct rpc_example[]){__VA_ARGS__, {}})
#define RPC_ERRORS(...)   ((const enum vsw_errc[]){__VA_ARGS__, VSW_OK})

#define RPC_AGEING_MAX    1000000
#define RPC_MAC_LIMIT_MAX (1u << 24)

#define P_WHAT_IF \
	{ \
		.name = "what_if", .type = RPC_BOOL, \
		.help = "check everything and say what would be done, but change nothing" \
	}
#define P_MAY_EXIST \
	{ \
		.name = "may_exist", .type = RPC_BOOL, \
		.help = "if it is there already and fits what is asked, that is success" \
	}
#define P_IF_EXISTS \
	{ \
		.name = "if_exists", .type = RPC_BOOL, \
		.help = "if it is not there, that is success" \
	}

// How a port takes part in VLANs; add-port, set-port and bind-nic differ only in what holds
// when none is given.
#define P_VLANS(none_given) \
	{.name = "untagged", \
		.type = RPC_BOOL, \
		.exclusive = 1, \
		.preset = none_given, \
		.help = "untagged frames only, in the switch's untagged domain (VLAN 0); " \
			"tagged frames are dropped"}, \
		{.name = "access_vlan", \
			.type = RPC_VLAN, \
			.exclusive = 1, \
			.min = 1, \
			.max = VSW_VLAN_MAX, \
			.metavar = "ID", \
			.help = "untagged outside, in this VLAN inside; tagged frames are " \
				"dropped"}, \
		{.name = "trunk_vlans", \
			.type = RPC_VLAN_LIST, \
			.exclusive = 1, \
			.metavar = "LIST", \
			.help = "tagged, with these VLANs: \"10,20,30-40\" or \"all\"; the " \
				"native VLAN " \
				"need not be listed"}, \
	{ \
		.name = "native_vlan", .type = RPC_VLAN, .min = 0, .max = VSW_VLAN_MAX, \
		.metavar = "ID", .preset = "0", \
		.help = "of a trunk: the VLAN that untagged frames belong to; 0: the " \
			"untagged domain" \
	}

#define P_MTU(none_given) \
	{ \
		.name = "mtu", .type = RPC_UINT, .min = VSW_MTU_MIN, .max = VSW_MTU_MAX, \
		.metavar = "BYTES", .preset = none_given, \
		.help = "longest frame payload in bytes; longer frames are dropped and counted" \
	}
#define P_PORT_MAC_LIMIT \
	{ \
		.name = "mac_limit", .type = RPC_UINT, .max = RPC_MAC_LIMIT_MAX, .metavar = "N", \
		.preset = "0", .help = "most MACs learned behind the port; 0: no limit" \
	}

#define CHANGE_RESULT \
	{.name = "changed", \
		.type = RPC_BOOL, \
		.help = "whether anything was (with what_if: would be) changed"}, \
	{ \
		.name = "actions", .type = RPC_ARRAY, .of = "string", \
		.help = "what was (with what_if: would be) done, for people to read" \
	}
