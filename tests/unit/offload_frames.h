/* SPDX-License-Identifier: BSD-3-Clause */
// Frames are built and judged here byte by byte, without the code under test and without
// DPDK's checksums.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include <vswitch/offload.h>
#include <vswitch/port.h>
#include "eal.h"

#define MAX_FRAME  70000
#define NEEDS_CSUM 1
#define DATA_VALID 2
#define GSO_TCPV4  1
#define GSO_UDP    3
#define GSO_TCPV6  4
#define GSO_UDP_L4 5
#define GSO_ECN    0x80
#define TCP        6
#define UDP        17

static struct rte_mempool *pool;
static struct offload_ctx *ctx;
static struct rte_mbuf *out[OFFLOAD_MAX_SEGS];

struct spec {
	int tags;
	int family;
	int proto;
	bool extended; // IPv4 options, or two IPv6 extension headers
	int tcp_options;
	uint32_t payload;
	uint8_t tcp_flags;
	int padding; // Ethernet padding behind the packet
};

struct made {
	uint8_t bytes[MAX_FRAME];
	uint32_t len, l2, l3, l4; // l4: header length
};

static uint32_t seed = 1;

static inline uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static inline void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline uint32_t sum16(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint16_t pseudo(const uint8_t *ip, int family, int proto, uint32_t l4_len)
{
	uint32_t sum = family == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);

	sum += proto + l4_len;
	return (sum & 0xffff) + (sum >> 16);
}

static inline uint32_t sum_at(const struct made *f, const struct spec *s)
{
	return f->l2 + f->l3 + (s->proto == TCP ? 16 : 6);
}

// A frame with its L4 checksum left at the pseudo-header's sum.
static inline void make(struct made *f, const struct spec *s)
{
	uint8_t *ip, *l4;
	uint32_t l4_total;

	memset(f, 0, 700);
	memcpy(f->bytes, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	f->l2 = 14 + 4 * s->tags;
	if (s->tags == 2)
		memcpy(f->bytes + 12, "\x88\xa8\x00\x0a\x81\x00\x00\x14", 8);
	else if (s->tags == 1)
		memcpy(f->bytes + 12, "\x81\x00\x00\x0a", 4);
	put16(f->bytes + f->l2 - 2, s->family == 4 ? 0x0800 : 0x86dd);
	f->l4 = s->proto == TCP ? 20 + s->tcp_options : 8;
	l4_total = f->l4 + s->payload;
	ip = f->bytes + f->l2;
	if (s->family == 4) {
		f->l3 = s->extended ? 28 : 20;
		ip[0] = 0x40 | f->l3 / 4;
		put16(ip + 2, f->l3 + l4_total);
		put16(ip + 4, 0xfffe); // the identification wraps
		put16(ip + 6, 0x4000);
		ip[8] = 64;
		ip[9] = s->proto;
		memcpy(ip + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
		memset(ip + 20, 1, f->l3 - 20);
		put16(ip + 10, ~sum16(ip, f->l3, 0));
	} else {
		f->l3 = s->extended ? 40 + 8 + 16 : 40;
		ip[0] = 0x60;
		put16(ip + 4, f->l3 - 40 + l4_total);
		ip[6] = s->extended ? 0 : s->proto; // hop by hop, then destination options
		ip[7] = 64;
		memcpy(ip + 8, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(ip + 24, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
		if (s->extended) {
			memcpy(ip + 40, "\x3c\x00\x01\x04\0\0\0\0", 8);
			memcpy(ip + 48, "\x00\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16);
			ip[48] = s->proto;
		}
	}
	l4 = ip + f->l3;
	put16(l4, 1234);
	put16(l4 + 2, 80);
	if (s->proto == TCP) {
		memcpy(l4 + 4, "\xff\xff\xf0\x00\x00\x00\x00\x01", 8); // the sequence wraps
		l4[12] = f->l4 / 4 << 4;
		l4[13] = s->tcp_flags;
		memset(l4 + 20, 1, s->tcp_options);
	} else {
		put16(l4 + 4, l4_total);
	}
	for (uint32_t i = 0; i < s->payload; i++)
		l4[f->l4 + i] = rnd(256);
	f->len = f->l2 + f->l3 + l4_total;
	put16(f->bytes + sum_at(f, s), pseudo(ip, s->family, s->proto, l4_total));
	memset(f->bytes + f->len, 0xee, s->padding);
	f->len += s->padding;
}

// max_piece 0: pieces as large as a buffer takes, else random up to it.
static inline struct rte_mbuf *chain(const struct made *f, uint32_t max_piece)
{
	struct rte_mbuf *head = NULL, *last = NULL, *m;
	uint32_t at = 0;

	while (at < f->len) {
		uint32_t n;

		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		n = max_piece == 0 ? rte_pktmbuf_tailroom(m) : rnd(max_piece + 1);
		n = RTE_MIN(n, RTE_MIN(f->len - at, rte_pktmbuf_tailroom(m)));
		memcpy(rte_pktmbuf_append(m, n), f->bytes + at, n);
		at += n;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = m;
	}
	return head;
}

static inline void flatten(const struct rte_mbuf *m, uint8_t *to)
{
	uint32_t at = 0;

	for (; m != NULL; m = m->next) {
		memcpy(to + at, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
		at += m->data_len;
	}
}

static inline void nothing_leaked(void)
{
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static inline int claim(
	struct rte_mbuf *m, const struct made *f, const struct spec *s, uint16_t mss)
{
	uint8_t gso = mss == 0 ? 0 : s->proto == UDP ? GSO_UDP_L4 : s->family == 4 ? 1 : 4;

	return offload_from_virtio(m, NEEDS_CSUM, gso, f->l2 + f->l3 + f->l4, mss, f->l2 + f->l3,
		s->proto == TCP ? 16 : 6);
}

// One frame that came out: everything but its payload. Returns the payload's length.
static inline uint32_t judge(const struct made *f, const struct spec *s, const struct rte_mbuf *m,
	uint32_t caps, uint32_t done, int i)
{
	static uint8_t b[MAX_FRAME];
	const uint8_t *ip = b + f->l2, *l4 = ip + f->l3, *ip0 = f->bytes + f->l2;
	const uint8_t *l40 = ip0 + f->l3;
	uint32_t len, l4_total, whole;
	bool last;

	rte_mbuf_sanity_check(m, 1);
	assert_true(m->nb_segs == 1 || caps & PORT_TX_MULTI);
	flatten(m, b);
	assert_memory_equal(b, f->bytes, f->l2);
	if (s->family == 4) {
		assert_int_equal(sum16(ip, f->l3, 0), 0xffff);
		l4_total = get16(ip + 2) - f->l3;
		assert_int_equal(get16(ip + 4), (get16(ip0 + 4) + i) & 0xffff);
		assert_memory_equal(ip + 6, ip0 + 6, 4);
		assert_memory_equal(ip + 12, ip0 + 12, f->l3 - 12);
	} else {
		l4_total = get16(ip + 4) - (f->l3 - 40);
		assert_memory_equal(ip + 6, ip0 + 6, f->l3 - 6);
	}
	len = l4_total - f->l4;
	whole = s->payload;
	last = done + len == whole;
	assert_true(done + len <= whole);
	assert_true(f->l2 + f->l3 + l4_total <= m->pkt_len);
	if (s->proto == TCP) {
		uint8_t flags = s->tcp_flags;

		assert_memory_equal(l4, l40, 4);
		assert_int_equal(get32(l4 + 4), get32(l40 + 4) + done);
		assert_memory_equal(l4 + 8, l40 + 8, 5);
		if (!last)
			flags &= ~0x09; // FIN, PSH
		if (done != 0)
			flags &= ~0x80; // CWR
		assert_int_equal(l4[13], flags);
		assert_memory_equal(l4 + 20, l40 + 20, s->tcp_options);
	} else {
		assert_int_equal(get16(l4 + 4), l4_total);
	}
	if (caps & PORT_TX_CSUM) {
		uint64_t flags = s->family == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;

		flags |= s->proto == TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
		assert_int_equal(m->ol_flags, flags);
		assert_int_equal(m->l2_len, f->l2);
		assert_int_equal(m->l3_len, f->l3);
		assert_int_equal(m->l4_len, f->l4);
		assert_int_equal(
			get16(b + sum_at(f, s)), pseudo(ip, s->family, s->proto, l4_total));
	} else {
		assert_int_equal(m->ol_flags & OFFLOAD_WORK, 0);
		assert_int_equal(
			sum16(l4, l4_total, pseudo(ip, s->family, s->proto, l4_total)), 0xffff);
		if (s->proto == UDP)
			assert_int_not_equal(get16(l4 + 6), 0);
	}
	assert_memory_equal(l4 + f->l4, l40 + f->l4 + done, len);
	return len;
}

static inline void resolve_and_judge(
	const struct made *f, const struct spec *s, struct rte_mbuf *m, uint32_t caps, uint16_t mss)
{
	uint32_t done = 0;
	int n = offload_resolve(ctx, m, caps, out, OFFLOAD_MAX_SEGS);

	assert_true(n > 0);
	assert_int_equal(n, mss == 0 ? 1 : RTE_MAX(1, (int)((s->payload + mss - 1) / mss)));
	for (int i = 0; i < n; i++) {
		uint32_t len = judge(f, s, out[i], caps, done, i);

		if (i < n - 1)
			assert_int_equal(len, mss);
		done += len;
	}
	assert_int_equal(done, s->payload);
	rte_pktmbuf_free_bulk(out, n);
	nothing_leaked();
}

static inline void every_shape(void (*fn)(const struct made *, const struct spec *))
{
	static struct made f;

	for (int shape = 0; shape < 2 * 2 * 3 * 2 * 2; shape++) {
		struct spec s = {
			.family = shape & 1 ? 6 : 4,
			.proto = shape & 2 ? UDP : TCP,
			.extended = shape & 4,
			.tags = shape / 8 % 3,
			.tcp_options = shape / 24 ? 12 : 0,
			.tcp_flags = shape / 24 ? 0x99 : 0x10,
		};
		static const uint32_t payloads[] = {0, 1, 2, 37, 1399, 1400, 1401, 4200, 9001};

		for (size_t i = 0; i < RTE_DIM(payloads); i++) {
			s.payload = payloads[i];
			s.padding = s.payload < 20 ? 18 : 0;
			make(&f, &s);
			fn(&f, &s);
		}
	}
}

static inline int start(void)
{
	if (eal_start() < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("offload", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ctx = pool != NULL ? offload_create(pool, 0) : NULL;
	return ctx != NULL ? 0 : -1;
}
