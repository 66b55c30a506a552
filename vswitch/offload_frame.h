/* SPDX-License-Identifier: BSD-3-Clause */
// Inside offload: where a frame's headers are, sums over it, and its segmentation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "offload.h"

// Ethernet with two tags, the longest L3 that tx_offload can say (511), TCP with options.
#define FRAME_HEADERS_MAX 640
#define FRAME_L3_MAX      511

struct frame {
	const uint8_t *headers; // the frame's first `avail` bytes, in the mbuf or in copy[]
	uint32_t avail;
	uint16_t l2_len;   // with tags
	uint16_t l3_len;   // with IPv4 options, IPv6 extension headers
	uint8_t l4_len;    // 0 unless frame_parse_l4() found a whole TCP or UDP header
	uint8_t family;    // 4 or 6
	uint8_t proto;     // of what follows l3_len
	bool fragment;     // any part of a fragmented packet
	uint16_t l4_total; // bytes of L4 header and payload; Ethernet padding is not among them
	uint8_t copy[FRAME_HEADERS_MAX];
};

// Ethernet, tags and IP. 0, or -EINVAL: not IP, or cut short.
int frame_parse(const struct rte_mbuf *m, struct frame *f);
// After frame_parse(): TCP or UDP of an unfragmented packet, whole and in bounds, else -EINVAL.
int frame_parse_l4(struct frame *f);

// One's complement sum, not inverted, of the pseudo-header with that L4 length.
uint16_t frame_pseudo_sum(const struct frame *f, uint16_t l4_total);
uint16_t sum_fold(uint64_t sum);
// The same over any part of a chain, in bounds. (rte_raw_cksum_mbuf() of 22.11 cuts sums off
// where a part begins at an odd byte.)
uint16_t frame_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len);
// Where the L4 checksum field is, from the frame's start.
uint32_t frame_sum_offset(const struct frame *f);
// The finished TCP or UDP checksum over the frame's chain, whatever its field holds now.
uint16_t frame_l4_checksum(const struct rte_mbuf *m, const struct frame *f);

bool frame_is_private(const struct rte_mbuf *m);                         // its bytes may be written
void frame_store16(struct rte_mbuf *m, uint32_t offset, uint16_t value); // in bounds; as in memory

// Cuts a TCP_SEG or UDP_SEG frame, which stays the caller's, into linear frames (chains where
// a segment is larger than a buffer and caps have PORT_TX_MULTI). Their number, or -errno.
int frame_segment(struct rte_mempool *pool, const struct rte_mbuf *m, const struct frame *f,
	uint32_t caps, struct rte_mbuf **out, unsigned max);
