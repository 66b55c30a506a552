/* SPDX-License-Identifier: BSD-3-Clause */
#include "vnet_hdr.h"

#include <string.h>

#include <rte_tcp.h>
#include <rte_udp.h>

#include "offload.h"

int vnet_hdr_to_mbuf(const struct virtio_net_hdr *hdr, struct rte_mbuf *m)
{
	uint8_t gso_type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	if (likely(gso_type == VIRTIO_NET_HDR_GSO_NONE &&
		    !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))) {
		if (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID)
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		return 0;
	}
	return offload_from_virtio(m, hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, gso_type,
		hdr->hdr_len, hdr->gso_size, hdr->csum_start, hdr->csum_offset);
}

// A sender that announces a smaller window does so once: the kernel must know, or it would
// repeat the flag in each segment.
static bool has_cwr(const struct rte_mbuf *m)
{
	struct rte_tcp_hdr copy;
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_read(m, m->l2_len + m->l3_len, sizeof(copy), &copy);

	return tcp != NULL && tcp->tcp_flags & RTE_TCP_CWR_FLAG;
}

static void set_checksum(struct virtio_net_hdr *hdr, const struct rte_mbuf *m, uint16_t offset)
{
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = m->l2_len + m->l3_len;
	hdr->csum_offset = offset;
}

static void set_gso(struct virtio_net_hdr *hdr, const struct rte_mbuf *m, uint8_t gso_type)
{
	hdr->gso_type = gso_type;
	hdr->gso_size = m->tso_segsz;
	hdr->hdr_len = m->l2_len + m->l3_len + m->l4_len;
}

void vnet_hdr_from_mbuf(struct virtio_net_hdr *hdr, const struct rte_mbuf *m)
{
	uint64_t flags = m->ol_flags;

	memset(hdr, 0, sizeof(*hdr));
	if (flags & RTE_MBUF_F_TX_TCP_SEG) {
		set_checksum(hdr, m, offsetof(struct rte_tcp_hdr, cksum));
		set_gso(hdr, m,
			(flags & RTE_MBUF_F_TX_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4
						    : VIRTIO_NET_HDR_GSO_TCPV6) |
				(has_cwr(m) ? VIRTIO_NET_HDR_GSO_ECN : 0));
	} else if (flags & RTE_MBUF_F_TX_UDP_SEG) {
		set_checksum(hdr, m, offsetof(struct rte_udp_hdr, dgram_cksum));
		set_gso(hdr, m, VIRTIO_NET_HDR_GSO_UDP_L4);
	} else if ((flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM) {
		set_checksum(hdr, m, offsetof(struct rte_tcp_hdr, cksum));
	} else if ((flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM) {
		set_checksum(hdr, m, offsetof(struct rte_udp_hdr, dgram_cksum));
	} else if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
		hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
}
