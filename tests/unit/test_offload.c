/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "offload_frames.h"

static void sums_of(const struct made *f, const struct spec *s)
{
	static const uint32_t caps[] = {
		PORT_TX_MULTI, PORT_TX_MULTI | PORT_TX_CSUM, PORT_TX_MULTI | PORT_TX_SHARED};
	static const uint32_t pieces[] = {0, 3, 100, 1500};

	for (size_t c = 0; c < RTE_DIM(caps); c++) {
		for (size_t p = 0; p < RTE_DIM(pieces); p++) {
			struct rte_mbuf *m = chain(f, pieces[p]);

			assert_int_equal(claim(m, f, s, 0), 0);
			resolve_and_judge(f, s, m, caps[c], 0);
		}
	}
}

static void checksums_are_completed(void **)
{
	every_shape(sums_of);
}

static void segments_of(const struct made *f, const struct spec *s)
{
	static const uint32_t caps[] = {
		0, PORT_TX_CSUM, PORT_TX_MULTI, PORT_TX_MULTI | PORT_TX_CSUM};
	static const uint32_t pieces[] = {0, 40, 1500};

	for (size_t c = 0; c < RTE_DIM(caps); c++) {
		for (size_t p = 0; p < RTE_DIM(pieces); p++) {
			struct rte_mbuf *m = chain(f, pieces[p]);

			assert_int_equal(claim(m, f, s, 1400), 0);
			resolve_and_judge(f, s, m, caps[c], 1400);
		}
	}
}

static void segments_reassemble(void **)
{
	every_shape(segments_of);
}

static void random_frames_reassemble(void **)
{
	static struct made f;

	for (int i = 0; i < 3000; i++) {
		struct spec s = {
			.family = rnd(2) ? 6 : 4,
			.proto = rnd(2) ? UDP : TCP,
			.extended = rnd(2),
			.tags = rnd(3),
			.tcp_options = rnd(11) * 4,
			.tcp_flags = rnd(256),
			.payload = rnd(rnd(2) ? 65000 : 3000),
			.padding = rnd(20),
		};
		uint32_t caps = (rnd(2) ? PORT_TX_CSUM : 0) | (rnd(2) ? PORT_TX_MULTI : 0);
		uint16_t mss = RTE_MAX(s.payload / OFFLOAD_MAX_SEGS + 1, 1 + rnd(1400));
		struct rte_mbuf *m;

		make(&f, &s);
		m = chain(&f, 1 + s.payload / 500 + rnd(3000));
		assert_int_equal(claim(m, &f, &s, mss), 0);
		resolve_and_judge(&f, &s, m, caps, mss);
	}
}

static void the_largest_frame_is_cut(void **)
{
	static struct made f;
	struct spec s = {.family = 4, .proto = TCP, .payload = 65535 - 40, .tcp_flags = 0x18};
	struct rte_mbuf *m;

	make(&f, &s);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 1448), 0);
	resolve_and_judge(&f, &s, m, 0, 1448);
	s.family = 6;
	s.payload = 65535 - 20;
	make(&f, &s);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 1428), 0);
	resolve_and_judge(&f, &s, m, PORT_TX_MULTI, 1428);
	s.proto = UDP;
	s.payload = 65535 - 8;
	make(&f, &s);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 1400), 0);
	resolve_and_judge(&f, &s, m, PORT_TX_CSUM, 1400);
}

static void jumbo_segments_need_chains(void **)
{
	static struct made f;
	struct spec s = {.family = 6, .proto = TCP, .payload = 60000};
	struct rte_mbuf *m;

	make(&f, &s);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 8940), 0);
	resolve_and_judge(&f, &s, m, PORT_TX_MULTI, 8940);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 8940), 0);
	assert_int_equal(offload_resolve(ctx, m, 0, out, OFFLOAD_MAX_SEGS), -EINVAL);
	nothing_leaked();
}

static void ports_that_can_get_frames_whole(void **)
{
	static struct made f;
	struct spec s = {.family = 4, .proto = TCP, .payload = 9000};
	struct rte_mbuf *m;

	make(&f, &s);
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 1448), 0);
	assert_int_equal(
		offload_resolve(ctx, m, PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_MULTI, out, 1), 1);
	assert_ptr_equal(out[0], m);
	// TSO6 is no TSO4
	assert_int_equal(offload_resolve(ctx, m, PORT_TX_CSUM | PORT_TX_TSO6 | PORT_TX_MULTI, out,
				 OFFLOAD_MAX_SEGS),
		7);
	rte_pktmbuf_free_bulk(out, 7);
	nothing_leaked();
}

static void chains_are_joined_for_ports_without(void **)
{
	static struct made f;
	static uint8_t b[MAX_FRAME];
	struct spec s = {.family = 4, .proto = UDP, .payload = 1400};
	struct rte_mbuf *m;

	make(&f, &s);
	for (int piece = 1; piece < 1500; piece += 97) {
		m = chain(&f, piece);
		assert_int_equal(offload_resolve(ctx, m, 0, out, 1), 1);
		assert_int_equal(out[0]->nb_segs, 1);
		flatten(out[0], b);
		assert_memory_equal(b, f.bytes, f.len);
		rte_pktmbuf_free(out[0]);
		nothing_leaked();
	}
	s.payload = 9000; // more than a buffer of the pool
	make(&f, &s);
	assert_int_equal(offload_resolve(ctx, chain(&f, 0), 0, out, 1), -EINVAL);
	nothing_leaked();
}

static void shared_frames_are_not_written(void **)
{
	static struct made f;
	static uint8_t b[MAX_FRAME];
	struct spec s = {.family = 6, .proto = TCP, .payload = 3000};
	struct rte_mbuf *m, *clone;

	make(&f, &s);
	for (int gso = 0; gso < 2; gso++) {
		for (int caps = 0; caps < 2; caps++) {
			m = chain(&f, 700);
			assert_int_equal(claim(m, &f, &s, gso ? 1000 : 0), 0);
			rte_pktmbuf_refcnt_update(m, 1);
			int n = offload_resolve(
				ctx, m, PORT_TX_MULTI | (caps ? PORT_TX_SHARED : 0), out, 8);
			assert_int_equal(n, gso ? 3 : 1);
			assert_ptr_not_equal(out[0], m);
			flatten(m, b);
			assert_memory_equal(b, f.bytes, f.len);
			rte_pktmbuf_free_bulk(out, n);
			rte_pktmbuf_free(m);
			nothing_leaked();
		}
	}
	m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 0), 0);
	clone = rte_pktmbuf_clone(m, pool);
	clone->tx_offload = m->tx_offload;
	assert_int_equal(offload_resolve(ctx, clone, PORT_TX_MULTI, out, 8), 1);
	flatten(m, b);
	assert_memory_equal(b, f.bytes, f.len);
	assert_int_equal(judge(&f, &s, out[0], PORT_TX_MULTI, 0, 0), 3000);
	rte_pktmbuf_free(out[0]);
	rte_pktmbuf_free(m);
	nothing_leaked();
}

static void ip_checksums_are_completed(void **)
{
	static struct made f;
	struct spec s = {.family = 4, .proto = UDP, .payload = 100, .extended = true, .tags = 1};

	make(&f, &s);
	put16(f.bytes + f.l2 + 10, 0xdead);
	for (int piece = 3; piece < 200; piece += 13) {
		struct rte_mbuf *m = chain(&f, piece);

		assert_int_equal(claim(m, &f, &s, 0), 0);
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		resolve_and_judge(&f, &s, m, PORT_TX_MULTI | PORT_TX_CSUM, 0);
	}
}

static void a_udp_sum_of_zero_is_sent_as_ones(void **)
{
	static struct made f;
	struct spec s = {.family = 4, .proto = UDP, .payload = 2};
	uint8_t *l4;
	uint16_t sum;

	make(&f, &s);
	l4 = f.bytes + f.l2 + f.l3;
	put16(l4 + 6, 0);
	put16(l4 + 8, 0);
	sum = sum16(l4, 10, pseudo(f.bytes + f.l2, 4, UDP, 10));
	put16(l4 + 8, 0xffff - sum); // now all of it adds up to 0xffff
	struct rte_mbuf *m = chain(&f, 0);
	assert_int_equal(claim(m, &f, &s, 0), 0);
	assert_int_equal(offload_resolve(ctx, m, 0, out, 1), 1);
	assert_int_equal(get16(rte_pktmbuf_mtod_offset(out[0], uint8_t *, sum_at(&f, &s))), 0xffff);
	rte_pktmbuf_free(out[0]);
	nothing_leaked();
}

static void partial_of(const struct made *f, const struct spec *s)
{
	struct made *bad_sum;
	struct rte_mbuf *m = chain(f, 600);

	offload_mark_partial(m);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_L4_MASK);
	resolve_and_judge(f, s, m, PORT_TX_MULTI, 0);
	bad_sum = malloc(sizeof(*bad_sum));
	*bad_sum = *f;
	bad_sum->bytes[sum_at(f, s)] ^= 0x55;
	m = chain(bad_sum, 600);
	offload_mark_partial(m);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	free(bad_sum);
	nothing_leaked();
}

static void unfinished_sums_are_found(void **)
{
	every_shape(partial_of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_completed),
		cmocka_unit_test(segments_reassemble),
		cmocka_unit_test(random_frames_reassemble),
		cmocka_unit_test(the_largest_frame_is_cut),
		cmocka_unit_test(jumbo_segments_need_chains),
		cmocka_unit_test(ports_that_can_get_frames_whole),
		cmocka_unit_test(chains_are_joined_for_ports_without),
		cmocka_unit_test(shared_frames_are_not_written),
		cmocka_unit_test(ip_checksums_are_completed),
		cmocka_unit_test(a_udp_sum_of_zero_is_sent_as_ones),
		cmocka_unit_test(unfinished_sums_are_found),
	};

	if (start() < 0)
		return 1;
	return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
