/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_tcp.h>

#include <vswitch/offload.h>
#include <vswitch/rx_window.h>
#include <vswitch/vnet_hdr.h>

static struct rte_mempool *pool;

// Stands for the parser of offload.c, which has tests of its own: what it was asked, and the
// answer it is to give.
static struct {
	unsigned calls;
	int answer;
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
} parser;

int offload_from_virtio(struct rte_mbuf *m, uint8_t flags, uint8_t gso_type, uint16_t hdr_len,
	uint16_t gso_size, uint16_t csum_start, uint16_t csum_offset)
{
	assert_non_null(m);
	parser.calls++;
	parser.flags = flags;
	parser.gso_type = gso_type;
	parser.hdr_len = hdr_len;
	parser.gso_size = gso_size;
	parser.csum_start = csum_start;
	parser.csum_offset = csum_offset;
	return parser.answer;
}

// A frame of counted bytes in segments of seg_len.
static struct rte_mbuf *frame(uint32_t len, uint16_t seg_len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *last = m;
	uint8_t byte = 1;

	assert_non_null(m);
	m->pkt_len = len;
	for (;;) {
		last->data_len = len < seg_len ? len : seg_len;
		for (uint16_t i = 0; i < last->data_len; i++)
			*rte_pktmbuf_mtod_offset(last, uint8_t *, i) = byte++;
		len -= last->data_len;
		if (len == 0)
			return m;
		last->next = rte_pktmbuf_alloc(pool);
		assert_non_null(last->next);
		last = last->next;
		m->nb_segs++;
	}
}

static int setup(void **)
{
	memset(&parser, 0, sizeof(parser));
	return 0;
}

static void plain_frame_is_left_alone(void **)
{
	struct virtio_net_hdr hdr = {.hdr_len = 9999, .gso_size = 1, .csum_start = 65535};
	struct rte_mbuf *m = frame(60, 60);

	assert_int_equal(vnet_hdr_to_mbuf(&hdr, m), 0);
	assert_int_equal(m->ol_flags, 0);
	assert_int_equal(parser.calls, 0);
	rte_pktmbuf_free(m);
}

static void data_valid_is_a_vouched_sum(void **)
{
	struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
	struct rte_mbuf *m = frame(60, 60);

	assert_int_equal(vnet_hdr_to_mbuf(&hdr, m), 0);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	vnet_hdr_from_mbuf(&hdr, m);
	assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	rte_pktmbuf_free(m);
}

static void work_goes_to_the_parser(void **)
{
	struct virtio_net_hdr hdr = {.flags = 0xff,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
		.hdr_len = 74,
		.gso_size = 1440,
		.csum_start = 54,
		.csum_offset = 16};
	struct rte_mbuf *m = frame(3000, 1000);

	assert_int_equal(vnet_hdr_to_mbuf(&hdr, m), 0);
	assert_int_equal(parser.calls, 1);
	assert_int_equal(parser.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(parser.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(parser.hdr_len, 74);
	assert_int_equal(parser.gso_size, 1440);
	assert_int_equal(parser.csum_start, 54);
	assert_int_equal(parser.csum_offset, 16);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0);
	rte_pktmbuf_free(m);
}

static void contradicted_segmentation_is_refused(void **)
{
	struct rte_mbuf *m = frame(3000, 1000);

	parser.answer = -EINVAL;
	for (unsigned type = 1; type < 256; type++) {
		struct virtio_net_hdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = type,
			.csum_start = 34,
			.csum_offset = 16};

		if ((type & ~VIRTIO_NET_HDR_GSO_ECN) == 0)
			continue;
		assert_int_equal(vnet_hdr_to_mbuf(&hdr, m), -EINVAL);
		assert_int_equal(m->ol_flags, 0);
	}
	rte_pktmbuf_free(m);
}

struct out_case {
	uint64_t ol_flags;
	uint8_t flags, gso_type;
	uint16_t csum_offset, gso_size, hdr_len;
};

static void work_left_is_told_to_the_kernel(void **)
{
	static const struct out_case cases[] = {
		{RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 1, 0, 16, 0, 0},
		{RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM, 1, 0, 6, 0, 0},
		{RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG, 1, 1, 16, 1448, 66},
		{RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM, 1, 4, 16,
			1448, 66},
		{RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_SEG, 1, 5, 6, 1448, 66},
		// An unfinished sum is never vouched for
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM, 1, 0,
			16, 0, 0},
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, 0, 0, 0, 0},
		{0, 0, 0, 0, 0, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		const struct out_case *c = &cases[i];
		struct virtio_net_hdr hdr;
		struct rte_mbuf *m = frame(3000, 1000);

		m->l2_len = 14;
		m->l3_len = 20;
		m->l4_len = 32;
		m->tso_segsz = 1448;
		m->ol_flags = c->ol_flags;
		rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, 34)->tcp_flags = 0x10;
		memset(&hdr, 0xee, sizeof(hdr));
		vnet_hdr_from_mbuf(&hdr, m);
		assert_int_equal(hdr.flags, c->flags);
		assert_int_equal(hdr.gso_type, c->gso_type);
		assert_int_equal(hdr.csum_start, c->flags ? 34 : 0);
		assert_int_equal(hdr.csum_offset, c->csum_offset);
		assert_int_equal(hdr.gso_size, c->gso_size);
		assert_int_equal(hdr.hdr_len, c->hdr_len);
		rte_pktmbuf_free(m);
	}
}

static void cwr_is_told_to_the_kernel(void **)
{
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m = frame(3000, 30); // the TCP header lies across segments

	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	*rte_pktmbuf_mtod_offset(m->next, uint8_t *, 17) = 0x90;
	vnet_hdr_from_mbuf(&hdr, m);
	assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
	// Lengths beyond the frame read nothing
	m->l3_len = 511;
	m->pkt_len = 40;
	vnet_hdr_from_mbuf(&hdr, m);
	assert_int_equal(hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	m->pkt_len = 3000;
	rte_pktmbuf_free(m);
}

// What a system call would do: fill the elements in order.
static void scatter(const struct iovec *iov, uint32_t len)
{
	for (uint8_t byte = 1; len > 0; iov++) {
		size_t part = len < iov->iov_len ? len : iov->iov_len;

		for (size_t i = 0; i < part; i++)
			((uint8_t *)iov->iov_base)[i] = byte++;
		len -= part;
	}
}

static void window_gives_whole_frames(void **)
{
	static const uint32_t lengths[] = {60, 2048, 2049, 65549, 1, RX_FRAME_MAX, 4096, 1514};
	unsigned before = rte_mempool_avail_count(pool);

	for (unsigned round = 0; round < 200; round++) {
		uint32_t len = lengths[round % RTE_DIM(lengths)], seen = 0;
		struct rx_window *win = rx_window_of(pool);
		struct rte_mbuf *m;
		uint8_t hdr[10], byte = 1;

		assert_non_null(win);
		assert_ptr_equal(rx_window_iov(win, hdr, sizeof(hdr))[0].iov_base, hdr);
		scatter(rx_window_iov(win, hdr, sizeof(hdr)) + 1, len);
		m = rx_window_take(win, len);
		rte_mbuf_sanity_check(m, 1);
		assert_int_equal(m->pkt_len, len);
		for (struct rte_mbuf *s = m; s != NULL; s = s->next)
			for (uint16_t i = 0; i < s->data_len; i++, seen++)
				assert_int_equal(*rte_pktmbuf_mtod_offset(s, uint8_t *, i), byte++);
		assert_int_equal(seen, len);
		rte_pktmbuf_free(m);
	}
	assert_in_range(before - rte_mempool_avail_count(pool), 0, RX_WINDOW_MBUFS);
}

static void window_survives_an_empty_pool(void **)
{
	struct rte_mbuf *held[2048];
	unsigned n = 0;

	while (n < RTE_DIM(held) && (held[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	for (struct rx_window *win; (win = rx_window_of(pool)) != NULL;)
		held[n++] = rx_window_take(win, 100);
	assert_null(rx_window_of(pool));
	rte_pktmbuf_free_bulk(held, n);
	assert_non_null(rx_window_of(pool));
}

int main(void)
{
	char *eal[] = {"test_vnet_hdr", "--no-huge", "--no-shconf", "--no-pci", "-m", "64", "-l",
		"0", "--no-telemetry", "--log-level=error"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plain_frame_is_left_alone, setup),
		cmocka_unit_test_setup(data_valid_is_a_vouched_sum, setup),
		cmocka_unit_test_setup(work_goes_to_the_parser, setup),
		cmocka_unit_test_setup(contradicted_segmentation_is_refused, setup),
		cmocka_unit_test_setup(work_left_is_told_to_the_kernel, setup),
		cmocka_unit_test_setup(cwr_is_told_to_the_kernel, setup),
		cmocka_unit_test_setup(window_gives_whole_frames, setup),
		cmocka_unit_test_setup(window_survives_an_empty_pool, setup),
	};

	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests_name("vnet_hdr", tests, NULL, NULL);
}
