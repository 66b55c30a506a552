/* SPDX-License-Identifier: BSD-3-Clause */
// One request: parsed, held to the method table, carried out by its handler, answered. No
// socket and no DPDK here. Main thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <vswitch/error.h>

#include "methods.h"

#define RPC_LINE_MAX         (1u << 20)
#define RPC_LINE_MAX_CONFIG  (8u << 20)  // apply-config
#define RPC_LINE_MAX_LIMITED (64u << 10) // from clients that may not change anything
#define RPC_DEPTH_MAX        32          // nesting of a request

enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_UNKNOWN_METHOD = -32601,
	RPC_INVALID_PARAMS = -32602,
};

enum rpc_access { RPC_ACCESS_NONE, RPC_ACCESS_READ, RPC_ACCESS_CHANGE };

// Who asks.
struct rpc_peer {
	enum rpc_access access;
	uid_t uid;
	pid_t pid;
	// Makes the peer receive the events of the mask (bit: rpc_event_index()). NULL: it has
	// no way to receive any.
	int (*subscribe)(struct rpc_peer *peer, uint32_t events, struct vsw_error *err);
};

struct rpc_call {
	const struct rpc_method *method;
	json_t *params; // an object that satisfies the method's table
	bool what_if;
	struct rpc_peer *peer;
	// Filled by the handler: one of these (neither: an empty object), taken over by the caller
	json_t *result;
	char *result_text; // JSON, malloc'ed: for results too large to be built of json_t
	struct vsw_error err;
};

// 0 with a result, or a vsw_fail() on call->err.
typedef int (*rpc_handler)(struct rpc_call *call);

struct rpc_binding {
	const char *name; // the method's
	rpc_handler handler;
};

// Carries out one line (without its newline). handlers ends with an empty one. Returns the
// reply, malloc'ed, newline included, and its length; NULL if none is due.
char *rpc_handle(const char *line, size_t len, struct rpc_peer *peer,
	const struct rpc_binding *handlers, size_t *reply_len);

// A reply to no request in particular: the line cannot be read at all.
char *rpc_refuse(int code, const char *reason, const char *remedy, size_t *reply_len);

// For handlers: parameters by name. They are of the right type already.
bool rpc_has(const struct rpc_call *call, const char *name);
const char *rpc_string(const struct rpc_call *call, const char *name); // NULL: not given
bool rpc_bool(const struct rpc_call *call, const char *name);          // false: not given
uint64_t rpc_uint(const struct rpc_call *call, const char *name, uint64_t otherwise);

// What is wrong with a request before any handler sees it.
struct rpc_fault {
	int code;
	const char *param; // NULL: none in particular
	struct vsw_error err;
};

// 0 or -EINVAL with the fault.
int rpc_check_params(const struct rpc_method *method, json_t *params, struct rpc_fault *fault);

// The table as JSON: rpc.discover's handler.
int rpc_discover(struct rpc_call *call);
