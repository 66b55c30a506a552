/* SPDX-License-Identifier: BSD-3-Clause */
// Work on a frame that somebody upstream left undone: checksums and segmentation. It travels
// as RTE_MBUF_F_TX_* flags and is done only on the way out to a port that cannot.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define OFFLOAD_WORK \
	(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | \
		RTE_MBUF_F_TX_IP_CKSUM)

#define OFFLOAD_MAX_SEGS 128 // software segments out of one frame (64 KiB at MSS 536)

struct offload_ctx; // one per worker: segmentation contexts and pools

// pool: for headers of segments and for copies. NULL + errno.
struct offload_ctx *offload_create(struct rte_mempool *pool, int socket_id);
void offload_destroy(struct offload_ctx *ctx);

// True if a port with tx_caps (PORT_TX_*) takes the frame as it is.
static inline bool offload_fits(const struct rte_mbuf *m, uint32_t tx_caps);

// Makes the frame fit for a port with tx_caps: checksums completed, segmented, linearised,
// unshared before it is written to. The frame is consumed. Returns the number of frames in
// out[] (1..max), or -ENOMEM (no buffer) or -EINVAL (the metadata contradict the frame); then
// nothing is in out[] and the frame has been freed.
int offload_resolve(struct offload_ctx *ctx, struct rte_mbuf *m, uint32_t tx_caps,
	struct rte_mbuf **out, unsigned max);

// For frames from a far end that left checksums unfinished without saying so (veth over
// AF_XDP): if the TCP/UDP checksum field of an unfragmented v4/v6 frame holds exactly the
// pseudo-header's sum, marks the frame as needing its checksum. Completing the sum of a frame
// that was finished already gives the same value, so a coincidence does no harm.
void offload_mark_partial(struct rte_mbuf *m);

// Parses the frame's Ethernet (+VLANs), IP and L4 headers with all bounds checked, for a
// driver that was handed "checksum at csum_start+csum_offset" and/or a GSO type. Sets l2_len,
// l3_len, l4_len, tso_segsz and RTE_MBUF_F_TX_* flags. gso_type: VIRTIO_NET_HDR_GSO_*.
// 0, or -EINVAL when the claims contradict the bytes (nothing set).
int offload_from_virtio(struct rte_mbuf *m, uint8_t flags, uint8_t gso_type, uint16_t hdr_len,
	uint16_t gso_size, uint16_t csum_start, uint16_t csum_offset);

// The same for a DPDK driver that says it in receive flags: RTE_MBUF_F_RX_L4_CKSUM_NONE for an
// unfinished sum, RTE_MBUF_F_RX_LRO with tso_segsz for a frame to be cut. They are cleared.
int offload_from_rx(struct rte_mbuf *m);

static inline bool offload_fits(const struct rte_mbuf *m, uint32_t tx_caps)
{
	uint64_t work = m->ol_flags & OFFLOAD_WORK;

	// Bits of port.h: CSUM 0, TSO4 1, TSO6 2, USO 3, MULTI 4.
	if (m->nb_segs > 1 && !(tx_caps & 1u << 4))
		return false;
	if (likely(work == 0))
		return true;
	if (work & RTE_MBUF_F_TX_IP_CKSUM &&
		!(work & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)))
		return false;
	if (work & RTE_MBUF_F_TX_TCP_SEG)
		return tx_caps & (m->ol_flags & RTE_MBUF_F_TX_IPV4 ? 1u << 1 : 1u << 2);
	if (work & RTE_MBUF_F_TX_UDP_SEG)
		return tx_caps & 1u << 3;
	return tx_caps & 1u << 0;
}
