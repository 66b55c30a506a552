/* SPDX-License-Identifier: BSD-3-Clause */
// One request of the control socket: a line in, a line out. Main thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "console.h"
#include "partition.h"

#define CONTROL_LINE_MAX  16384u // bytes
#define CONTROL_DEPTH_MAX 8      // of nesting

enum control_code {
	CONTROL_PARSE_ERROR = -32700,
	CONTROL_INVALID_REQUEST = -32600,
	CONTROL_UNKNOWN_METHOD = -32601,
	CONTROL_INVALID_PARAMS = -32602,
	// As vswitchd's.
	CONTROL_EXISTS = 1001,
	CONTROL_NOT_FOUND = 1002,
	CONTROL_BUSY = 1003,
	CONTROL_REFUSED = 1004,
	CONTROL_INVALID = 1005,
	CONTROL_PERMISSION = 1006,
	CONTROL_UNSUPPORTED = 1007,
	CONTROL_LIMIT = 1008,
	CONTROL_INTERNAL = 1011,
};

// What requests are about.
struct control_subject {
	struct partition *partition;
	struct console *console;
	unsigned stop_seconds; // unless the request says
};

enum control_type { CONTROL_NAME, CONTROL_UINT, CONTROL_BOOL, CONTROL_MAC };

struct control_param {
	const char *name;
	enum control_type type;
	bool required;
	uint64_t min, max; // CONTROL_UINT
	const char *help;
};

struct control_call {
	const struct control_subject *subject;
	const json_t *params; // checked
	json_t *result;       // NULL: {}
	// Of a failure.
	enum control_code code;
	const char *param;
	char why[PARTITION_WHY_SIZE], remedy[128];
	// After the reply the connection is the console's.
	bool is_console, skip_kept, leave;
};

struct control_method {
	const char *name, *summary;
	const struct control_param *params; // up to one without a name
	int (*run)(struct control_call *call);
};

extern const struct control_method control_methods[]; // up to one without a name
const char *control_type_name(enum control_type type);

// Carries out one line, without its newline. The reply, with one, for the caller to free; NULL:
// there is none to be sent. call->is_console: see there.
char *control_rpc(const struct control_subject *subject, const char *line, size_t len,
	struct control_call *call, size_t *reply_len);
// The reply to what is no request.
char *control_rpc_refuse(
	enum control_code code, const char *why, const char *remedy, size_t *reply_len);
// For methods: notes the failure, returns -1.
int control_fail(struct control_call *call, enum control_code code, const char *remedy,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
json_t *control_text(const char *text); // whatever its bytes are
json_t *control_discover(void);
json_t *control_show(const struct control_subject *subject);
bool control_name_is_valid(const char *name);
bool control_mac_parse(const char *text, uint8_t mac[6]);
