/* SPDX-License-Identifier: BSD-3-Clause */
// One direction of a channel, as its guest sees it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/vmbus/packet.h>

// The first page.
struct ring_header {
	volatile uint32_t write_index, read_index, mask, pending_send;
	uint32_t reserved[12];
	volatile uint32_t features;
};

struct ring {
	struct ring_header *hdr;
	uint8_t *data;
	uint32_t size; // of the data
};

struct ring_record {
	uint16_t type;
	bool wants_completion;
	uint64_t transaction;
	uint32_t header_len, len; // behind the descriptor; payload
	uint8_t bytes[4096];      // header, then payload
};

// On n pages, cleared.
void ring_init(struct ring *r, uint8_t *pages, uint32_t n);
// False: no room. *signal: the host wants to be told.
bool ring_put(struct ring *r, uint16_t type, bool completion, uint64_t transaction,
	const void *header, uint32_t header_len, const void *payload, uint32_t len, bool *signal);
// Reads the next record: 1, 0: none, -1: no ring any more.
int ring_get(struct ring *r, struct ring_record *record, bool *signal);
