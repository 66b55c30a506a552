/* SPDX-License-Identifier: BSD-3-Clause */
// What guests claim is checked, and nothing leaks however it ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "offload_frames.h"

static void bad(struct rte_mbuf *m, uint32_t caps, unsigned max)
{
	assert_int_equal(offload_resolve(ctx, m, caps, out, max), -EINVAL);
	nothing_leaked();
}

// Each claim of the metadata, one at a time, made false.
static void metadata_are_not_believed(void **)
{
	static struct made f;

	for (int shape = 0; shape < 8; shape++) {
		struct spec s = {
			.family = shape & 1 ? 6 : 4,
			.proto = shape & 2 ? UDP : TCP,
			.extended = shape & 4,
			.payload = 3000,
		};

		make(&f, &s);
		for (int lie = 0; lie < 14; lie++) {
			struct rte_mbuf *m = chain(&f, 0);
			bool gso = lie > 8;

			assert_int_equal(claim(m, &f, &s, gso ? 1000 : 0), 0);
			switch (lie) {
			case 0: m->l2_len = 0; break;
			case 1: m->l2_len = 127; break;
			case 2: m->l3_len = 511; break;
			case 3: m->l3_len = 0; break;
			case 4: m->ol_flags ^= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6; break;
			case 5: m->ol_flags &= ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6); break;
			case 6:
				m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
				m->ol_flags |= RTE_MBUF_F_TX_SCTP_CKSUM;
				break;
			case 7: // the other protocol
				m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
				m->ol_flags |= s.proto == TCP ? RTE_MBUF_F_TX_UDP_CKSUM
				                              : RTE_MBUF_F_TX_TCP_CKSUM;
				break;
			case 8: // cut short inside the L4 header
				rte_pktmbuf_free(m->next);
				m->next = NULL;
				m->nb_segs = 1;
				m->data_len = m->pkt_len = f.l2 + f.l3 + 7;
				break;
			case 9: m->tso_segsz = 0; break;
			case 10: m->tso_segsz = 1; break;
			case 11: m->l4_len = 255; break;
			case 12:
				m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
				break;
			case 13:
				m->ol_flags ^= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
				break;
			}
			bad(m, PORT_TX_MULTI, OFFLOAD_MAX_SEGS);
		}
		struct rte_mbuf *m = chain(&f, 0);
		assert_int_equal(claim(m, &f, &s, 1000), 0);
		bad(m, PORT_TX_MULTI, 2);
		m = chain(&f, 0);
		assert_int_equal(claim(m, &f, &s, 1000), 0);
		bad(m, PORT_TX_MULTI, 0);
	}
}

// Headers that lie about themselves, with honest looking metadata.
static void headers_are_not_believed(void **)
{
	static struct made f;

	for (int lie = 0; lie < 12; lie++) {
		bool v6 = lie >= 4 && lie < 8;
		struct spec s = {.family = v6 ? 6 : 4,
			.extended = v6,
			.payload = 3000,
			.proto = lie >= 10 ? UDP : TCP};
		uint8_t *ip, *l4;

		make(&f, &s);
		struct rte_mbuf *m = chain(&f, 0);
		assert_int_equal(claim(m, &f, &s, 1000), 0);
		ip = rte_pktmbuf_mtod_offset(m, uint8_t *, f.l2);
		l4 = ip + f.l3;
		switch (lie) {
		case 0: ip[0] = 0x4f; break;
		case 1: ip[0] = 0x44; break;
		case 2: put16(ip + 2, 3041); break;
		case 3: put16(ip + 6, 0x2000); break; // more fragments
		case 4: put16(ip + 4, 65535); break;
		case 5: ip[41] = 255; break; // extension header past the end
		case 6: ip[48] = 44; break;  // a fragment header behind
		case 7: put16(ip + 4, 8); break;
		case 8: l4[12] = 0x40; break;
		case 9: put16(ip + 2, 30); break; // ends inside the TCP header
		case 10: put16(l4 + 4, 65535); break;
		case 11: put16(l4 + 4, 7); break;
		}
		bad(m, PORT_TX_MULTI, OFFLOAD_MAX_SEGS);
	}
}

static int said(const struct made *f, uint8_t flags, uint8_t gso, uint16_t hdr_len, uint16_t size,
	uint16_t start, uint16_t offset)
{
	struct rte_mbuf *m = chain(f, 0);
	int ret = offload_from_virtio(m, flags, gso, hdr_len, size, start, offset);

	if (ret != 0)
		assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	nothing_leaked();
	return ret;
}

static void drivers_claims_are_checked(void **)
{
	static struct made f;
	struct spec s = {.family = 4, .proto = TCP, .payload = 3000};

	make(&f, &s);
	assert_int_equal(said(&f, 0, 0, 0, 0, 9999, 9999), 0);
	assert_int_equal(said(&f, NEEDS_CSUM, 0, 0, 0, 34, 16), 0);
	assert_int_equal(said(&f, NEEDS_CSUM, 0, 0, 0, 13, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, 0, 0, 0, 65535, 65535), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, 0, 0, 0, f.len - 2, 1), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, 0, 0, 0, f.len, 0), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 54, 1000, 34, 16), 0);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4 | GSO_ECN, 54, 1000, 34, 16), 0);
	assert_int_equal(said(&f, 0, GSO_TCPV4, 54, 1000, 0, 0), 0);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV6, 54, 1000, 34, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_UDP_L4, 54, 1000, 34, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_UDP, 54, 1000, 34, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, 77, 54, 1000, 34, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 54, 0, 34, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 54, 1000, 35, 16), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 54, 1000, 34, 6), -EINVAL);
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 65535, 1000, 34, 16), -EINVAL);
	f.len = 53;
	assert_int_equal(said(&f, NEEDS_CSUM, GSO_TCPV4, 53, 1000, 34, 16), -EINVAL);
	f.len = 0;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	assert_int_equal(offload_from_virtio(m, NEEDS_CSUM, 1, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(offload_from_virtio(m, NEEDS_CSUM, 0, 0, 0, 14, 0), -EINVAL);
	assert_int_equal(offload_from_virtio(m, DATA_VALID, 0, 0, 0, 0, 0), 0);
	assert_true(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	offload_mark_partial(m);
	assert_int_equal(m->ol_flags & OFFLOAD_WORK, 0);
	rte_pktmbuf_free(m);
}

// A sum inside a tunnel is finished at once.
static void inner_sums_are_finished(void **)
{
	static struct made f, inner;
	static uint8_t b[MAX_FRAME];
	struct spec s = {.family = 4, .proto = UDP, .payload = 500};
	struct spec in = {.family = 6, .proto = TCP, .payload = 331};
	uint32_t at, start;

	make(&f, &s);
	make(&inner, &in);
	at = f.l2 + f.l3 + 8 + 8; // VXLAN
	memcpy(f.bytes + at, inner.bytes, inner.len);
	f.len = at + inner.len;
	put16(f.bytes + f.l2 + 2, f.len - f.l2);
	put16(f.bytes + f.l2 + f.l3 + 4, f.len - f.l2 - f.l3);
	start = at + inner.l2 + inner.l3;
	for (int piece = 0; piece < 300; piece += 41) {
		struct rte_mbuf *m = chain(&f, piece);

		assert_int_equal(offload_from_virtio(m, NEEDS_CSUM, 0, 0, 0, start, 16), 0);
		assert_int_equal(m->ol_flags, 0);
		flatten(m, b);
		assert_int_equal(
			sum16(b + start, f.len - start, pseudo(b + at + inner.l2, 6, TCP, 351)),
			0xffff);
		rte_mbuf_refcnt_set(m, 2);
		assert_int_equal(offload_from_virtio(m, NEEDS_CSUM, 0, 0, 0, start, 16), -EINVAL);
		rte_mbuf_refcnt_set(m, 1);
		rte_pktmbuf_free(m);
	}
	nothing_leaked();
}

static void out_of_buffers_is_clean(void **)
{
	static struct made f;
	static struct rte_mbuf *hog[8192];
	struct spec s = {.family = 4, .proto = TCP, .payload = 60000};
	unsigned n = 0;

	make(&f, &s);
	for (int spare = 0; spare < 90; spare += 7) {
		struct rte_mbuf *m = chain(&f, 0);
		unsigned before;

		assert_int_equal(claim(m, &f, &s, spare % 2 ? 1448 : 8000), 0);
		for (n = 0; (hog[n] = rte_pktmbuf_alloc(pool)) != NULL; n++)
			;
		for (int i = 0; i < spare; i++)
			rte_pktmbuf_free(hog[--n]);
		before = rte_mempool_in_use_count(pool) - m->nb_segs;
		int ret = offload_resolve(ctx, m, PORT_TX_MULTI, out, OFFLOAD_MAX_SEGS);
		if (ret > 0)
			rte_pktmbuf_free_bulk(out, ret);
		else
			assert_int_equal(ret, -ENOMEM);
		assert_int_equal(rte_mempool_in_use_count(pool), before);
		rte_pktmbuf_free_bulk(hog, n);
		nothing_leaked();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_are_not_believed),
		cmocka_unit_test(headers_are_not_believed),
		cmocka_unit_test(drivers_claims_are_checked),
		cmocka_unit_test(inner_sums_are_finished),
		cmocka_unit_test(out_of_buffers_is_clean),
	};

	if (start() < 0)
		return 1;
	return cmocka_run_group_tests_name("offload bounds", tests, NULL, NULL);
}
