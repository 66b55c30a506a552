/* SPDX-License-Identifier: BSD-3-Clause */
// VMBus channel messages as they are on the wire (little endian, packed), with the sizes that
// guests check. Names as in Hyper-V's protocol.
#pragma once

#include <assert.h>
#include <stdint.h>

#define VMBUS_MESSAGE_MAX 240u // bytes of one message
#define VMBUS_MAX_RELID   2047u
#define VMBUS_SINT        2

#define VMBUS_VERSION_3_0 0x00030000u
#define VMBUS_VERSION_4_0 0x00040000u
#define VMBUS_VERSION_4_1 0x00040001u
#define VMBUS_VERSION_5_0 0x00050000u
#define VMBUS_VERSION_5_1 0x00050001u
#define VMBUS_VERSION_5_2 0x00050002u
#define VMBUS_VERSION_5_3 0x00050003u

// Message ports of the bus.
#define VMBUS_CONNECTION_OLD 1u // versions before 5.0
#define VMBUS_CONNECTION_NEW 4u

enum vmbus_message_type {
	VMBUS_OFFERCHANNEL = 1,
	VMBUS_RESCIND_CHANNELOFFER = 2,
	VMBUS_REQUESTOFFERS = 3,
	VMBUS_ALLOFFERS_DELIVERED = 4,
	VMBUS_OPENCHANNEL = 5,
	VMBUS_OPENCHANNEL_RESULT = 6,
	VMBUS_CLOSECHANNEL = 7,
	VMBUS_GPADL_HEADER = 8,
	VMBUS_GPADL_BODY = 9,
	VMBUS_GPADL_CREATED = 10,
	VMBUS_GPADL_TEARDOWN = 11,
	VMBUS_GPADL_TORNDOWN = 12,
	VMBUS_RELID_RELEASED = 13,
	VMBUS_INITIATE_CONTACT = 14,
	VMBUS_VERSION_RESPONSE = 15,
	VMBUS_UNLOAD = 16,
	VMBUS_UNLOAD_RESPONSE = 17,
	VMBUS_TL_CONNECT_REQUEST = 21,
	VMBUS_MODIFYCHANNEL = 22,
	VMBUS_TL_CONNECT_RESULT = 23,
	VMBUS_MODIFYCHANNEL_RESPONSE = 24,
};

struct vmbus_header {
	uint32_t type;
	uint32_t padding;
};

struct vmbus_guid {
	uint8_t byte[16]; // wire order: the first three fields little endian
};

struct vmbus_offer_channel {
	struct vmbus_header hdr;
	struct vmbus_guid interface, instance;
	uint64_t reserved[2];
	uint16_t flags; // 1: enumerate device interface
	uint16_t mmio_megabytes;
	uint8_t user_data[120];
	uint16_t sub_channel_index;
	uint16_t mmio_megabytes_optional;
	uint32_t relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t is_dedicated_interrupt;
	uint32_t connection_id;
} __attribute__((packed));
static_assert(sizeof(struct vmbus_offer_channel) == 196);

struct vmbus_rescind {
	struct vmbus_header hdr;
	uint32_t relid;
};
static_assert(sizeof(struct vmbus_rescind) == 12);

struct vmbus_open_channel {
	struct vmbus_header hdr;
	uint32_t relid, open_id, ring_gpadl, target_vp;
	uint32_t downstream_page; // first page of the to-guest ring
	uint8_t user_data[120];
};
static_assert(sizeof(struct vmbus_open_channel) == 148);

struct vmbus_open_result {
	struct vmbus_header hdr;
	uint32_t relid, open_id, status;
};
static_assert(sizeof(struct vmbus_open_result) == 20);

struct vmbus_close_channel {
	struct vmbus_header hdr;
	uint32_t relid;
};

struct vmbus_gpadl_header {
	struct vmbus_header hdr;
	uint32_t relid, gpadl;
	uint16_t range_buflen, range_count;
	// then: uint32_t byte_count, byte_offset; uint64_t pfn[]
} __attribute__((packed));
static_assert(sizeof(struct vmbus_gpadl_header) == 20);

struct vmbus_gpadl_body {
	struct vmbus_header hdr;
	uint32_t number, gpadl; // Linux leaves number unset
	uint64_t pfn[];
};
static_assert(sizeof(struct vmbus_gpadl_body) == 16);

struct vmbus_gpadl_created {
	struct vmbus_header hdr;
	uint32_t relid, gpadl, status;
};
static_assert(sizeof(struct vmbus_gpadl_created) == 20);

struct vmbus_gpadl_teardown {
	struct vmbus_header hdr;
	uint32_t relid, gpadl;
};

struct vmbus_gpadl_torndown {
	struct vmbus_header hdr;
	uint32_t gpadl;
};
static_assert(sizeof(struct vmbus_gpadl_torndown) == 12);

struct vmbus_relid_released {
	struct vmbus_header hdr;
	uint32_t relid;
};

struct vmbus_initiate_contact {
	struct vmbus_header hdr;
	uint32_t version, target_vp;
	union {
		uint64_t interrupt_page; // before 5.0
		struct {
			uint8_t sint, vtl;
			uint16_t reserved;
			uint32_t features;
		};
	};
	uint64_t monitor_page1, monitor_page2;
};
static_assert(sizeof(struct vmbus_initiate_contact) == 40);

struct vmbus_version_response {
	struct vmbus_header hdr;
	uint8_t supported, state;
	uint16_t reserved;
	uint32_t connection_id; // where later messages go (5.0 on), else the version
};
static_assert(sizeof(struct vmbus_version_response) == 16);

struct vmbus_modify_channel {
	struct vmbus_header hdr;
	uint32_t relid, target_vp;
};

struct vmbus_modify_response {
	struct vmbus_header hdr;
	uint32_t relid, status;
};
static_assert(sizeof(struct vmbus_modify_response) == 16);

struct vmbus_tl_connect_result {
	struct vmbus_header hdr;
	struct vmbus_guid endpoint, service;
	uint32_t status;
};

// {f8615163-df3e-46c5-913f-f2d2f965ed0e}: a synthetic network adapter.
extern const struct vmbus_guid vmbus_nic_class;
