/* SPDX-License-Identifier: BSD-3-Clause */
// What travels beside a frame between a guest and us: the out-of-band facts of one RNDIS packet,
// private and checked.
#pragma once

#include <stdint.h>

// Of the frame
#define NDIS_INFO_VLAN (1u << 0) // vlan_tci is the frame's tag; the bytes carry none
#define NDIS_INFO_HASH (1u << 1) // hash is set
#define NDIS_INFO_IP4  (1u << 2)
#define NDIS_INFO_IP6  (1u << 3)
// From a guest: work left to do
#define NDIS_INFO_CSUM_IP  (1u << 4) // IPv4 header checksum
#define NDIS_INFO_CSUM_TCP (1u << 5) // field holds the pseudo-header's sum
#define NDIS_INFO_CSUM_UDP (1u << 6)
#define NDIS_INFO_LSO      (1u << 7) // LSOv2: cut into segments of mss
// To a guest: work done or vouched for
#define NDIS_INFO_IP_GOOD  (1u << 8)
#define NDIS_INFO_TCP_GOOD (1u << 9)
#define NDIS_INFO_UDP_GOOD (1u << 10)
#define NDIS_INFO_IP_BAD   (1u << 11)
#define NDIS_INFO_TCP_BAD  (1u << 12)
#define NDIS_INFO_UDP_BAD  (1u << 13)
// Part of a chain that the guest joins (receive segment coalescing)
#define NDIS_INFO_RSC       (1u << 14)
#define NDIS_INFO_RSC_FIRST (1u << 15)
#define NDIS_INFO_RSC_LAST  (1u << 16)

struct ndis_packet_info {
	uint32_t flags;
	uint16_t vlan_tci;  // PCP 15:13, DEI 12, VID 11:0, as in 802.1Q
	uint16_t mss;       // with LSO: TCP payload bytes a segment
	uint16_t l4_offset; // of the TCP or UDP header from the frame's start; 0: not told
	uint16_t rsc_id;
	uint32_t hash; // Toeplitz
};
