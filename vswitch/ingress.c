/* SPDX-License-Identifier: BSD-3-Clause */
// What comes in: VLAN and keys of each frame, and what may not come in at all. A burst of
// plain frames goes through one short loop; anything else in it sends it through the long one.
#include <stddef.h>
#include <string.h>

#include <rte_ether.h>
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
	}
	if (m->pkt_len > policy->max_frame &&
		m->pkt_len > policy->max_frame + vlan_tag_room(m, *meta) && !is_gso(m))
		return 1 + DROP_OVERSIZE_RX;
	return 0;
}

// The facts of a frame lie in three places of 16 bytes: the start of its bytes, and two of its
// mbuf. They are gathered as vectors, lane by lane; lanes that mean nothing are ignored at the
// end.
typedef uint8_t v16u8 __attribute__((vector_size(16)));
typedef uint16_t v8u16 __attribute__((vector_size(16)));
typedef uint32_t v4u32 __attribute__((vector_size(16)));
typedef uint64_t v2u64 __attribute__((vector_size(16)));

#define LANE_TYPE  6 // 16 bits each: the frame's type
#define LANE_SEGS  2 // 16 bits each: nb_segs of the mbuf's rearm data
#define LANE_WORK  1 // 64 bits each: ol_flags behind that
#define LANE_BYTES 1 // 32 bits each: pkt_len behind the packet type

static_assert(offsetof(struct rte_mbuf, rearm_data) == 16, "the lanes below");
static_assert(offsetof(struct rte_mbuf, nb_segs) == 16 + 2 * LANE_SEGS, "LANE_SEGS");
static_assert(offsetof(struct rte_mbuf, ol_flags) == 16 + 8 * LANE_WORK, "LANE_WORK");
static_assert(offsetof(struct rte_mbuf, pkt_len) == 32 + 4 * LANE_BYTES, "LANE_BYTES");

#define LOAD(type, from) \
	({ \
		type loaded_; \
		memcpy(&loaded_, from, sizeof(loaded_)); \
		loaded_; \
	})

// The keys of a burst in which every frame is untagged, of good length, in one buffer, to a
// station and no ARP; with the sums in rx->out. False, having changed nothing that counts, if
// one is not.
static bool ingress_plain(struct rx_burst *rx, uint16_t n)
{
	const vlan_meta native = vlan_untagged_id(&rx->policy->vlan);
	const v2u64 vlan = {fdb_key(native, 0), fdb_key(native, 0)};
	const v4u32 shortest = {0, ETHER_HDR}, longest = {0, rx->policy->max_frame};
	const v8u16 tagged = {0, 0, 0, 0, 0, 0, ETHERTYPE_VLAN_LE};
	const v8u16 arp = {0, 0, 0, 0, 0, 0, ETHERTYPE_ARP_LE};
	const v16u8 zero = {};
	struct tx_burst *out = &rx->out;
	v16u8 addresses = {};
	v8u16 odd_type = {};
	v2u64 head = {};
	v4u32 sum = {}, outside = {};

	for (uint16_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = out->pkt[i];
		const v16u8 raw = LOAD(v16u8, rte_pktmbuf_mtod(m, const char *));
		const v4u32 fields = LOAD(v4u32, (const char *)m + 32);
		const v16u8 keys = __builtin_shufflevector(
			raw, zero, 0, 1, 2, 3, 4, 5, 16, 16, 6, 7, 8, 9, 10, 11, 16, 16);

		if (i + 8 < n)
			rte_prefetch0(rte_pktmbuf_mtod(out->pkt[i + 8], void *));
		*(v2u64 *)&rx->key[2 * i] = (v2u64)keys | vlan;
		addresses |= raw;
		odd_type |= (v8u16)((v8u16)raw == tagged) | (v8u16)((v8u16)raw == arp);
		head |= LOAD(v2u64, (const char *)m + 16);
		sum += fields;
		// The top bit shows a length below the one or above the other.
		outside |= (fields - shortest) | (longest - fields);
	}
	if (((addresses[0] | addresses[RTE_ETHER_ADDR_LEN]) & MAC_GROUP) | odd_type[LANE_TYPE] |
		(((v8u16)head)[LANE_SEGS] != 1) | (outside[LANE_BYTES] >> 31))
		return false;
	rx->ctr->rx_bytes += sum[LANE_BYTES];
	out->n = n;
	out->segs_or = 1;
	out->meta_first = native;
	out->meta_diff = 0;
	out->max_len = rx->policy->max_frame;
	out->bytes = sum[LANE_BYTES];
	out->ol_or = head[LANE_WORK];
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
