/* SPDX-License-Identifier: BSD-3-Clause */
// What comes in: VLAN and keys of each frame, and what may not come in at all. A burst of
// plain frames goes through one short loop; anything else in it sends it through the long one.
#include <string.h>

#include <rte_prefetch.h>

#include "datapath.h"
#include "ext_vlan.h"

#define ETHER_HDR 14u
#define MAC_MASK  0xffffffffffffull
#define MAC_GROUP 1ull
// 01-80-C2-00-00-0x, as a little-endian load gives it
#define LINK_LOCAL      0x0000000000c28001ull
#define LINK_LOCAL_MASK 0xf0ffffffffffull

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

	if (m->data_len < ETHER_HDR)
		return 1 + (m->pkt_len < ETHER_HDR ? DROP_RUNT : DROP_MALFORMED);
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

// The keys of a burst in which every frame is untagged, of good length, in one buffer, to a
// station and no ARP; with the sums in rx->out. False, having changed nothing that counts, if
// one is not.
static bool ingress_plain(struct rx_burst *rx, uint16_t n)
{
	const vlan_meta native = vlan_untagged_id(&rx->policy->vlan);
	const uint64_t vlan_bits = fdb_key(native, 0);
	const uint32_t room = rx->policy->max_frame - ETHER_HDR;
	struct tx_burst *out = &rx->out;
	uint64_t ol = 0, bytes = 0;
	uint32_t max_len = 0;
	bool odd = false;

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = out->pkt[i];
		const struct ether_words e = ether_load(m);

		if (i + 8 < n)
			rte_prefetch0(rte_pktmbuf_mtod(out->pkt[i + 8], void *));
		// One comparison for too short and too long; the group bits of both addresses.
		odd |= (m->pkt_len - ETHER_HDR > room) | ((e.dst | e.src) & MAC_GROUP) |
		       (e.type == ETHERTYPE_VLAN_LE) | (e.type == ETHERTYPE_ARP_LE) |
		       (m->nb_segs != 1);
		rx->key[2 * i] = e.dst | vlan_bits;
		rx->key[2 * i + 1] = e.src | vlan_bits;
		bytes += m->pkt_len;
		max_len = RTE_MAX(max_len, m->pkt_len);
		ol |= m->ol_flags;
	}
	if (odd)
		return false;
	rx->ctr->rx_bytes += bytes;
	out->n = n;
	out->segs_or = 1;
	out->meta_first = native;
	out->meta_diff = 0;
	out->max_len = max_len;
	out->bytes = bytes;
	out->ol_or = ol;
	return true;
}

// The same for any frames; drops what may not come in and closes the gaps.
static void ingress_any(struct rx_burst *rx, uint16_t n)
{
	const vlan_meta native = vlan_untagged_id(&rx->policy->vlan);
	struct tx_burst *out = &rx->out;

	tx_burst_clear(out);
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = out->pkt[i];
		struct ether_words e = ether_load(m);
		vlan_meta meta = native;
		int why;

		rx->ctr->rx_bytes += m->pkt_len;
		why = classify(rx, m, &e, &meta);
		if (why != 0) {
			drop(rx->ctr, why - 1, m);
			continue;
		}
		rx->arp |= e.type == ETHERTYPE_ARP_LE;
		rx->key[2 * out->n] = fdb_key(META_VID(meta), e.dst);
		rx->key[2 * out->n + 1] = fdb_key(META_VID(meta), e.src);
		tx_burst_add(out, m, meta); // never passes i
	}
}

void switch_ingress(struct rx_burst *rx, uint16_t n)
{
	rx->arp = false;
	rx->out.shared = false;
	if (unlikely(!ingress_plain(rx, n)))
		ingress_any(rx, n);
}
