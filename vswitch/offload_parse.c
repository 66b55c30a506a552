/* SPDX-License-Identifier: BSD-3-Clause */
// Headers of a frame, with every bound checked.
#include "offload_frame.h"

#include <errno.h>
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static int parse_ipv4(struct frame *f, uint32_t pkt_len)
{
	const uint8_t *ip = f->headers + f->l2_len;
	uint32_t room = f->avail - f->l2_len;
	uint16_t total;

	if (room < sizeof(struct rte_ipv4_hdr) || ip[0] >> 4 != 4)
		return -EINVAL;
	f->l3_len = (ip[0] & 0xf) * 4;
	if (f->l3_len < sizeof(struct rte_ipv4_hdr) || f->l3_len > room)
		return -EINVAL;
	total = be16(ip + 2);
	if (total > pkt_len - f->l2_len || total < f->l3_len)
		return -EINVAL;
	f->l4_total = total - f->l3_len;
	f->family = 4;
	f->proto = ip[9];
	f->fragment = (be16(ip + 6) & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
	return 0;
}

// Steps over one extension header: its length, or 0 if what follows is not ours to know.
static uint32_t extension_len(struct frame *f, const uint8_t *ext)
{
	switch (f->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS: return (ext[1] + 1u) * 8;
	case IPPROTO_ROUTING:
		// With segments left the pseudo-header has another destination than the header.
		return ext[3] == 0 ? (ext[1] + 1u) * 8 : 0;
	case IPPROTO_FRAGMENT: f->fragment = true; return 8;
	default: return 0;
	}
}

static int parse_ipv6(struct frame *f, uint32_t pkt_len)
{
	const uint8_t *ip = f->headers + f->l2_len;
	uint32_t room = f->avail - f->l2_len;
	uint32_t at = sizeof(struct rte_ipv6_hdr);
	uint16_t payload;

	if (room < at || ip[0] >> 4 != 6)
		return -EINVAL;
	payload = be16(ip + 4);
	if (payload > pkt_len - f->l2_len - at)
		return -EINVAL;
	f->l4_total = payload;
	f->family = 6;
	f->proto = ip[6];
	f->fragment = false;
	while (room - at >= 8 && f->l4_total >= 8) {
		uint32_t len = extension_len(f, ip + at);

		if (len == 0)
			break;
		if (len > f->l4_total || len > room - at || at + len > FRAME_L3_MAX)
			return -EINVAL;
		f->proto = ip[at];
		at += len;
		f->l4_total -= len;
	}
	f->l3_len = at;
	return 0;
}

int frame_parse(const struct rte_mbuf *m, struct frame *f)
{
	uint32_t pkt_len = rte_pktmbuf_pkt_len(m);
	uint16_t type;

	f->avail = RTE_MIN(pkt_len, (uint32_t)FRAME_HEADERS_MAX);
	f->headers = rte_pktmbuf_read(m, 0, f->avail, f->copy);
	if (f->headers == NULL || f->avail < RTE_ETHER_HDR_LEN)
		return -EINVAL;
	f->l2_len = RTE_ETHER_HDR_LEN;
	f->l4_len = 0;
	type = be16(f->headers + 12);
	for (int tags = 0; tags < 2; tags++) {
		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
		if (f->avail < f->l2_len + 4u)
			return -EINVAL;
		type = be16(f->headers + f->l2_len + 2);
		f->l2_len += 4;
	}
	if (type == RTE_ETHER_TYPE_IPV4)
		return parse_ipv4(f, pkt_len);
	if (type == RTE_ETHER_TYPE_IPV6)
		return parse_ipv6(f, pkt_len);
	return -EINVAL;
}

int frame_parse_l4(struct frame *f)
{
	uint32_t at = f->l2_len + f->l3_len;
	uint32_t room = RTE_MIN(f->avail - at, f->l4_total);
	const uint8_t *l4 = f->headers + at;
	uint16_t len;

	if (f->fragment)
		return -EINVAL;
	if (f->proto == IPPROTO_TCP) {
		if (room < sizeof(struct rte_tcp_hdr))
			return -EINVAL;
		len = (l4[12] >> 4) * 4;
		if (len < sizeof(struct rte_tcp_hdr) || len > room)
			return -EINVAL;
		f->l4_len = len;
		return 0;
	}
	if (f->proto == IPPROTO_UDP) {
		if (room < sizeof(struct rte_udp_hdr))
			return -EINVAL;
		len = be16(l4 + 4);
		if (len < sizeof(struct rte_udp_hdr) || len > f->l4_total)
			return -EINVAL;
		f->l4_total = len;
		f->l4_len = sizeof(struct rte_udp_hdr);
		return 0;
	}
	return -EINVAL;
}
