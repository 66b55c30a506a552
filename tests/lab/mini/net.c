/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"

#include "console.h"
#include "machine.h"
#include "nic.h"
#include "text.h"
#include "words.h"

#define TYPE_ARP     0x0806u
#define TYPE_IP4     0x0800u
#define ARP_REQUEST  1u
#define ARP_REPLY    2u
#define PROTO_ICMP   1
#define PROTO_UDP    17
#define ECHO_REPLY   0
#define ECHO_REQUEST 8
#define PATIENCE_US  1000000u
#define LOST_US      5000000u
#define PING_BYTES   56u
#define HEADERS      34u // Ethernet and IPv4

uint8_t net_address[4];

static struct {
	uint8_t to[4], mac[6];
	volatile bool known; // the MAC
	volatile uint32_t answered;
} peer;

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put_sum(uint8_t *at, const uint8_t *from, uint32_t len)
{
	uint32_t sum = 0;

	put16(at, 0);
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? from[i] << 8 : from[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(at, ~sum);
}

static void put_ethernet(uint8_t *f, const uint8_t to[6], uint32_t type)
{
	memcpy(f, to, 6);
	memcpy(f + 6, nic.mac, 6);
	put16(f + 12, type);
}

static void send_arp(struct nic_queue *q, uint32_t op, const uint8_t mac[6], const uint8_t ip[4])
{
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4}, all[6] = {255, 255, 255, 255, 255, 255};
	uint32_t slot;
	uint8_t *f = frame_alloc(q, &slot);

	if (f == NULL)
		return;
	memset(f, 0, 60);
	put_ethernet(f, op == ARP_REQUEST ? all : mac, TYPE_ARP);
	memcpy(f + 14, head, sizeof(head));
	put16(f + 20, op);
	memcpy(f + 22, nic.mac, 6);
	memcpy(f + 28, net_address, 4);
	if (op == ARP_REPLY)
		memcpy(f + 32, mac, 6);
	memcpy(f + 38, ip, 4);
	frame_send(q, slot, 60);
}

static void take_arp(struct nic_queue *q, const uint8_t *f, uint32_t len)
{
	if (len < 42)
		return;
	if (memcmp(f + 28, peer.to, 4) == 0 && get16(f + 20) == ARP_REPLY) {
		memcpy(peer.mac, f + 22, 6);
		peer.known = true;
	}
	if (get16(f + 20) == ARP_REQUEST && memcmp(f + 38, net_address, 4) == 0)
		send_arp(q, ARP_REPLY, f + 22, f + 28);
}

// Back to where it came from.
static void send_back(struct nic_queue *q, const uint8_t *frame, uint32_t len)
{
	uint32_t slot, ip_len = get16(frame + 16);
	uint8_t *f = frame_alloc(q, &slot);

	if (f == NULL)
		return;
	memcpy(f, frame, len);
	put_ethernet(f, frame + 6, TYPE_IP4);
	memcpy(f + 26, frame + 30, 4);
	memcpy(f + 30, frame + 26, 4);
	if (frame[23] == PROTO_ICMP) {
		f[34] = ECHO_REPLY;
		put_sum(f + 36, f + 34, ip_len - 20);
	} else {
		memcpy(f + 34, frame + 36, 2);
		memcpy(f + 36, frame + 34, 2);
		put16(f + 40, 0); // no checksum
	}
	frame_send(q, slot, len);
}

void net_take(struct nic_queue *q, const uint8_t *f, uint32_t len)
{
	if (len < HEADERS + 8 || len > NIC_FRAME_MAX)
		return;
	if (get16(f + 12) == TYPE_ARP)
		take_arp(q, f, len);
	if (get16(f + 12) != TYPE_IP4 || f[14] != 0x45 || memcmp(f + 30, net_address, 4) != 0 ||
		get16(f + 16) > len - 14 || get16(f + 16) < 28)
		return;
	if (f[23] == PROTO_UDP || (f[23] == PROTO_ICMP && f[34] == ECHO_REQUEST))
		send_back(q, f, len);
	if (f[23] == PROTO_ICMP && f[34] == ECHO_REPLY && memcmp(f + 26, peer.to, 4) == 0)
		peer.answered = get16(f + 40);
}

static void send_echo(uint32_t number)
{
	static uint16_t id;
	struct nic_queue *q = &nic.queue[0];
	uint32_t slot, len = HEADERS + 8 + PING_BYTES;
	uint8_t *f = frame_alloc(q, &slot);

	if (f == NULL)
		return;
	memset(f, 0, len);
	put_ethernet(f, peer.mac, TYPE_IP4);
	f[14] = 0x45;
	put16(f + 16, len - 14);
	put16(f + 18, ++id);
	f[22] = 64;
	f[23] = PROTO_ICMP;
	memcpy(f + 26, net_address, 4);
	memcpy(f + 30, peer.to, 4);
	put_sum(f + 24, f + 14, 20);
	f[34] = ECHO_REQUEST;
	put16(f + 38, 0x6d69);
	put16(f + 40, number);
	put_sum(f + 36, f + 34, 8 + PING_BYTES);
	frame_send(q, slot, len);
}

static bool is_known(void)
{
	return peer.known;
}

static uint32_t awaited;

static bool is_answered(void)
{
	return peer.answered == awaited;
}

static bool never(void)
{
	return false;
}

const char *net_ping(const uint8_t to[4], uint32_t n, uint64_t every_us, struct net_ping *result)
{
	uint64_t end = clock_us() + settings.seconds * 1000000, next;

	memcpy(peer.to, to, 4);
	peer.known = false;
	peer.answered = 0;
	for (int i = 0; i < 10 && !peer.known; i++) {
		send_arp(&nic.queue[0], ARP_REQUEST, peer.mac, to);
		nic_wait(is_known, PATIENCE_US);
	}
	if (!peer.known)
		return "nobody answers the ARP request";
	for (uint32_t i = 0; n == 0 ? clock_us() < end && !power_button() : i < n; i++) {
		uint64_t sent = clock_us();

		awaited = i % 0xffff + 1;
		next = sent + every_us;
		result->sent++;
		send_echo(awaited);
		if (nic_wait(is_answered, LOST_US) == NULL) {
			result->got++;
			if (clock_us() - sent > result->worst_us)
				result->worst_us = clock_us() - sent;
		} else {
			say("ping %u is lost", i);
		}
		if (clock_us() < next)
			nic_wait(never, next - clock_us());
	}
	return NULL;
}
