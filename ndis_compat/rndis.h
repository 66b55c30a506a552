/* SPDX-License-Identifier: BSD-3-Clause */
// RNDIS control messages (MS-RNDIS 2.2): parsed from a private copy, built into a buffer. Both
// sides: requests and completions. Offsets on the wire count from the body (byte 8).
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "ndis_status.h"

#define RNDIS_MAJOR 1u
#define RNDIS_MINOR 0u
// Largest control message either way: the header and 4 KiB.
#define RNDIS_CONTROL_MAX 4352u

enum rndis_msg_type {
	RNDIS_MSG_INITIALIZE = 2,
	RNDIS_MSG_HALT = 3,
	RNDIS_MSG_QUERY = 4,
	RNDIS_MSG_SET = 5,
	RNDIS_MSG_RESET = 6,
	RNDIS_MSG_INDICATE = 7,
	RNDIS_MSG_KEEPALIVE = 8,
};
#define RNDIS_MSG_COMPLETION 0x80000000u

// One request or completion, whatever its type; what a type has not is 0. `data` points into the
// buffer that was parsed, also if there are 0 bytes of it; NULL if the type has none.
struct rndis_control {
	uint32_t type; // with RNDIS_MSG_COMPLETION for answers
	uint32_t request_id;
	ndis_status status; // completions, INDICATE
	uint32_t oid;       // QUERY, SET
	const uint8_t *data;
	uint32_t data_len; // QUERY, SET, QUERY completion, INDICATE
	uint32_t max_transfer;
	uint32_t major, minor;
	// INITIALIZE completion
	uint32_t max_packets, align_factor;
};

// -EINVAL: too short, lengths or offsets out of the message, unknown type.
int rndis_control_parse(const uint8_t *msg, uint32_t len, struct rndis_control *c);
// Builds a message with c->data behind it; its length, -E2BIG, or -EINVAL: unknown type.
int rndis_control_build(uint8_t *to, uint32_t size, const struct rndis_control *c);
