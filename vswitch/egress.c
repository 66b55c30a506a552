/* SPDX-License-Identifier: BSD-3-Clause */
// Out of a port: its VLAN, its MTU, what it cannot do itself, then its queue or its owner.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "datapath.h"
#include "ext_vlan.h"

#define ETHER_HDR 14u

uint64_t sum_bytes(struct rte_mbuf *const *pkts, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

void port_transmit(
	struct worker *w, struct vsw_port *dst, struct rte_mbuf **pkts, uint16_t n, uint64_t bytes)
{
	struct vsw_counters *ctr = &w->ctr[dst->id];
	uint16_t queue = dst->n_tx_queues > w->index ? w->index : 0;
	uint16_t sent;

	if (dst->n_tx_queues == PORT_TX_ANY)
		queue = w->index % dst->n_rx_queues;
	sent = dst->ops->tx_burst(dst, queue, pkts, n);
	for (uint16_t i = sent; i < n; i++) {
		bytes -= pkts[i]->pkt_len;
		drop(ctr, dst->tx_reasons != NULL ? dst->tx_reasons[i] : DROP_TX_FULL, pkts[i]);
	}
	ctr->tx_packets += sent;
	ctr->tx_bytes += bytes;
}

static void wake(struct worker *owner)
{
	// Pairs with the fence between setting `sleeping` and looking at the rings once more.
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&owner->sleeping, memory_order_relaxed)) {
		uint64_t one = 1;

		if (write(owner->wake_fd, &one, sizeof(one)) < 0)
			return; // full: it is being woken
	}
}

// At most a burst.
static void cross(struct worker *w, struct vsw_port *dst, struct rte_mbuf **pkts, uint16_t n)
{
	struct worker *owner = vsw_workers[dst->tx_owner];
	struct crossing items[VSW_BURST];
	unsigned taken;

	for (uint16_t i = 0; i < n; i++)
		items[i] = (struct crossing){.m = pkts[i], .port = dst->id};
	taken = rte_ring_sp_enqueue_burst_elem(
		owner->in[w->index], items, sizeof(items[0]), n, NULL);
	w->stats.ring_out += taken;
	for (uint16_t i = taken; i < n; i++)
		drop(&w->ctr[dst->id], DROP_RING_FULL, pkts[i]);
	wake(owner);
}

static void out(
	struct worker *w, struct vsw_port *dst, struct rte_mbuf **pkts, uint16_t n, uint64_t bytes)
{
	if (n == 0)
		return;
	if (likely(dst->n_tx_queues >= vsw_n_workers || dst->tx_owner == w->index))
		port_transmit(w, dst, pkts, n, bytes);
	else
		cross(w, dst, pkts, n);
}

// The VLAN's form for each frame; frames that may not leave here are dropped.
static void apply_vlan(struct worker *w, const struct vlan_config *vlan, struct vsw_counters *ctr,
	struct tx_burst *b)
{
	const bool differ = b->meta_diff != 0, shared = b->shared;
	const vlan_meta first = b->meta_first;
	const uint16_t n = b->n;

	// In place: what is put back never passes what is still to be looked at.
	tx_burst_clear(b);
	b->shared = shared;
	for (uint16_t i = 0; i < n; i++) {
		vlan_meta meta = differ ? b->meta[i] : first;
		enum vlan_form form = vlan_form_of(vlan, META_VID(meta));
		struct rte_mbuf *m = b->pkt[i];

		if (form == VLAN_FORM_NONE) {
			drop(ctr, DROP_VLAN_TX, m);
			continue;
		}
		m = vlan_convert(m, &meta, form, w->pool);
		if (m == NULL) {
			ctr->drops[DROP_NO_MBUF]++;
			continue;
		}
		tx_burst_add(b, m, meta);
	}
}

// True if all frames have one VLAN and already the form they leave in.
static bool vlan_is_settled(const struct vlan_config *vlan, const struct tx_burst *b)
{
	enum vlan_form form;

	if (b->meta_diff != 0)
		return false;
	form = vlan_form_of(vlan, META_VID(b->meta_first));
	return form == (b->meta_first & META_TAGGED ? VLAN_FORM_TAGGED : VLAN_FORM_UNTAGGED);
}

// Longest frame that the far end should see of this one: the segments', not the whole.
static uint32_t wire_length(const struct rte_mbuf *m)
{
	if (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG))
		return RTE_MIN(
			m->pkt_len, (uint32_t)m->l2_len + m->l3_len + m->l4_len + m->tso_segsz);
	return m->pkt_len;
}

static void drop_oversize(
	const struct vsw_policy *policy, struct vsw_counters *ctr, struct tx_burst *b)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		uint32_t tags = vlan_tag_room(b->pkt[i], tx_burst_meta(b, i));

		if (wire_length(b->pkt[i]) > policy->max_frame + tags) {
			b->bytes -= b->pkt[i]->pkt_len;
			drop(ctr, DROP_OVERSIZE_TX, b->pkt[i]);
			continue;
		}
		b->meta[k] = b->meta[i];
		b->pkt[k++] = b->pkt[i];
	}
	b->n = k;
}

static bool needs_own_copy(const struct vsw_port *dst, const struct rte_mbuf *m)
{
	return !(dst->tx_caps & PORT_TX_SHARED) && rte_mbuf_refcnt_read(m) > 1;
}

// Frames one by one: what the port cannot do is done here.
static void finish_and_send(
	struct worker *w, struct vsw_port *dst, struct vsw_counters *ctr, struct tx_burst *b)
{
	struct rte_mbuf *done[VSW_BURST + OFFLOAD_MAX_SEGS];
	uint16_t k = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->pkt[i];
		int n = 1;

		if (needs_own_copy(dst, m)) {
			struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);

			rte_pktmbuf_free(m);
			m = copy;
			if (m == NULL) {
				ctr->drops[DROP_NO_MBUF]++;
				continue;
			}
		}
		if (offload_fits(m, dst->tx_caps))
			done[k] = m;
		else
			n = offload_resolve(
				w->offload, m, dst->tx_caps, &done[k], OFFLOAD_MAX_SEGS);
		if (n < 0) {
			ctr->drops[n == -ENOMEM ? DROP_NO_MBUF : DROP_OFFLOAD]++;
			continue;
		}
		ctr->segments += n - 1;
		k += n;
		while (k >= VSW_BURST) {
			out(w, dst, done, VSW_BURST, sum_bytes(done, VSW_BURST));
			k -= VSW_BURST;
			memmove(done, done + VSW_BURST, k * sizeof(done[0]));
		}
	}
	if (k > 0)
		out(w, dst, done, k, sum_bytes(done, k));
}

void port_output(struct worker *w, struct vsw_port *dst, struct tx_burst *b)
{
	const struct vsw_policy *policy = atomic_load_explicit(&dst->policy, memory_order_acquire);
	struct vsw_counters *ctr = &w->ctr[dst->id];

	if (unlikely(policy->link_down)) {
		for (uint16_t i = 0; i < b->n; i++)
			drop(ctr, DROP_LINK_DOWN, b->pkt[i]);
		tx_burst_clear(b);
		return;
	}
	if (unlikely(!vlan_is_settled(&policy->vlan, b)))
		apply_vlan(w, &policy->vlan, ctr, b);
	if (unlikely(b->max_len > policy->max_frame))
		drop_oversize(policy, ctr, b);
	stage_done(w, STAGE_EGRESS);
	if (likely((b->ol_or & OFFLOAD_WORK) == 0 && b->segs_or <= 1 && !b->shared))
		out(w, dst, b->pkt, b->n, b->bytes);
	else
		finish_and_send(w, dst, ctr, b);
	tx_burst_clear(b);
	stage_done(w, STAGE_TX);
}
