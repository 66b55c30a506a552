/* SPDX-License-Identifier: BSD-3-Clause */
// Which IPs live behind which port: the sender of ARP packets and of IPv6 neighbour
// discovery (RFC 826, RFC 4861). Only told, never acted upon.
#include <string.h>

#include <rte_hash_crc.h>

#include "datapath.h"
#include "ext_vlan.h"
#include "notify.h"

#define RETELL_SECONDS 10
#define TELL_MAX       4096 // in that time: a guest can make up an address per frame

static bool told_lately(struct worker *w, const struct notify *msg)
{
	uint64_t now = rte_rdtsc();
	uint64_t hash = rte_hash_crc(msg->ip, sizeof(msg->ip), msg->port_id);

	hash = hash << 32 |
	       rte_hash_crc(msg->ip, sizeof(msg->ip), msg->port_id + 0x10000u + msg->vlan);
	if (now > w->ip_seen_until) {
		memset(w->ip_seen, 0, sizeof(w->ip_seen));
		w->ip_told = 0;
		w->ip_seen_until = now + RETELL_SECONDS * rte_get_tsc_hz();
	}
	if (w->ip_seen[hash % SEEN_CACHE] == hash)
		return true;
	if (w->ip_told >= TELL_MAX)
		return true;
	w->ip_told++;
	w->ip_seen[hash % SEEN_CACHE] = hash;
	return false;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

// The sender's address of an ARP packet for IPv4 over Ethernet.
static bool parse_arp(const uint8_t *p, size_t len, struct notify *msg)
{
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};

	if (len < 28 || memcmp(p, head, sizeof(head)) != 0 || is_zero(p + 14, 4))
		return false;
	msg->family = 4;
	memcpy(msg->mac, p + 8, 6);
	memcpy(msg->ip, p + 14, 4);
	return true;
}

// Neighbour solicitation: its source, or the target if it comes from :: (duplicate address
// detection). Neighbour advertisement: the target.
static bool parse_nd(const uint8_t *p, size_t len, struct notify *msg)
{
	const uint8_t *src = p + 8, *icmp = p + 40;

	if (len < 40 + 24 || p[0] >> 4 != 6 || p[6] != 58 || p[7] != 255)
		return false;
	if (icmp[0] == 135)
		memcpy(msg->ip, is_zero(src, 16) ? icmp + 8 : src, 16);
	else if (icmp[0] == 136)
		memcpy(msg->ip, icmp + 8, 16);
	else
		return false;
	msg->family = 6;
	return true;
}

void snoop(struct worker *w, const struct vsw_port *src, const struct rte_mbuf *m, vlan_meta meta)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	size_t at = meta & META_TAGGED ? 18 : 14;
	struct notify msg = {
		.kind = NOTIFY_IP_LEARNED,
		.port_id = src->id,
		.vlan = META_VID(meta),
	};
	bool found = false;

	if (m->data_len < at)
		return;
	memcpy(msg.mac, p + 6, sizeof(msg.mac));
	if (p[at - 2] == 0x08 && p[at - 1] == 0x06)
		found = parse_arp(p + at, m->data_len - at, &msg);
	else if (p[at - 2] == 0x86 && p[at - 1] == 0xdd)
		found = parse_nd(p + at, m->data_len - at, &msg);
	if (found && !told_lately(w, &msg))
		notify_post(&msg);
}
