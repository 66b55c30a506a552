/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from a guest into packets: the one copy, after which the guest can change nothing more.
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>

#include "nic.h"

#define TAG_LEN   4
#define RESERVE   256
#define MOST_USEC 300 // for all queues of a guest, then others have their turn

// Empty mbufs of a thread, so that what has been polled has a place to go: a poll cannot be
// taken back.
struct reserve {
	struct rte_mempool *pool;
	uint32_t room; // bytes in each
	unsigned n;
	struct rte_mbuf *mbuf[RESERVE];
};

static __thread struct reserve reserve;

// Whether there is room for what a poll of `max` frames may give, usually (a guest that packs
// many large frames into one message may get some dropped).
static bool reserve_has(struct reserve *r, struct rte_mempool *pool, unsigned max)
{
	unsigned need;

	if (unlikely(r->pool != pool)) {
		if (r->n > 0)
			rte_mempool_put_bulk(r->pool, (void **)r->mbuf, r->n);
		r->n = 0;
		r->pool = pool;
		r->room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	}
	need = max + (NETVSP_BURST_BYTES + NETVSP_MAX_FRAME) / r->room;
	if (likely(r->n >= need))
		return true;
	if (rte_mempool_get_bulk(pool, (void **)&r->mbuf[r->n], RESERVE - r->n) != 0)
		return false;
	r->n = RESERVE;
	return r->n >= need;
}

static struct rte_mbuf *reserve_take(struct reserve *r)
{
	struct rte_mbuf *m;

	if (unlikely(r->n == 0))
		return NULL;
	m = r->mbuf[--r->n];
	rte_pktmbuf_reset(m);
	return m;
}

struct cursor {
	const struct iovec *seg;
	uint32_t n;
	size_t at; // in *seg
};

static void gather(struct cursor *c, uint8_t *to, uint32_t len)
{
	while (len > 0 && c->n > 0) {
		size_t part = c->seg->iov_len - c->at;

		if (part > len)
			part = len;
		memcpy(to, (const uint8_t *)c->seg->iov_base + c->at, part);
		to += part;
		len -= part;
		c->at += part;
		if (c->at == c->seg->iov_len) {
			c->seg++;
			c->n--;
			c->at = 0;
		}
	}
}

// The guest's tag is beside the frame; on the switch it is in it.
static uint32_t put_tagged_addresses(struct cursor *c, uint8_t *to, uint16_t tci)
{
	const uint8_t tag[TAG_LEN] = {0x81, 0x00, tci >> 8, tci & 0xff};

	gather(c, to, 2 * RTE_ETHER_ADDR_LEN);
	memcpy(to + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
	return 2 * RTE_ETHER_ADDR_LEN + TAG_LEN;
}

// NULL: no mbufs left.
static struct rte_mbuf *copy_frame(struct reserve *r, const struct netvsp_frame *frame)
{
	struct cursor c = {.seg = frame->seg, .n = frame->n_segs};
	struct rte_mbuf *first = reserve_take(r), *last = first;
	uint32_t left = frame->len, part;

	if (unlikely(first == NULL))
		return NULL;
	if (frame->info.flags & NDIS_INFO_VLAN) {
		first->data_len = put_tagged_addresses(
			&c, rte_pktmbuf_mtod(first, uint8_t *), frame->info.vlan_tci);
		left -= 2 * RTE_ETHER_ADDR_LEN;
	}
	for (;;) {
		part = RTE_MIN(left, r->room - last->data_len);
		gather(&c, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), part);
		last->data_len += part;
		first->pkt_len += last->data_len;
		left -= part;
		if (likely(left == 0))
			return first;
		last->next = reserve_take(r);
		if (unlikely(last->next == NULL)) {
			rte_pktmbuf_free(first);
			return NULL;
		}
		last = last->next;
		first->nb_segs++;
	}
}

#define WORK (NDIS_INFO_CSUM_IP | NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_UDP | NDIS_INFO_LSO)

static uint16_t take_frames(
	struct vmnic_port *v, struct reserve *r, unsigned n, struct rte_mbuf **pkts)
{
	uint16_t got = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct netvsp_frame *frame = &v->frame[i];
		struct rte_mbuf *m = copy_frame(r, frame);

		if (unlikely(m == NULL)) {
			atomic_fetch_add_explicit(&v->no_mbuf, 1, memory_order_relaxed);
			continue;
		}
		if (frame->info.flags & WORK && vmnic_take_offloads(m, &frame->info) != 0) {
			rte_pktmbuf_free(m);
			atomic_fetch_add_explicit(&v->malformed, 1, memory_order_relaxed);
			continue;
		}
		pkts[got++] = m;
	}
	return got;
}

uint16_t vmnic_rx(struct vsw_port *port, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	struct vmnic_port *v = port->priv;
	struct nic *nic = atomic_load_explicit(&v->nic, memory_order_acquire);
	uint16_t got = 0;
	uint64_t until;

	if (unlikely(nic == NULL))
		return 0;
	until = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * MOST_USEC;
	for (uint32_t i = 0; i < nic->n_queues; i++) {
		const unsigned max = RTE_MIN(n - got, (unsigned)NETVSP_BURST);
		const uint32_t queue = v->next_queue < nic->n_queues ? v->next_queue : 0;
		int k;

		// Short of mbufs, or of room: the guest's ring is the queue.
		if (max < NETVSP_MAX_TX_BATCH || unlikely(!reserve_has(&reserve, port->pool, max)))
			break;
		v->next_queue = queue + 1;
		k = netvsp_poll_from_guest(nic->vsp, queue, v->frame, max);
		if (k > 0)
			got += take_frames(v, &reserve, k, pkts + got);
		netvsp_complete(nic->vsp, queue);
		// Garbage takes time as well, and is no frame that would count.
		if (i + 1 < nic->n_queues && unlikely(rte_rdtsc() > until))
			break;
	}
	return got;
}
