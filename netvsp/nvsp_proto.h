/* SPDX-License-Identifier: BSD-3-Clause */
// NVSP messages as they are on the wire: what NIC driver and provider say to each other in a
// channel. Little endian.
#pragma once

#include <assert.h>
#include <stdint.h>

#define NVSP_VERSION_1   0x00002u
#define NVSP_VERSION_2   0x30002u
#define NVSP_VERSION_4   0x40000u
#define NVSP_VERSION_5   0x50000u
#define NVSP_VERSION_6   0x60000u
#define NVSP_VERSION_6_1 0x60001u

#define NVSP_SIZE_OLD 28u // of a message, up to version 6
#define NVSP_SIZE     40u // from 6.1 on

#define NVSP_RECEIVE_BUFFER_ID 0xcafe
#define NVSP_SEND_BUFFER_ID    0
#define NVSP_NO_SECTION        0xffffffffu

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_COMPLETE = 2,
	NVSP_SEND_NDIS_VERSION = 100,
	NVSP_SEND_RECEIVE_BUFFER = 101,
	NVSP_RECEIVE_BUFFER_COMPLETE = 102,
	NVSP_REVOKE_RECEIVE_BUFFER = 103,
	NVSP_SEND_SEND_BUFFER = 104,
	NVSP_SEND_BUFFER_COMPLETE = 105,
	NVSP_REVOKE_SEND_BUFFER = 106,
	NVSP_RNDIS_PACKET = 107,
	NVSP_RNDIS_PACKET_COMPLETE = 108,
	NVSP_SEND_NDIS_CONFIG = 125,
	NVSP_VF_ASSOCIATION = 128,
	NVSP_SWITCH_DATA_PATH = 129,
	NVSP_OID_QUERY_EX = 131,
	NVSP_OID_QUERY_EX_COMPLETE = 132,
	NVSP_SUBCHANNEL = 133,
	NVSP_SEND_INDIRECTION_TABLE = 134,
	NVSP_PD_API = 135,
	NVSP_PD_POST_BATCH = 136,
};

enum nvsp_status {
	NVSP_STATUS_NONE = 0,
	NVSP_STATUS_SUCCESS = 1,
	NVSP_STATUS_FAIL = 2,
	NVSP_STATUS_TOO_NEW = 3,
	NVSP_STATUS_TOO_OLD = 4,
	NVSP_STATUS_INVALID_RNDIS = 5,
	NVSP_STATUS_BUSY = 6,
	NVSP_STATUS_UNSUPPORTED = 7,
};

#define NVSP_CHANNEL_DATA    0u
#define NVSP_CHANNEL_CONTROL 1u

#define NVSP_CAP_VMQ         (1ull << 0)
#define NVSP_CAP_CHIMNEY     (1ull << 1)
#define NVSP_CAP_SRIOV       (1ull << 2)
#define NVSP_CAP_8021Q       (1ull << 3)
#define NVSP_CAP_CORRELATION (1ull << 4)
#define NVSP_CAP_TEAMING     (1ull << 5)
#define NVSP_CAP_VSUBNET     (1ull << 6)
#define NVSP_CAP_RSC         (1ull << 7)

#define NVSP_SUBCHANNEL_ALLOCATE 1u
#define NVSP_SEND_TABLE_SIZE     16u

struct nvsp_message {
	uint32_t type;
	union {
		struct {
			uint32_t min, max;
		} init;
		struct {
			uint32_t version, max_mdl_chain, status;
		} init_complete;
		struct {
			uint32_t major, minor;
		} ndis_version;
		struct {
			uint32_t mtu, reserved; // mtu with the Ethernet header
			uint64_t capabilities;
		} __attribute__((packed)) ndis_config;
		struct {
			uint32_t gpadl;
			uint16_t id;
		} buffer;
		struct {
			uint16_t id;
		} revoke;
		struct {
			uint32_t status, n_sections;
			struct {
				uint32_t offset, sub_size, n_subs, end_offset;
			} section;
		} receive_complete;
		struct {
			uint32_t status, section_size;
		} send_complete;
		struct {
			uint32_t channel_type, section, section_len;
		} rndis;
		struct {
			uint32_t status;
		} rndis_complete;
		struct {
			uint32_t allocated, serial;
		} vf;
		struct {
			uint32_t active; // 0: synthetic, 1: VF
		} data_path;
		struct {
			uint32_t operation, count;
		} subchannel;
		struct {
			uint32_t status, count;
		} subchannel_complete;
		struct {
			uint32_t count, offset; // of entries; from the message's start
		} send_table;
		uint8_t raw[36];
	};
} __attribute__((packed));
static_assert(sizeof(struct nvsp_message) == NVSP_SIZE);
