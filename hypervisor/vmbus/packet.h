/* SPDX-License-Identifier: BSD-3-Clause */
// Records of a VMBus ring as they are on the wire. Little endian, as the host.
#pragma once

#include <assert.h>
#include <stdint.h>

enum vmbus_packet_type {
	VMBUS_PACKET_IN_BAND = 6,
	VMBUS_PACKET_XFER_PAGES = 7, // ranges of a shared buffer; to the guest
	VMBUS_PACKET_GPA_DIRECT = 9, // ranges of guest memory; from the guest
	VMBUS_PACKET_COMPLETION = 11,
};

#define VMBUS_PACKETS_KNOWN \
	(1u << VMBUS_PACKET_IN_BAND | 1u << VMBUS_PACKET_XFER_PAGES | \
		1u << VMBUS_PACKET_GPA_DIRECT | 1u << VMBUS_PACKET_COMPLETION)
#define VMBUS_PACKETS_WITH_RANGES (1u << VMBUS_PACKET_XFER_PAGES | 1u << VMBUS_PACKET_GPA_DIRECT)

#define VMBUS_PACKET_WANTS_COMPLETION 1u // the only flag

struct vmbus_descriptor {
	uint16_t type;
	uint16_t offset8; // header with this descriptor, in units of 8 bytes
	uint16_t len8;    // header and payload, in units of 8 bytes
	uint16_t flags;
	uint64_t transaction;
};
static_assert(sizeof(struct vmbus_descriptor) == 16);

// Follow the descriptor; the ranges follow them.
struct vmbus_xfer_header {
	uint16_t pageset;
	uint8_t sender_owns;
	uint8_t reserved;
	uint32_t n_ranges;
};
struct vmbus_xfer_range {
	uint32_t len, offset; // bytes
};
struct vmbus_gpa_header {
	uint32_t reserved;
	uint32_t n_ranges;
};
struct vmbus_gpa_range {
	uint32_t len, offset; // bytes; offset into the first page, any size
	uint64_t pfn[];       // ceil((offset + len) / 4096) of them
};
static_assert(sizeof(struct vmbus_xfer_header) == 8);
static_assert(sizeof(struct vmbus_gpa_header) == 8);

#define VMBUS_TRAILER 8u // behind each record: start of the record in the upper half
