/* SPDX-License-Identifier: BSD-3-Clause */
// A burst from one port: which VLAN, which destination. The loops here are what a frame costs.
#include "datapath.h"
#include "ext_vlan.h"

#include <string.h>

#include <rte_prefetch.h>

#define MAC_MASK  0xffffffffffffull
#define MAC_GROUP 1ull
// 01-80-C2-00-00-0x, as a little-endian load gives it
#define LINK_LOCAL      0x0000000000c28001ull
#define LINK_LOCAL_MASK 0xf0ffffffffffull

#define FDB_PORT_BITS (FDB_PORT_MASK << FDB_PORT_SHIFT)

struct ether_words {
	uint64_t dst, src;
	uint16_t type; // as loaded
};

static inline struct ether_words ether_load(const struct rte_mbuf *m)
{
	const char *p = rte_pktmbuf_mtod(m, const char *);
	struct ether_words e;
	uint64_t src_type;

	memcpy(&e.dst, p, 8);
	memcpy(&src_type, p + 6, 8);
	e.dst &= MAC_MASK;
	e.src = src_type & MAC_MASK;
	e.type = src_type >> 48;
	return e;
}

static bool is_gso(const struct rte_mbuf *m)
{
	return m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG);
}

// A frame that is anything but plain: 0 and its meta, or the reason to drop it + 1.
static __rte_noinline int classify(
	const struct rx_burst *rx, struct rte_mbuf *m, struct ether_words *e, vlan_meta *meta)
{
	const struct vsw_policy *policy = rx->policy;
	enum vsw_drop why;
	uint32_t tag = 0;
	int tagged;

	if (m->data_len < 14)
		return 1 + (m->pkt_len < 14 ? DROP_RUNT : DROP_MALFORMED);
	if (e->src & MAC_GROUP)
		return 1 + DROP_SRC_MULTICAST;
	if ((e->dst & LINK_LOCAL_MASK) == LINK_LOCAL)
		return 1 + DROP_LINK_LOCAL;
	if (e->type == ETHERTYPE_VLAN_LE) {
		if (m->data_len < 18)
			return 1 + (m->pkt_len < 18 ? DROP_RUNT : DROP_MALFORMED);
		tagged = vlan_classify_tagged(&policy->vlan, m, &why);
		if (tagged < 0)
			return 1 + why;
		*meta = tagged;
		tag = *meta & META_TAGGED ? VLAN_TAG_LEN : 0;
	}
	if (m->pkt_len > policy->max_frame + tag && !is_gso(m))
		return 1 + DROP_OVERSIZE_RX;
	return 0;
}

// Keys, VLANs and sums of the burst; drops what may not come in and closes the gaps.
static void ingress(struct worker *w, struct rx_burst *rx, uint16_t n)
{
	const struct vsw_policy *policy = rx->policy;
	const vlan_meta native = vlan_untagged_id(&policy->vlan);
	const uint32_t max_frame = policy->max_frame;
	struct tx_burst *out = &rx->out;
	uint64_t *dst = rx->key, src[VSW_BURST];
	uint64_t first_dst = 0, first_src = 0, diff = 0, ol = 0, bytes = 0, total = 0;
	uint32_t max_len = 0;
	uint16_t segs = 0, arp = 0, k = 0;
	vlan_meta meta_diff = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = out->pkt[i];
		struct ether_words e = ether_load(m);
		vlan_meta meta = native;
		bool odd = (m->data_len < 14) | (e.type == ETHERTYPE_VLAN_LE) |
		           (e.src & MAC_GROUP) | ((e.dst & LINK_LOCAL_MASK) == LINK_LOCAL) |
		           (m->pkt_len > max_frame);

		total += m->pkt_len;
		if (i + 8 < n)
			rte_prefetch0(rte_pktmbuf_mtod(out->pkt[i + 8], void *));
		if (unlikely(odd)) {
			int why = classify(rx, m, &e, &meta);

			if (why != 0) {
				drop(rx->ctr, why - 1, m);
				continue;
			}
		}
		dst[k] = fdb_key(META_VID(meta), e.dst);
		src[k] = fdb_key(META_VID(meta), e.src);
		if (k == 0) {
			first_dst = dst[0];
			first_src = src[0];
			out->meta_first = meta;
		}
		diff |= (dst[k] ^ first_dst) | (src[k] ^ first_src);
		meta_diff |= meta ^ out->meta_first;
		arp |= e.type == ETHERTYPE_ARP_LE;
		bytes += m->pkt_len;
		max_len = RTE_MAX(max_len, m->pkt_len);
		ol |= m->ol_flags;
		segs |= m->nb_segs;
		out->meta[k] = meta;
		out->pkt[k++] = m;
	}
	rx->ctr->rx_bytes += total;
	memcpy(&rx->key[k], src, k * sizeof(src[0]));
	out->n = k;
	out->meta_diff = meta_diff;
	out->bytes = bytes;
	out->max_len = max_len;
	out->ol_or = ol;
	out->segs_or = segs;
	out->shared = false;
	rx->arp = arp;
	rx->one_flow = diff == 0;
}

static void lookup(struct rx_burst *rx)
{
	const uint16_t n = rx->out.n;

	if (rx->one_flow) {
		const uint64_t key[2] = {rx->key[0], rx->key[n]};
		uint64_t word[2];

		fdb_lookup_bulk(rx->sw->fdb, key, word, 2);
		for (uint16_t i = 0; i < n; i++) {
			rx->word[i] = word[0];
			rx->word[n + i] = word[1];
		}
		return;
	}
	fdb_lookup_bulk(rx->sw->fdb, rx->key, rx->word, 2 * n);
}

// False if every source is known as seen here; then nothing need be looked at again.
static bool any_unsettled(const struct rx_burst *rx)
{
	const uint64_t *word = &rx->word[rx->out.n];
	const uint64_t port = (uint64_t)rx->src->id << FDB_PORT_SHIFT;
	uint64_t other = 0, seen = FDB_SEEN;

	for (uint16_t i = 0; i < rx->out.n; i++) {
		other |= (word[i] & FDB_PORT_BITS) ^ port;
		seen &= word[i] | word[i] >> 1; // a static entry needs no mark
	}
	return other != 0 || seen == 0;
}

// The one port that all frames go to, or NULL.
static struct vsw_port *only_destination(const struct rx_burst *rx)
{
	const uint64_t first = rx->word[0];
	const uint16_t id = fdb_word_port(first);
	uint64_t diff = 0;

	for (uint16_t i = 0; i < rx->out.n; i++)
		diff |= rx->word[i] ^ first;
	if (diff & FDB_PORT_BITS || id == 0 || id == rx->src->id)
		return NULL;
	return port_of(id);
}

void stage_add(
	struct worker *w, struct vsw_port *dst, struct rte_mbuf *m, vlan_meta meta, bool shared)
{
	struct tx_burst *b = atomic_load_explicit(&w->stage[dst->id], memory_order_acquire);

	if (unlikely(b == NULL)) {
		drop(&w->ctr[dst->id], DROP_PORT_GONE, m);
		return;
	}
	if (!b->listed) {
		b->listed = true;
		w->touched[w->n_touched++] = dst->id;
	}
	tx_burst_add(b, m, meta);
	b->shared |= shared;
	if (b->n == VSW_BURST)
		port_output(w, dst, b);
}

static void flush_stages(struct worker *w)
{
	for (uint16_t i = 0; i < w->n_touched; i++) {
		const uint16_t id = w->touched[i];
		struct vsw_port *dst = port_of(id);
		struct tx_burst *b = w->stage[id];

		b->listed = false;
		if (likely(dst != NULL)) {
			if (b->n != 0)
				port_output(w, dst, b);
			continue;
		}
		for (uint16_t k = 0; k < b->n; k++)
			drop(&w->ctr[id], DROP_PORT_GONE, b->pkt[k]);
		tx_burst_clear(b);
	}
	w->n_touched = 0;
}

// Frames with several destinations, or with work of learning left.
static void forward_each(struct worker *w, struct rx_burst *rx, bool unsettled)
{
	const struct tx_burst *out = &rx->out;
	const uint16_t n = out->n;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = out->pkt[i];
		uint16_t id = fdb_word_port(rx->word[i]);
		struct vsw_port *dst;

		if (unsettled && !fdb_is_settled(rx->word[n + i], rx->src->id) && learn(w, rx, i)) {
			drop(rx->ctr, DROP_LOOP, m);
			continue;
		}
		if (id == 0) {
			flood(w, rx, m, out->meta[i]);
			continue;
		}
		if (id == rx->src->id) {
			drop(rx->ctr, DROP_SAME_PORT, m);
			continue;
		}
		dst = port_of(id);
		if (unlikely(dst == NULL)) {
			drop(rx->ctr, DROP_PORT_GONE, m);
			continue;
		}
		stage_add(w, dst, m, out->meta[i], false);
	}
	flush_stages(w);
}

static void snoop_arp(struct worker *w, const struct rx_burst *rx)
{
	for (uint16_t i = 0; i < rx->out.n; i++)
		snoop(w, rx->src, rx->out.pkt[i], rx->out.meta[i]);
}

void switch_input(struct worker *w, struct vsw_port *src, uint16_t n)
{
	struct rx_burst *rx = &w->rx;
	struct vsw_port *dst = NULL;
	bool unsettled;

	rx->src = src;
	rx->ctr = &w->ctr[src->id];
	rx->ctr->rx_packets += n;
	rx->sw = atomic_load_explicit(&src->sw, memory_order_acquire);
	rx->policy = atomic_load_explicit(&src->policy, memory_order_acquire);
	if (unlikely(rx->sw == NULL || rx->policy->link_down)) {
		for (uint16_t i = 0; i < n; i++) {
			rx->ctr->rx_bytes += rx->out.pkt[i]->pkt_len;
			drop(rx->ctr, rx->sw == NULL ? DROP_PORT_GONE : DROP_LINK_DOWN,
				rx->out.pkt[i]);
		}
		return;
	}
	ingress(w, rx, n);
	stage_done(w, STAGE_INGRESS);
	if (unlikely(rx->out.n == 0))
		return;
	if (unlikely(rx->arp))
		snoop_arp(w, rx);
	lookup(rx);
	stage_done(w, STAGE_LOOKUP);
	unsettled = any_unsettled(rx);
	if (likely(!unsettled))
		dst = only_destination(rx);
	stage_done(w, STAGE_FORWARD);
	if (likely(dst != NULL))
		port_output(w, dst, &rx->out);
	else
		forward_each(w, rx, unsettled);
}
