/* SPDX-License-Identifier: BSD-3-Clause */
// Segmentation of TCP and UDP, IPv4 and IPv6, in software.
//
// Payload is copied, not referenced: a segment without checksum offload is read anyway, ports
// without chains need it in one piece, and the copy can then be the very frame that is freed
// by another thread. One cutter serves both protocols and both families.
#include "offload_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "port.h"

struct cut {
	struct rte_mempool *pool;
	const struct frame *f;
	uint32_t caps;
	uint16_t hdr_len, mss;
	uint32_t payload; // in all
	// Where the source is being read
	const struct rte_mbuf *src;
	uint32_t src_offset;
};

static void copy_out(struct cut *c, uint8_t *to, uint32_t len)
{
	while (len > 0) {
		uint32_t part = RTE_MIN(len, c->src->data_len - c->src_offset);

		memcpy(to, rte_pktmbuf_mtod_offset(c->src, const uint8_t *, c->src_offset), part);
		to += part;
		len -= part;
		c->src_offset += part;
		if (c->src_offset == c->src->data_len) {
			c->src = c->src->next;
			c->src_offset = 0;
		}
	}
}

// Fills m, and mbufs chained to it where it is too small, with the next len payload bytes.
static int fill(struct cut *c, struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *last = m;

	m->pkt_len = c->hdr_len + len;
	m->data_len = c->hdr_len;
	for (;;) {
		uint32_t part = RTE_MIN(len, rte_pktmbuf_tailroom(last));

		copy_out(c, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), part);
		last->data_len += part;
		len -= part;
		if (len == 0)
			return 0;
		if (!(c->caps & PORT_TX_MULTI))
			return -EINVAL;
		last->next = rte_pktmbuf_alloc(c->pool);
		if (last->next == NULL)
			return -ENOMEM;
		last = last->next;
		m->nb_segs++;
	}
}

static void write_ip(const struct cut *c, uint8_t *ip, uint32_t l4_total, unsigned i)
{
	if (c->f->family == 4) {
		struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)ip;

		v4->total_length = rte_cpu_to_be_16(c->f->l3_len + l4_total);
		v4->packet_id = rte_cpu_to_be_16(rte_be_to_cpu_16(v4->packet_id) + i);
		v4->hdr_checksum = 0;
		v4->hdr_checksum = ~rte_raw_cksum(v4, c->f->l3_len);
	} else {
		struct rte_ipv6_hdr *v6 = (struct rte_ipv6_hdr *)ip;

		v6->payload_len = rte_cpu_to_be_16(c->f->l3_len - sizeof(*v6) + l4_total);
	}
}

static void write_l4(const struct cut *c, uint8_t *l4, uint32_t len, uint32_t done)
{
	if (c->f->proto == IPPROTO_TCP) {
		struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)l4;

		tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + done);
		if (done != 0)
			tcp->tcp_flags &= ~RTE_TCP_CWR_FLAG;
		if (done + len != c->payload)
			tcp->tcp_flags &= ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	} else {
		struct rte_udp_hdr *udp = (struct rte_udp_hdr *)l4;

		udp->dgram_len = rte_cpu_to_be_16(sizeof(*udp) + len);
	}
}

// The headers of segment i, whose payload is in place.
static void write_headers(const struct cut *c, struct rte_mbuf *m, unsigned i)
{
	const struct frame *f = c->f;
	uint32_t len = m->pkt_len - c->hdr_len;
	uint32_t l4_at = f->l2_len + f->l3_len;
	uint32_t l4_total = f->l4_len + len;
	uint32_t sum_at = frame_sum_offset(f);
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t pseudo = frame_pseudo_sum(f, l4_total);
	uint16_t sum;

	memcpy(h, f->headers, c->hdr_len);
	write_ip(c, h + f->l2_len, l4_total, i);
	write_l4(c, h + l4_at, len, i * c->mss);
	memset(h + sum_at, 0, 2);
	if (c->caps & PORT_TX_CSUM) {
		m->l2_len = f->l2_len;
		m->l3_len = f->l3_len;
		m->l4_len = f->l4_len;
		m->ol_flags = f->family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
		m->ol_flags |=
			f->proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
		sum = pseudo;
	} else {
		sum = ~sum_fold((uint64_t)frame_sum(m, l4_at, l4_total) + pseudo);
		if (sum == 0 && f->proto == IPPROTO_UDP)
			sum = 0xffff;
	}
	memcpy(h + sum_at, &sum, 2);
}

int frame_segment(struct rte_mempool *pool, const struct rte_mbuf *m, const struct frame *f,
	uint32_t caps, struct rte_mbuf **out, unsigned max)
{
	struct cut c = {.pool = pool, .f = f, .caps = caps, .mss = m->tso_segsz};
	unsigned n, i;
	int ret;

	c.hdr_len = f->l2_len + f->l3_len + f->l4_len;
	c.payload = f->l4_total - f->l4_len;
	n = (c.payload + c.mss - 1) / c.mss;
	if (n > max || c.hdr_len > rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM)
		return -EINVAL;
	if (rte_pktmbuf_alloc_bulk(pool, out, n) != 0)
		return -ENOMEM;
	c.src = m;
	c.src_offset = c.hdr_len;
	while (c.src_offset >= c.src->data_len) {
		c.src_offset -= c.src->data_len;
		c.src = c.src->next;
	}
	for (i = 0; i < n; i++) {
		ret = fill(&c, out[i], RTE_MIN(c.mss, c.payload - i * c.mss));
		if (ret != 0)
			goto fail;
		write_headers(&c, out[i], i);
		out[i]->port = m->port;
	}
	return n;

fail:
	rte_pktmbuf_free_bulk(out, n);
	return ret;
}
