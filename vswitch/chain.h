/* SPDX-License-Identifier: BSD-3-Clause */
// Bytes of a packet wherever in its chain of mbufs they lie.
#pragma once

#include <rte_mbuf.h>

// The one's complement sum of len bytes from offset on, not inverted, bytes as in memory.
// In place of rte_raw_cksum_mbuf(), which cuts the carry of segments at odd offsets (22.11).
// The range is inside the packet.
uint16_t chain_sum(const struct rte_mbuf *m, uint32_t offset, uint32_t len);

// Both bytes are inside the packet, which is the caller's to write to.
void chain_store16(struct rte_mbuf *m, uint32_t offset, uint16_t value);
