/* SPDX-License-Identifier: BSD-3-Clause */
// The control protocol as data: every method, parameter, result, error and event, once. What
// requests are checked against, what rpc.discover answers, the reference page and all of
// vswitchctl's help, usage and completion are made from these tables.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vswitch/error.h>

#define RPC_PROTOCOL_VERSION 1

// X(symbol, protocol name, help)
#define RPC_TYPES(X) \
	X(STRING, "string", "text") \
	X(NAME, "name", \
		"1 to 63 letters, digits, '.', '_', '-' or ':', not beginning with '-' or '.'") \
	X(BOOL, "bool", "true or false") \
	X(UINT, "uint", "a whole number, 0 or more") \
	X(NUMBER, "number", "a number, possibly with a fraction; only in results") \
	X(MAC, "mac", "a MAC address, 00:11:22:33:44:55") \
	X(ENUM, "enum", "one of the words listed") \
	X(ENUMS, "enums", "an array of the words listed; with vswitchctl: a,b,c") \
	X(VLAN, "vlan", "a VLAN ID as a number") \
	X(VLAN_LIST, "vlan-list", "VLAN IDs and ranges, \"10,20,30-40\", or \"all\"") \
	X(OBJECT, "object", "a JSON object") \
	X(ARRAY, "array", "a JSON array")

enum rpc_type {
#define X(sym, name, help) RPC_##sym,
	RPC_TYPES(X)
#undef X
		RPC_TYPE_COUNT
};

struct rpc_param {
	const char *name; // with '_'; vswitchctl's flag is the same with '-'
	enum rpc_type type;
	bool required;
	// vswitchctl acts on it itself and never sends it: no part of the protocol.
	bool local;
	uint8_t position;          // 1.. as an argument of vswitchctl, in order; 0: a flag
	uint8_t exclusive;         // at most one of the parameters with the same number; 0: free
	uint64_t min, max;         // UINT, VLAN; STRING: max is the longest in bytes
	const char *const *values; // ENUM, ENUMS: NULL-terminated
	const char *metavar;
	const char *preset; // what holds when it is left out, as text; may be NULL
	const char *help;
};

struct rpc_field {
	const char *name;
	enum rpc_type type;
	const char *of;            // OBJECT, ARRAY: name of the rpc_object; may be NULL
	bool nullable;             // may be null
	bool optional;             // may be absent
	const char *const *values; // ENUM
	const char *help;
};

struct rpc_object {
	const char *name;
	const char *help;
	const struct rpc_field *fields; // ends with an empty one
};

struct rpc_example {
	const char *what;
	const char *command; // as typed
	const char *params;  // the same as JSON; NULL: the command sends something else
};

struct rpc_method {
	const char *name;
	const char *command; // vswitchctl's; "" if it has none, NULL if it is `name`
	const char *group;
	const char *summary;                // one line, no full stop
	const char *details;                // paragraphs
	const struct rpc_example *examples; // these arrays end with an empty one
	const struct rpc_param *params;
	const struct rpc_field *result;
	const enum vsw_errc *errors; // PERMISSION and INTERNAL are understood
	bool changes;                // needs the right to change; takes what_if
};

struct rpc_event {
	const char *name;
	const char *help;
	const struct rpc_field *fields; // beside seq, time and event
};

struct rpc_error {
	int code;
	const char *name;
	const char *help;
};

// All end with an empty one; methods are in the order of the reference page.
extern const struct rpc_method *const rpc_method_groups[];
extern const struct rpc_event rpc_events[];
extern const struct rpc_error rpc_errors[];
extern const struct rpc_object rpc_objects[];
extern const char *const rpc_event_names[]; // NULL-terminated

// Iterates over all methods of all groups: NULL first.
const struct rpc_method *rpc_method_next(const struct rpc_method *prev);
const struct rpc_method *rpc_method_find(const char *name);
const struct rpc_param *rpc_param_find(const struct rpc_method *method, const char *name);
const char *rpc_method_command(const struct rpc_method *method);
const char *rpc_type_name(enum rpc_type type);
int rpc_event_index(const char *name); // or -1

// The tables behind rpc_method_groups, one file each.
extern const struct rpc_method rpc_switch_methods[], rpc_port_methods[], rpc_nic_methods[],
	rpc_guest_methods[], rpc_fdb_methods[], rpc_stats_methods[], rpc_config_methods[],
	rpc_daemon_methods[];
