/* SPDX-License-Identifier: BSD-3-Clause */
#include "vnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define ETHERNET    14u
#define TYPE_AT     12u
#define TAG         4u
#define TYPE_VLAN   0x8100u
#define TYPE_IP4    0x0800u
#define TYPE_IP6    0x86ddu
#define IP4_LEAST   20u
#define IP6_HEADER  40u
#define TCP_LEAST   20u
#define UDP_HEADER  8u
#define TCP_CSUM    16u
#define UDP_CSUM    6u
#define TCP_FLAGS   13u
#define TCP_CWR     0x80u
#define MAX_OFFSET  1023u // that a checksum record can say
#define IP4_FRAGS   0x3fffu
#define MAX_OPTIONS 4

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	uint64_t s = start;

	for (; len > 1; at += 2, len -= 2)
		s += get16(at);
	if (len > 0)
		s += (uint32_t)at[0] << 8;
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

// Of the pseudo-header, not complemented: what a field holds whose sum is still to be done.
static uint16_t pseudo_sum(const uint8_t *ip, bool ip6, uint8_t protocol, uint32_t len)
{
	uint32_t s = protocol + (len >> 16) + (len & 0xffff);

	return (uint16_t)(ip6 ? sum(ip + 8, 32, s) : sum(ip + 12, 8, s));
}

static void take_tag(
	uint8_t **frame, uint32_t *len, struct virtio_net_hdr *hdr, struct ndis_packet_info *info)
{
	uint8_t *f = *frame;

	if (*len < ETHERNET + TAG || get16(f + TYPE_AT) != TYPE_VLAN)
		return;
	info->flags |= NDIS_INFO_VLAN;
	info->vlan_tci = get16(f + TYPE_AT + 2);
	memmove(f + TAG, f, TYPE_AT);
	*frame += TAG;
	*len -= TAG;
	hdr->csum_start -= TAG;
}

// The sum is ours to do.
static int do_sum(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *hdr)
{
	uint32_t start = hdr->csum_start, s;

	if (start + hdr->csum_offset + 2u > len)
		return -EINVAL;
	s = ~sum(frame + start, len - start, 0) & 0xffff;
	put16(frame + start + hdr->csum_offset, s == 0 ? 0xffff : s);
	return 0;
}

static int to_checksum(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *hdr,
	const struct vnet_caps *caps, struct ndis_packet_info *info)
{
	uint16_t type = get16(frame + TYPE_AT);
	bool tcp = hdr->csum_offset == TCP_CSUM, udp = hdr->csum_offset == UDP_CSUM;
	bool ip4 = type == TYPE_IP4, ip6 = type == TYPE_IP6;

	if ((!(tcp && caps->tcp_csum) && !(udp && caps->udp_csum)) || !(ip4 || ip6) ||
		hdr->csum_start > MAX_OFFSET)
		return do_sum(frame, len, hdr);
	if (hdr->csum_start < ETHERNET + (ip4 ? IP4_LEAST : IP6_HEADER) ||
		hdr->csum_start + (tcp ? TCP_LEAST : UDP_HEADER) > len)
		return -EINVAL;
	info->flags |= (ip4 ? NDIS_INFO_IP4 : NDIS_INFO_IP6) |
	               (tcp ? NDIS_INFO_CSUM_TCP : NDIS_INFO_CSUM_UDP);
	info->l4_offset = hdr->csum_start;
	return 0;
}

// As Linux's driver: no lengths, and a pseudo-header's sum without one.
static int to_lso(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *hdr, bool ip6,
	struct ndis_packet_info *info)
{
	uint8_t *ip = frame + ETHERNET;
	uint32_t l4 = hdr->csum_start;

	if (get16(frame + TYPE_AT) != (ip6 ? TYPE_IP6 : TYPE_IP4) || l4 > MAX_OFFSET ||
		l4 < ETHERNET + (ip6 ? IP6_HEADER : IP4_LEAST) || l4 + TCP_LEAST > len ||
		!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || hdr->csum_offset != TCP_CSUM ||
		hdr->gso_size == 0)
		return -EINVAL;
	if (ip6) {
		put16(ip + 4, 0);
	} else {
		put16(ip + 2, 0);
		put16(ip + 10, 0);
	}
	put16(frame + l4 + TCP_CSUM, pseudo_sum(ip, ip6, IPPROTO_TCP, 0));
	info->flags |= NDIS_INFO_LSO | (ip6 ? NDIS_INFO_IP6 : NDIS_INFO_IP4);
	info->mss = hdr->gso_size;
	info->l4_offset = l4;
	return 0;
}

int vnet_to_ndis(const struct virtio_net_hdr *kernel, const struct vnet_caps *caps, uint8_t **frame,
	uint32_t *len, struct ndis_packet_info *info)
{
	struct virtio_net_hdr hdr = *kernel;

	*info = (struct ndis_packet_info){};
	if (*len < ETHERNET)
		return -EINVAL;
	take_tag(frame, len, &hdr, info);
	switch (hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		if (!(hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
			return 0;
		return to_checksum(*frame, *len, &hdr, caps, info);
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return caps->lso4 ? to_lso(*frame, *len, &hdr, false, info) : -EINVAL;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return caps->lso6 ? to_lso(*frame, *len, &hdr, true, info) : -EINVAL;
	default: return -EINVAL;
	}
}

// Where TCP or UDP begins in a whole, unfragmented packet that fills the frame.
struct layers {
	bool ip6;
	uint8_t protocol;
	uint32_t l4, l4_len; // from the frame's start; header and payload
};

static bool find_ip4(const uint8_t *head, uint32_t room, uint32_t len, struct layers *l)
{
	const uint8_t *ip = head + ETHERNET;
	uint32_t header, total;

	if (room < ETHERNET + IP4_LEAST || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 15) * 4u;
	total = get16(ip + 2);
	if (header < IP4_LEAST || total < header || total > len - ETHERNET ||
		(get16(ip + 6) & IP4_FRAGS) != 0)
		return false;
	*l = (struct layers){.protocol = ip[9], .l4 = ETHERNET + header, .l4_len = total - header};
	return true;
}

static bool find_ip6(const uint8_t *head, uint32_t room, uint32_t len, struct layers *l)
{
	const uint8_t *ip = head + ETHERNET;
	uint32_t at = ETHERNET + IP6_HEADER, end;
	uint8_t next;

	if (room < at || ip[0] >> 4 != 6)
		return false;
	end = at + get16(ip + 4);
	next = ip[6];
	for (int i = 0; i < MAX_OPTIONS; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS)
			break;
		if (at + 8 > room)
			return false;
		next = head[at];
		at += 8 + head[at + 1] * 8u;
	}
	if (end > len || at > end)
		return false;
	*l = (struct layers){.ip6 = true, .protocol = next, .l4 = at, .l4_len = end - at};
	return true;
}

static bool find_l4(const uint8_t *head, uint32_t room, uint32_t len, struct layers *l)
{
	uint16_t type;
	uint32_t least;

	if (room < ETHERNET)
		return false;
	type = get16(head + TYPE_AT);
	if (!(type == TYPE_IP4 && find_ip4(head, room, len, l)) &&
		!(type == TYPE_IP6 && find_ip6(head, room, len, l)))
		return false;
	if (l->protocol != IPPROTO_TCP && l->protocol != IPPROTO_UDP)
		return false;
	least = l->protocol == IPPROTO_TCP ? TCP_LEAST : UDP_HEADER;
	return l->l4_len >= least && l->l4 + least <= room;
}

static void from_large(
	struct virtio_net_hdr *hdr, const uint8_t *head, const struct layers *l, uint32_t mtu)
{
	uint32_t tcp = (head[l->l4 + 12] >> 4) * 4u, headers = l->l4 - ETHERNET + tcp;

	if (tcp < TCP_LEAST || tcp > l->l4_len || headers >= mtu ||
		l->l4_len - tcp <= mtu - headers)
		return;
	hdr->gso_type = l->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	if (head[l->l4 + TCP_FLAGS] & TCP_CWR)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	hdr->gso_size = mtu - headers;
	hdr->hdr_len = l->l4 + tcp;
}

void vnet_from_ndis(struct virtio_net_hdr *hdr, const struct iovec *first, uint32_t len,
	const struct ndis_packet_info *info, uint32_t mtu)
{
	uint8_t *head = first->iov_base;
	struct layers l;
	uint32_t offset;

	memset(hdr, 0, sizeof(*hdr));
	if (!(info->flags & (NDIS_INFO_TCP_GOOD | NDIS_INFO_UDP_GOOD)) ||
		!find_l4(head, first->iov_len < len ? first->iov_len : len, len, &l))
		return;
	offset = l.protocol == IPPROTO_TCP ? TCP_CSUM : UDP_CSUM;
	if (!(info->flags & (l.protocol == IPPROTO_TCP ? NDIS_INFO_TCP_GOOD : NDIS_INFO_UDP_GOOD)))
		return;
	// A datagram without a sum stays one.
	if (l.protocol == IPPROTO_UDP && get16(head + l.l4 + offset) == 0)
		return;
	// "Good" says nothing about the bytes: another guest's sum was never finished. The kernel
	// takes it as good, and finishes it if the frame leaves the machine.
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = l.l4;
	hdr->csum_offset = offset;
	put16(head + l.l4 + offset, pseudo_sum(head + ETHERNET, l.ip6, l.protocol, l.l4_len));
	if (l.protocol == IPPROTO_TCP && len - ETHERNET > mtu)
		from_large(hdr, head, &l, mtu);
}
