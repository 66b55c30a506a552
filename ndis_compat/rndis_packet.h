/* SPDX-License-Identifier: BSD-3-Clause */
// RNDIS data messages (MS-RNDIS 2.2.14) and their per-packet info (guests' PPI records).
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "packet_info.h"

#define RNDIS_MSG_PACKET 1u

struct rndis_packet_msg {
	uint32_t type, len; // len: of the whole message, padding included
	// Offsets are from here.
	uint32_t data_offset, data_len;
	uint32_t oob_offset, oob_len, oob_count;
	uint32_t ppi_offset, ppi_len;
	uint32_t vc, reserved;
};
static_assert(sizeof(struct rndis_packet_msg) == 44);
#define RNDIS_PACKET_BODY 8u // where offsets count from

#define RNDIS_PPI_CHECKSUM  0u
#define RNDIS_PPI_LSO       2u
#define RNDIS_PPI_8021Q     6u
#define RNDIS_PPI_HASH      8u
#define RNDIS_PPI_INTERNAL  0x80000000u
#define RNDIS_PPI_PACKET_ID (RNDIS_PPI_INTERNAL | 1u)

struct rndis_ppi {
	uint32_t size, type, offset; // of the whole record; offset of its data in it
};
static_assert(sizeof(struct rndis_ppi) == 12);

// Longest header (message and PPI) that is looked at; a guest whose data starts later than
// this sends garbage.
#define RNDIS_PACKET_HEADER_MAX 512u

// Reads a message's header. `head`: a private copy of the first `head_len` bytes of the message,
// that is of min(len, RNDIS_PACKET_HEADER_MAX); `avail`: bytes that the carrier has for it.
// Gives where the frame is, from the message's start, and how long. 0, or -EINVAL: lengths or
// records do not add up (a PPI of size 0, less than 12, past its end, ...), or data begin in
// what was not copied and PPI lie behind it. Unknown PPI types are passed over.
// Facts that contradict each other or the frame's length (two families, TCP and UDP, headers past
// the frame's end, mss 0 or above 65535, LSOv1) are -EINVAL as well, and so is a frame shorter than
// its Ethernet header. VID above 4094 is kept as told; with LSO the checksums are not told apart.
int rndis_packet_parse(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct ndis_packet_info *info);

// Longest header that rndis_packet_build() makes.
#define RNDIS_PACKET_BUILD_MAX 120u

// Writes the header of a message to a guest that carries `frame_len` bytes behind it, with the
// PPI that info's to-guest flags ask for. Returns its length, a multiple of 4. May write past it,
// up to RNDIS_PACKET_BUILD_MAX.
uint32_t rndis_packet_build(uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info);
// The guest's side of the same: the to-host flags (checksum, LSO, VLAN, hash).
uint32_t rndis_packet_build_request(
	uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info);
// And what a guest reads from us: to-guest flags. Links of a chain behind the first may be short.
int rndis_packet_parse_indicated(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct ndis_packet_info *info);
