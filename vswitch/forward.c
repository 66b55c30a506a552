/* SPDX-License-Identifier: BSD-3-Clause */
// From a burst of classified frames to their ports. The loops here and in ingress.c are what
// a frame costs.
#include "datapath.h"

#define FDB_PORT_BITS (FDB_PORT_MASK << FDB_PORT_SHIFT)

// True if all frames have the keys of the first: the second tells most other bursts apart.
static bool is_one_flow(const struct rx_burst *rx)
{
	const uint64_t dst = rx->key[0], src = rx->key[1];
	uint64_t diff = 0;

	if (rx->out.n > 1 && (rx->key[2] != dst || rx->key[3] != src))
		return false;
	for (uint16_t i = 1; i < rx->out.n; i++)
		diff |= (rx->key[2 * i] ^ dst) | (rx->key[2 * i + 1] ^ src);
	return diff == 0;
}

// Looks up all keys; of a burst that is one flow only the first pair.
static void lookup(struct rx_burst *rx)
{
	rx->n_words = is_one_flow(rx) ? 1 : rx->out.n;
	fdb_lookup_bulk(rx->sw->fdb, rx->key, rx->word, 2 * rx->n_words);
}

typedef uint64_t v2u64 __attribute__((vector_size(16))); // destination, source

// What a burst's entries have in common.
struct verdict {
	bool unsettled;       // some source is not known as seen here: there is something to learn
	struct vsw_port *dst; // the one port that all frames go to, or NULL
};

static struct verdict judge(const struct rx_burst *rx)
{
	const v2u64 *words = (const v2u64 *)rx->word;
	const uint16_t id = fdb_word_port(rx->word[0]);
	const v2u64 expected = {rx->word[0], (uint64_t)rx->src->id << FDB_PORT_SHIFT};
	v2u64 differs = {}, seen = {FDB_SEEN, FDB_SEEN};
	struct verdict v = {};

	for (uint16_t i = 0; i < rx->n_words; i++) {
		differs |= words[i] ^ expected;
		seen &= words[i] | words[i] >> 1; // a static entry needs no mark
	}
	v.unsettled = (differs[1] & FDB_PORT_BITS) != 0 || seen[1] == 0;
	if ((differs[0] & FDB_PORT_BITS) == 0 && id != 0 && id != rx->src->id)
		v.dst = port_of(id);
	return v;
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

	for (uint16_t i = 0; i < out->n; i++) {
		const unsigned at = rx->n_words == out->n ? 2 * i : 0;
		struct rte_mbuf *m = out->pkt[i];
		uint16_t id = fdb_word_port(rx->word[at]);
		struct vsw_port *dst;

		if (unsettled && !fdb_is_settled(rx->word[at + 1], rx->src->id) &&
			learn(w, rx, at + 1)) {
			drop(rx->ctr, DROP_LOOP, m);
			continue;
		}
		if (id == 0) {
			flood(w, rx, m, tx_burst_meta(out, i));
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
		stage_add(w, dst, m, tx_burst_meta(out, i), false);
	}
	flush_stages(w);
}

static void snoop_arp(struct worker *w, const struct rx_burst *rx)
{
	for (uint16_t i = 0; i < rx->out.n; i++)
		snoop(w, rx->src, rx->out.pkt[i], tx_burst_meta(&rx->out, i));
}

void switch_input(struct worker *w, struct vsw_port *src, uint16_t n)
{
	struct rx_burst *rx = &w->rx;
	struct verdict verdict;

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
	switch_ingress(rx, n);
	stage_done(w, STAGE_INGRESS);
	if (unlikely(rx->out.n == 0))
		return;
	if (unlikely(rx->arp))
		snoop_arp(w, rx);
	lookup(rx);
	stage_done(w, STAGE_LOOKUP);
	verdict = judge(rx);
	stage_done(w, STAGE_FORWARD);
	if (likely(!verdict.unsettled && verdict.dst != NULL))
		port_output(w, verdict.dst, &rx->out);
	else
		forward_each(w, rx, verdict.unsettled);
}
