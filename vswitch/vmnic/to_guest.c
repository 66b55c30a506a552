/* SPDX-License-Identifier: BSD-3-Clause */
// Packets to a guest: copied into its receive buffer, with what is known of them beside.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include <vswitch/offload.h>

#include "nic.h"

#define TAG_LEN  4
#define SEGS_MAX 128 // of a packet
#define HASH_LEN 128 // bytes of a frame whose headers are hashed

// Which TCP or UDP header the frame has, if the packet's flags do not say it.
static uint32_t l4_good_of(const struct rte_mbuf *m, uint32_t at, uint16_t type)
{
	const uint8_t *p = rte_pktmbuf_mtod_offset(m, const uint8_t *, at);
	uint8_t proto;

	if (type == RTE_ETHER_TYPE_IPV4 && m->data_len >= at + sizeof(struct rte_ipv4_hdr))
		proto = p[9];
	else if (type == RTE_ETHER_TYPE_IPV6 && m->data_len >= at + sizeof(struct rte_ipv6_hdr))
		proto = p[6];
	else
		return 0;
	return proto == IPPROTO_TCP   ? NDIS_INFO_TCP_GOOD
	       : proto == IPPROTO_UDP ? NDIS_INFO_UDP_GOOD
	                              : 0;
}

// Sums of frames that never were on a wire are as good as checked ones.
static uint32_t sums_of(const struct rte_mbuf *m, uint32_t at, uint16_t type)
{
	const uint64_t flags = m->ol_flags;
	uint32_t good = 0;

	if (flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_L4_MASK)) {
		good = (flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM ||
		                       flags & RTE_MBUF_F_TX_UDP_SEG
		               ? NDIS_INFO_UDP_GOOD
		               : NDIS_INFO_TCP_GOOD;
		if (type == RTE_ETHER_TYPE_IPV4)
			good |= NDIS_INFO_IP_GOOD;
	} else if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
		good = l4_good_of(m, at, type);
	}
	return good;
}

static void describe(const struct rte_mbuf *m, struct ndis_packet_info *info, bool *tagged)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t at = RTE_ETHER_HDR_LEN;
	uint16_t type = (uint16_t)(p[12] << 8 | p[13]);

	*info = (struct ndis_packet_info){};
	*tagged = type == RTE_ETHER_TYPE_VLAN && m->data_len >= RTE_ETHER_HDR_LEN + TAG_LEN;
	if (*tagged) {
		info->flags |= NDIS_INFO_VLAN;
		info->vlan_tci = (uint16_t)(p[14] << 8 | p[15]);
		type = (uint16_t)(p[16] << 8 | p[17]);
		at += TAG_LEN;
	}
	if (type == RTE_ETHER_TYPE_IPV4)
		info->flags |= NDIS_INFO_IP4;
	else if (type == RTE_ETHER_TYPE_IPV6)
		info->flags |= NDIS_INFO_IP6;
	if (m->ol_flags != 0)
		info->flags |= sums_of(m, at, type);
}

// The guest gets the tag beside the frame. 0: more pieces than there may be.
static unsigned pieces_of(const struct rte_mbuf *m, bool tagged, struct iovec *iov)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t skip = 0;
	unsigned n = 0;

	if (tagged) {
		iov[n++] = (struct iovec){p, 2 * RTE_ETHER_ADDR_LEN};
		skip = 2 * RTE_ETHER_ADDR_LEN + TAG_LEN;
	}
	for (; m != NULL; m = m->next, skip = 0) {
		if (unlikely(n == SEGS_MAX))
			return 0;
		iov[n++] = (struct iovec){
			rte_pktmbuf_mtod_offset(m, uint8_t *, skip), m->data_len - skip};
	}
	return n;
}

static uint32_t choose_queue(const struct netvsp *vsp, const struct iovec *iov, unsigned n,
	struct ndis_packet_info *info)
{
	const uint8_t *frame = iov[0].iov_base;
	uint32_t len = iov[0].iov_len;
	uint8_t copy[HASH_LEN];

	if (unlikely(len == 2 * RTE_ETHER_ADDR_LEN && n > 1)) {
		uint32_t more = RTE_MIN(iov[1].iov_len, sizeof(copy) - len);

		memcpy(copy, frame, len);
		memcpy(copy + len, iov[1].iov_base, more);
		frame = copy;
		len += more;
	}
	if (!netvsp_hash(vsp, frame, len, &info->hash))
		return 0;
	info->flags |= NDIS_INFO_HASH;
	return netvsp_queue_of(vsp, info->hash);
}

static enum vsw_drop reason_of(int err)
{
	switch (err) {
	case -ENOBUFS: return DROP_GUEST_NO_BUFFER;
	case -EAGAIN: return DROP_GUEST_RING_FULL;
	case -EADDRNOTAVAIL: return DROP_GUEST_FILTERED;
	case -EMSGSIZE: return DROP_GUEST_TOO_LONG;
	default: return DROP_GUEST_NOT_READY;
	}
}

static int send_one(const struct nic *nic, const struct rte_mbuf *m, uint64_t *touched)
{
	struct iovec iov[SEGS_MAX];
	struct ndis_packet_info info;
	uint32_t queue = 0;
	bool tagged;
	unsigned n;
	int ret;

	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN))
		return -EMSGSIZE;
	describe(m, &info, &tagged);
	n = pieces_of(m, tagged, iov);
	if (unlikely(n == 0))
		return -EMSGSIZE;
	if (nic->n_queues > 1)
		queue = choose_queue(nic->vsp, iov, n, &info);
	ret = netvsp_send_to_guest(
		nic->vsp, queue, iov, n, m->pkt_len - (tagged ? TAG_LEN : 0), &info);
	if (ret == 0)
		*touched |= 1ull << queue;
	return ret;
}

// What is refused goes to the end, where the caller looks for it: a frame that this guest does
// not take says nothing of the next one.
uint16_t vmnic_tx(struct vsw_port *port, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	struct vmnic_port *v = port->priv;
	struct nic *nic = atomic_load_explicit(&v->nic, memory_order_acquire);
	struct rte_mbuf *refused[VSW_BURST];
	uint8_t why[VSW_BURST];
	uint16_t sent = 0, n_refused = 0;
	uint64_t touched = 0;

	if (unlikely(nic == NULL)) {
		memset(v->refused, DROP_GUEST_NOT_READY, n);
		return 0;
	}
	for (uint16_t i = 0; i < n; i++) {
		int ret = send_one(nic, pkts[i], &touched);

		if (likely(ret == 0)) {
			pkts[sent++] = pkts[i];
			continue;
		}
		why[n_refused] = reason_of(ret);
		refused[n_refused++] = pkts[i];
	}
	// What was written is on its way to memory meanwhile; showing it waits for that.
	rte_pktmbuf_free_bulk(pkts, sent);
	for (; touched != 0; touched &= touched - 1)
		netvsp_flush_to_guest(nic->vsp, __builtin_ctzll(touched));
	if (unlikely(n_refused > 0)) {
		memcpy(pkts + sent, refused, n_refused * sizeof(refused[0]));
		memcpy(v->refused + sent, why, n_refused);
	}
	return sent;
}
