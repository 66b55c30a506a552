/* SPDX-License-Identifier: BSD-3-Clause */
// Unfinished work: taken from a driver's words, checked, and done where a port cannot.
#include "offload.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "offload_frame.h"
#include "port.h"

#define SEG_FLAGS (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)
#define IP_FLAGS  (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)

struct offload_ctx {
	struct rte_mempool *pool;
};

struct offload_ctx *offload_create(struct rte_mempool *pool, int socket_id)
{
	struct offload_ctx *ctx = rte_zmalloc_socket("offload", sizeof(*ctx), 0, socket_id);

	if (ctx == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	ctx->pool = pool;
	return ctx;
}

void offload_destroy(struct offload_ctx *ctx)
{
	rte_free(ctx);
}

// The L4 protocol that the flags speak of, 0 if of none, -EINVAL if of several.
static int claimed_proto(uint64_t work)
{
	uint64_t seg = work & SEG_FLAGS;
	int of_sum, of_seg = 0;

	switch (work & RTE_MBUF_F_TX_L4_MASK) {
	case 0: of_sum = 0; break;
	case RTE_MBUF_F_TX_TCP_CKSUM: of_sum = IPPROTO_TCP; break;
	case RTE_MBUF_F_TX_UDP_CKSUM: of_sum = IPPROTO_UDP; break;
	default: return -EINVAL;
	}
	if (seg == SEG_FLAGS)
		return -EINVAL;
	if (seg != 0)
		of_seg = seg == RTE_MBUF_F_TX_TCP_SEG ? IPPROTO_TCP : IPPROTO_UDP;
	if (of_seg != 0 && of_sum != 0 && of_seg != of_sum)
		return -EINVAL;
	return of_seg != 0 ? of_seg : of_sum;
}

// Does the frame bear out what its metadata claim? Fills f for the rest of the work.
static int examine(const struct rte_mbuf *m, struct frame *f)
{
	uint64_t work = m->ol_flags & OFFLOAD_WORK;
	int proto = claimed_proto(work);
	uint64_t ip;

	if (proto < 0 || frame_parse(m, f) != 0)
		return -EINVAL;
	ip = f->family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	if ((m->ol_flags & IP_FLAGS) != ip || m->l2_len != f->l2_len || m->l3_len != f->l3_len)
		return -EINVAL;
	if (work & RTE_MBUF_F_TX_IP_CKSUM && f->family != 4)
		return -EINVAL;
	if (proto == 0)
		return 0;
	if (f->proto != proto || frame_parse_l4(f) != 0)
		return -EINVAL;
	if (work & SEG_FLAGS && (m->l4_len != f->l4_len || m->tso_segsz == 0))
		return -EINVAL;
	return 0;
}

// A frame whose bytes may be written, in one piece if the port needs that. Consumes m.
static int make_writable(struct offload_ctx *ctx, struct rte_mbuf **m, uint32_t tx_caps, bool write)
{
	bool cut = (*m)->nb_segs > 1 && !(tx_caps & PORT_TX_MULTI);
	uint32_t room = rte_pktmbuf_data_room_size(ctx->pool) - RTE_PKTMBUF_HEADROOM;
	struct rte_mbuf *copy;

	if (!cut && (!write || frame_is_private(*m)))
		return 0;
	if (cut && frame_is_private(*m) && rte_pktmbuf_linearize(*m) == 0)
		return 0;
	if (rte_pktmbuf_pkt_len(*m) > room && !(tx_caps & PORT_TX_MULTI))
		return -EINVAL;
	copy = rte_pktmbuf_copy(*m, ctx->pool, 0, UINT32_MAX);
	if (copy == NULL)
		return -ENOMEM;
	rte_pktmbuf_free(*m);
	*m = copy;
	return 0;
}

static void finish_sums(struct rte_mbuf *m, struct frame *f, uint32_t tx_caps)
{
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		uint8_t ip[60];
		uint16_t sum;

		memcpy(ip, f->headers + f->l2_len, f->l3_len);
		memset(ip + 10, 0, 2);
		sum = ~rte_raw_cksum(ip, f->l3_len);
		frame_store16(m, f->l2_len + 10, sum);
		m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (m->ol_flags & RTE_MBUF_F_TX_L4_MASK && !(tx_caps & PORT_TX_CSUM)) {
		frame_store16(m, frame_sum_offset(f), frame_l4_checksum(m, f));
		m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
	}
}

// True if the frame has work that this port leaves to us.
static bool has_sums(const struct rte_mbuf *m, uint32_t tx_caps)
{
	return m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM ||
	       (m->ol_flags & RTE_MBUF_F_TX_L4_MASK && !(tx_caps & PORT_TX_CSUM));
}

int offload_resolve(struct offload_ctx *ctx, struct rte_mbuf *m, uint32_t tx_caps,
	struct rte_mbuf **out, unsigned max)
{
	struct frame f;
	int ret = -EINVAL;

	if (max == 0)
		goto drop;
	if (offload_fits(m, tx_caps))
		goto one;
	if (m->ol_flags & OFFLOAD_WORK) {
		ret = examine(m, &f);
		if (ret != 0)
			goto drop;
	}
	if (m->ol_flags & SEG_FLAGS) {
		if (f.l4_total - f.l4_len > m->tso_segsz) {
			ret = frame_segment(ctx->pool, m, &f, tx_caps, out, max);
			if (ret < 0)
				goto drop;
			rte_pktmbuf_free(m);
			return ret;
		}
		m->ol_flags |= m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? RTE_MBUF_F_TX_TCP_CKSUM
		                                                   : RTE_MBUF_F_TX_UDP_CKSUM;
		m->ol_flags &= ~SEG_FLAGS;
		m->tso_segsz = 0;
	}
	ret = make_writable(ctx, &m, tx_caps, has_sums(m, tx_caps));
	if (ret != 0)
		goto drop;
	if (has_sums(m, tx_caps)) {
		// The bytes may have moved.
		f.headers = rte_pktmbuf_read(m, 0, f.avail, f.copy);
		finish_sums(m, &f, tx_caps);
	}
one:
	out[0] = m;
	return 1;
drop:
	rte_pktmbuf_free(m);
	return ret;
}

static void mark(struct rte_mbuf *m, const struct frame *f, uint64_t flags)
{
	m->l2_len = f->l2_len;
	m->l3_len = f->l3_len;
	m->l4_len = f->l4_len;
	m->ol_flags |=
		flags | (f->family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) |
		(f->proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
}

void offload_mark_partial(struct rte_mbuf *m)
{
	struct frame f;
	uint16_t field;

	if (frame_parse(m, &f) != 0 || frame_parse_l4(&f) != 0)
		return;
	memcpy(&field, f.headers + frame_sum_offset(&f), sizeof(field));
	if (field == frame_pseudo_sum(&f, f.l4_total) && field != 0)
		mark(m, &f, 0);
}

// A sum that is not this frame's own TCP or UDP (a tunnel's inner packet, say) cannot travel
// as mbuf flags: it is finished here, as the virtio specification describes it.
static int finish_at(struct rte_mbuf *m, uint16_t start, uint16_t offset)
{
	uint32_t field = (uint32_t)start + offset;
	uint16_t sum;

	if (start < RTE_ETHER_HDR_LEN || field + 2 > m->pkt_len || !frame_is_private(m))
		return -EINVAL;
	sum = ~frame_sum(m, start, m->pkt_len - start);
	frame_store16(m, field, sum != 0 ? sum : 0xffff);
	return 0;
}

static int gso_flags(const struct frame *f, uint8_t gso_type, uint64_t *flags)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		*flags = RTE_MBUF_F_TX_TCP_SEG;
		return f->proto == IPPROTO_TCP && f->family == 4 ? 0 : -EINVAL;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		*flags = RTE_MBUF_F_TX_TCP_SEG;
		return f->proto == IPPROTO_TCP && f->family == 6 ? 0 : -EINVAL;
	case 5: // VIRTIO_NET_HDR_GSO_UDP_L4, newer than the headers of Linux 6.1
		*flags = RTE_MBUF_F_TX_UDP_SEG;
		return f->proto == IPPROTO_UDP ? 0 : -EINVAL;
	default: return -EINVAL;
	}
}

int offload_from_virtio(struct rte_mbuf *m, uint8_t flags, uint8_t gso_type, uint16_t hdr_len,
	uint16_t gso_size, uint16_t csum_start, uint16_t csum_offset)
{
	bool partial = flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	bool gso = gso_type != VIRTIO_NET_HDR_GSO_NONE;
	uint64_t seg = 0;
	struct frame f;
	bool own; // the sum is that of the frame's own L4 header

	if (!partial && !gso) {
		if (flags & VIRTIO_NET_HDR_F_DATA_VALID)
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		return 0;
	}
	own = frame_parse(m, &f) == 0 && frame_parse_l4(&f) == 0;
	if (partial)
		own = own && csum_start == f.l2_len + f.l3_len &&
		      (uint32_t)csum_start + csum_offset == frame_sum_offset(&f);
	if (!own)
		return gso ? -EINVAL : finish_at(m, csum_start, csum_offset);
	if (gso) {
		if (gso_size == 0 || hdr_len > m->pkt_len || gso_flags(&f, gso_type, &seg) != 0)
			return -EINVAL;
		if (f.l4_total - f.l4_len > gso_size)
			m->tso_segsz = gso_size;
		else
			seg = 0;
	}
	mark(m, &f, seg);
	return 0;
}

int offload_from_rx(struct rte_mbuf *m)
{
	bool partial = (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
	bool gso = m->ol_flags & RTE_MBUF_F_RX_LRO;
	uint16_t gso_size = m->tso_segsz;
	struct frame f;
	uint64_t seg = 0;

	if (!partial && !gso)
		return 0;
	m->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
	m->tso_segsz = 0;
	if (frame_parse(m, &f) != 0 || frame_parse_l4(&f) != 0)
		return -EINVAL;
	if (gso) {
		if (gso_size == 0 || f.proto != IPPROTO_TCP)
			return -EINVAL;
		if (f.l4_total - f.l4_len > gso_size) {
			m->tso_segsz = gso_size;
			seg = RTE_MBUF_F_TX_TCP_SEG;
		}
	}
	mark(m, &f, seg);
	return 0;
}
