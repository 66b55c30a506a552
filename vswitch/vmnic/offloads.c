/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest leaves undone in a frame, put the way the switch expects it (see offload.h). All is
// found in our copy of the frame; what the guest says of offsets is not even looked at.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <vswitch/offload.h>
#include <vswitch/offload_frame.h>

#include "nic.h"

// Where the network layer begins in the first mbuf, and what it is; 0: nowhere.
static uint32_t l3_offset(const struct rte_mbuf *m, uint16_t *type)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t at = RTE_ETHER_HDR_LEN;

	*type = (uint16_t)(p[12] << 8 | p[13]);
	for (int tags = 0; tags < 2; tags++) {
		if (*type != RTE_ETHER_TYPE_VLAN && *type != RTE_ETHER_TYPE_QINQ)
			break;
		if (m->data_len < at + 4)
			return 0;
		*type = (uint16_t)(p[at + 2] << 8 | p[at + 3]);
		at += 4;
	}
	return at;
}

// Sets the header's checksum. 0 or -EINVAL.
static int finish_ip4(struct rte_mbuf *m, uint32_t at)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, at);
	uint32_t len;

	if (m->data_len < at + sizeof(*ip))
		return -EINVAL;
	len = (ip->version_ihl & 0xf) * 4u;
	if (ip->version_ihl >> 4 != 4 || len < sizeof(*ip) || m->data_len < at + len)
		return -EINVAL;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(ip, len);
	return 0;
}

// A frame to be cut comes without lengths in its IP header, and with a pseudo-header's sum that
// has none either.
static int fill_lengths(struct rte_mbuf *m, uint32_t at, uint16_t type)
{
	uint32_t len = m->pkt_len - at;

	if (type == RTE_ETHER_TYPE_IPV4) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, at);

		if (m->data_len < at + sizeof(*ip) || len > UINT16_MAX)
			return -EINVAL;
		ip->total_length = rte_cpu_to_be_16(len);
		return finish_ip4(m, at);
	}
	if (type == RTE_ETHER_TYPE_IPV6) {
		struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, at);

		if (m->data_len < at + sizeof(*ip) || len - sizeof(*ip) > UINT16_MAX)
			return -EINVAL;
		ip->payload_len = rte_cpu_to_be_16(len - sizeof(*ip));
		return 0;
	}
	return -EINVAL;
}

static int take_lso(struct rte_mbuf *m, uint32_t at, uint16_t type, uint16_t mss)
{
	struct frame f;

	if (fill_lengths(m, at, type) != 0 || frame_parse(m, &f) != 0 || frame_parse_l4(&f) != 0 ||
		f.proto != IPPROTO_TCP)
		return -EINVAL;
	frame_store16(m, frame_sum_offset(&f), frame_pseudo_sum(&f, f.l4_total));
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	m->tso_segsz = mss;
	return offload_from_rx(m);
}

int vmnic_take_offloads(struct rte_mbuf *m, const struct ndis_packet_info *info)
{
	uint16_t type;
	uint32_t at = l3_offset(m, &type);

	if (at == 0)
		return -EINVAL;
	if (info->flags & NDIS_INFO_LSO)
		return take_lso(m, at, type, info->mss);
	if (info->flags & NDIS_INFO_CSUM_IP && type == RTE_ETHER_TYPE_IPV4 &&
		finish_ip4(m, at) != 0)
		return -EINVAL;
	if (!(info->flags & (NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_UDP)))
		return 0;
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return offload_from_rx(m);
}
