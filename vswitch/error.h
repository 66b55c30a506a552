/* SPDX-License-Identifier: BSD-3-Clause */
// One error as a user meets it: a stable code, the thing and the reason, and the way out.
#pragma once

// Stable: these numbers and names are part of the control protocol.
#define VSW_ERRORS(X) \
	X(EXISTS, 1001, "exists", "a thing of that name is there already") \
	X(NOT_FOUND, 1002, "not-found", "no thing of that name") \
	X(BUSY, 1003, "busy", "in use by something else") \
	X(REFUSED, 1004, "refused", "a rule of the switch forbids it") \
	X(INVALID, 1005, "invalid", "a value is malformed or out of range") \
	X(PERMISSION, 1006, "permission", "the caller may not do this") \
	X(UNSUPPORTED, 1007, "unsupported", "the device or this build cannot do it") \
	X(LIMIT, 1008, "limit", "a limit is reached") \
	X(STATE, 1009, "state", "the state directory cannot be written") \
	X(DEVICE, 1010, "device", "the kernel or a driver reported a failure") \
	X(INTERNAL, 1011, "internal", "a fault of the daemon itself")

enum vsw_errc {
	VSW_OK = 0,
#define X(sym, num, name, help) VSW_E_##sym = num,
	VSW_ERRORS(X)
#undef X
};

struct vsw_error {
	enum vsw_errc code;
	char reason[320]; // names the thing and says what is wrong: "port 'web1' already exists"
	char remedy[320]; // what to do about it, a command where one helps; may be empty
};

// Fills err (which may be NULL) and returns -code, so that `return vsw_fail(...)` reads well.
int vsw_fail(struct vsw_error *err, enum vsw_errc code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

const char *vsw_errc_name(enum vsw_errc code);
