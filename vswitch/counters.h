/* SPDX-License-Identifier: BSD-3-Clause */
// Per-port, per-worker counters. At rest, summed over all ports of the daemon:
//   rx_packets + copies + segments == tx_packets + all drops
#pragma once

#include <stdint.h>

#include <rte_common.h>

#include "config.h"

// X(symbol, protocol name, help). rx reasons count on the port the frame came in by,
// tx reasons on the port it should have left by.
#define VSW_DROPS(X) \
	X(RUNT, "runt", "rx: shorter than an Ethernet header (or than its VLAN tag)") \
	X(LINK_DOWN, "link_down", "rx or tx: the port is administratively down") \
	X(SRC_MULTICAST, "source_multicast", "rx: the source address is a group address") \
	X(LINK_LOCAL, "link_local", "rx: 01-80-C2-00-00-0x is never forwarded") \
	X(VLAN_TAGGED, "vlan_tagged", "rx: tagged frame on an untagged or access port") \
	X(VLAN_RX, "vlan_rx_not_allowed", "rx: VLAN not in the trunk's list") \
	X(VLAN_TX, "vlan_tx_not_allowed", "tx: the destination port is not in the VLAN") \
	X(LOOP, "loop", "rx: source address is one of the switch's own ports") \
	X(SAME_PORT, "same_port", "rx: the destination is behind the port it came from") \
	X(NO_DESTINATION, "no_destination", "rx: nobody else in this VLAN") \
	X(OVERSIZE_RX, "oversize_rx", "rx: longer than the port's MTU allows") \
	X(OVERSIZE_TX, "oversize_tx", "tx: longer than the port's MTU allows") \
	X(MALFORMED, "malformed", "rx: offload metadata contradicts the frame") \
	X(NO_MBUF, "no_mbuf", "tx: no buffer for a copy or a segment") \
	X(OFFLOAD, "offload_failed", "tx: could not be segmented or checksummed") \
	X(TX_FULL, "tx_full", "tx: the port did not take it") \
	X(GUEST_NOT_READY, "guest_not_ready", "tx: no guest is attached, or its driver is not up") \
	X(GUEST_NO_BUFFER, "guest_no_buffer", "tx: the guest has no receive buffer free") \
	X(GUEST_RING_FULL, "guest_ring_full", "tx: the ring to the guest was full") \
	X(GUEST_FILTERED, "guest_filtered", "tx: not one that the guest wants to receive") \
	X(GUEST_TOO_LONG, "guest_too_long", "tx: longer than the guest's receive buffers") \
	X(RING_FULL, "ring_full", "tx: the owning worker's ring was full") \
	X(PORT_GONE, "port_gone", "rx or tx: the port was being removed")

enum vsw_drop {
#define X(sym, name, help) DROP_##sym,
	VSW_DROPS(X)
#undef X
		DROP_COUNT
};

struct vsw_counters {
	uint64_t rx_packets; // frames taken from the port
	uint64_t rx_bytes;   // without FCS
	uint64_t tx_packets; // frames the port accepted
	uint64_t tx_bytes;
	uint64_t copies;   // extra copies of frames that came in here, made by flooding
	uint64_t segments; // extra frames made here by software segmentation, on the way out
	uint64_t drops[DROP_COUNT];
} __rte_cache_aligned;

extern const char *const vsw_drop_names[DROP_COUNT];
extern const char *const vsw_drop_help[DROP_COUNT];

// Adds up all workers. Any thread; each figure is read once, so a busy port may be torn by
// the frames of one burst.
void counters_sum(uint16_t port_id, struct vsw_counters *sum);
// Main thread, once the port's id is quiescent. Totals of deleted ports move to id 0, which
// no port has, so that the sum over all ids keeps holding.
void counters_retire(uint16_t port_id);
