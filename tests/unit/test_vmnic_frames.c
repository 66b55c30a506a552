/* SPDX-License-Identifier: BSD-3-Clause */
// Frames of guests become packets and back: tags, sums, lengths and losses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vswitch/counters.h>
#include <vswitch/vmnic/nic.h>

#include "fake_netvsp.h"
#include "offload_frames.h"

static struct netvsp vsp;
static struct nic nic;
static struct vmnic_port vmnic;
static struct vsw_port port;
static struct made f;
static struct rte_mbuf *pkts[VSW_BURST];
static struct rte_mempool *empty;

static int setup(void **)
{
	memset(&vsp, 0, sizeof(vsp));
	memset(&vmnic, 0, sizeof(vmnic));
	nic = (struct nic){.vsp = &vsp, .n_queues = 1};
	port = (struct vsw_port){.priv = &vmnic, .pool = pool, .tx_reasons = vmnic.refused};
	vmnic.port = &port;
	atomic_store(&vmnic.nic, &nic);
	return 0;
}

// --- from the guest --------------------------------------------------------------------------

// Pieces of a frame, as a guest's buffers hold it.
static unsigned cut(struct iovec *iov, uint8_t *bytes, uint32_t len, uint32_t piece)
{
	unsigned n = 0;

	for (uint32_t at = 0; at < len; at += piece)
		iov[n++] = (struct iovec){bytes + at, RTE_MIN(piece, len - at)};
	return n;
}

static struct rte_mbuf *receive(const struct ndis_packet_info *info, uint32_t piece)
{
	static struct iovec iov[MAX_FRAME];
	static struct netvsp_frame frame; // stays until it is polled

	frame = (struct netvsp_frame){.seg = iov, .len = f.len, .info = *info};
	frame.n_segs = cut(iov, f.bytes, f.len, piece);
	vsp.frame = &frame;
	vsp.n_frames = 1;
	if (vmnic_rx(&port, 0, pkts, VSW_BURST) == 0)
		return NULL;
	return pkts[0];
}

static void expect_bytes(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len)
{
	static uint8_t flat[MAX_FRAME];

	assert_int_equal(rte_pktmbuf_pkt_len(m), len);
	rte_mbuf_sanity_check(m, 1);
	flatten(m, flat);
	assert_memory_equal(flat, bytes, len);
}

static void frames_of_any_size_arrive_whole(void **)
{
	static const uint32_t sizes[] = {14, 60, 1514, 2047, 2048, 2049, 9014, 65535 + 14};
	static const uint32_t pieces[] = {1, 7, 1000, 4096, MAX_FRAME};
	const struct ndis_packet_info plain = {};

	for (uint32_t i = 0; i < MAX_FRAME; i++)
		f.bytes[i] = rnd(256);
	for (unsigned s = 0; s < RTE_DIM(sizes); s++) {
		for (unsigned p = 0; p < RTE_DIM(pieces); p++) {
			struct rte_mbuf *m;

			f.len = sizes[s];
			m = receive(&plain, pieces[p]);
			assert_non_null(m);
			assert_int_equal(m->ol_flags, 0);
			expect_bytes(m, f.bytes, f.len);
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(vsp.n_completed, RTE_DIM(sizes) * RTE_DIM(pieces));
}

static void tag_beside_the_frame_goes_into_it(void **)
{
	static const uint32_t sizes[] = {60, 2044, 2045, 9014, 65535 + 14};
	const struct ndis_packet_info info = {.flags = NDIS_INFO_VLAN, .vlan_tci = 0xa00a};
	static uint8_t tagged[MAX_FRAME];

	for (unsigned s = 0; s < RTE_DIM(sizes); s++) {
		struct rte_mbuf *m;

		f.len = sizes[s];
		memcpy(tagged, f.bytes, 12);
		memcpy(tagged + 12, "\x81\x00\xa0\x0a", 4);
		memcpy(tagged + 16, f.bytes + 12, f.len - 12);
		m = receive(&info, 1000);
		assert_non_null(m);
		expect_bytes(m, tagged, f.len + 4);
		rte_pktmbuf_free(m);
	}
}

// guest-abi 13: total length and header checksum of IPv4, and the payload length of IPv6, are
// zero; the TCP checksum holds the pseudo-header's sum without a length.
static void lso_frames_get_lengths_and_sums(void **)
{
	for (int family = 4; family <= 6; family += 2) {
		for (int tags = 0; tags <= 2; tags++) {
			const struct spec s = {.family = family,
				.proto = TCP,
				.tags = tags,
				.tcp_options = 12,
				.payload = 40000};
			const struct ndis_packet_info info = {
				.flags = NDIS_INFO_LSO |
			                 (family == 4 ? NDIS_INFO_IP4 : NDIS_INFO_IP6),
				.mss = 1448,
				.l4_offset = 1, // not to be trusted
			};
			static struct made guest;
			struct rte_mbuf *m;
			uint8_t *ip;

			make(&f, &s);
			guest = f;
			ip = f.bytes + f.l2;
			if (family == 4) {
				memset(ip + 2, 0, 2);
				memset(ip + 10, 0, 2);
			} else {
				memset(ip + 4, 0, 2);
			}
			put16(f.bytes + sum_at(&f, &s), pseudo(ip, family, TCP, 0));
			m = receive(&info, 4096);
			assert_non_null(m);
			// What make() gives has all in place.
			expect_bytes(m, guest.bytes, guest.len);
			assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
			assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
			assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM, 0);
			assert_int_equal(m->tso_segsz, 1448);
			assert_int_equal(m->l2_len, f.l2);
			assert_int_equal(m->l3_len, f.l3);
			assert_int_equal(m->l4_len, 32);
			rte_pktmbuf_free(m);
		}
	}
}

static void sums_left_to_us_are_marked(void **)
{
	for (int family = 4; family <= 6; family += 2) {
		for (int proto = TCP; proto <= UDP; proto += UDP - TCP) {
			const struct spec s = {.family = family, .proto = proto, .payload = 100};
			const struct ndis_packet_info info = {
				.flags = proto == TCP ? NDIS_INFO_CSUM_TCP : NDIS_INFO_CSUM_UDP};
			struct rte_mbuf *m;

			make(&f, &s);
			m = receive(&info, 4096);
			assert_non_null(m);
			expect_bytes(m, f.bytes, f.len);
			assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK,
				proto == TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
			assert_int_equal(m->tso_segsz, 0);
			rte_pktmbuf_free(m);
		}
	}
}

static void header_checksum_is_made_at_once(void **)
{
	const struct spec s = {.family = 4, .proto = UDP, .extended = true, .payload = 10};
	const struct ndis_packet_info info = {.flags = NDIS_INFO_CSUM_IP};
	static struct made guest;
	struct rte_mbuf *m;

	make(&f, &s);
	guest = f;
	memset(f.bytes + f.l2 + 10, 0xee, 2);
	m = receive(&info, 4096);
	assert_non_null(m);
	expect_bytes(m, guest.bytes, guest.len);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
}

static void false_claims_cost_the_frame(void **)
{
	const struct spec udp = {.family = 4, .proto = UDP, .payload = 4000};
	const struct spec tcp = {.family = 4, .proto = TCP, .payload = 4000};
	const struct ndis_packet_info lso = {.flags = NDIS_INFO_LSO, .mss = 1000};
	const struct ndis_packet_info csum = {.flags = NDIS_INFO_CSUM_TCP};

	make(&f, &udp);
	assert_null(receive(&lso, 4096));
	make(&f, &tcp);
	f.bytes[f.l2] = 0x4f; // header longer than it is
	f.len = 50;
	assert_null(receive(&lso, 4096));
	make(&f, &tcp);
	f.bytes[f.l2 + f.l3 + 12] = 0x10; // TCP header of four bytes
	assert_null(receive(&lso, 4096));
	make(&f, &tcp);
	put16(f.bytes + 12, 0x0806);
	assert_null(receive(&lso, 4096));
	assert_null(receive(&csum, 4096));
	f.len = 14;
	assert_null(receive(&lso, 4096));
	put16(f.bytes + 12, 0x8100);
	assert_null(receive(&csum, 4096));
	assert_int_equal(vmnic.malformed, 7);
	// The guest has its buffers back all the same.
	assert_int_equal(vsp.n_completed, 7);
}

static void queues_take_turns(void **)
{
	static struct netvsp_frame frames[NETVSP_BURST];
	static struct iovec iov;
	uint16_t n;

	iov = (struct iovec){f.bytes, 60};
	for (int i = 0; i < NETVSP_BURST; i++)
		frames[i] = (struct netvsp_frame){.seg = &iov, .n_segs = 1, .len = 60};
	nic.n_queues = 3;
	for (uint32_t q = 0; q < 3; q++) {
		vsp.queue = q;
		vsp.frame = frames;
		vsp.n_frames = NETVSP_BURST;
		vsp.n_polls = 0;
		n = vmnic_rx(&port, 0, pkts, VSW_BURST);
		assert_int_equal(n, NETVSP_BURST);
		assert_int_equal(vmnic.next_queue, q + 1);
		rte_pktmbuf_free_bulk(pkts, n);
	}
}

static void without_mbufs_the_ring_is_the_queue(void **)
{
	const struct ndis_packet_info plain = {};
	struct rte_mempool *small =
		rte_pktmbuf_pool_create("small", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);

	assert_non_null(small);
	port.pool = small;
	f.len = 60;
	assert_null(receive(&plain, 4096));
	assert_int_equal(vsp.n_polls, 0);
	assert_int_equal(vsp.n_frames, 1);
	port.pool = pool;
	assert_int_equal(vmnic_rx(&port, 0, pkts, VSW_BURST), 1);
	rte_pktmbuf_free(pkts[0]);
	rte_mempool_free(small);
}

// --- to the guest ----------------------------------------------------------------------------

static void expect_sent(const uint8_t *bytes, uint32_t len, uint32_t flags)
{
	assert_int_equal(vsp.sent_len, len);
	assert_memory_equal(vsp.sent, bytes, len);
	assert_int_equal(vsp.sent_info.flags, flags);
}

static void send(struct rte_mbuf *m)
{
	assert_int_equal(vmnic_tx(&port, 0, &m, 1), 1);
}

static void tag_in_the_frame_goes_beside_it(void **)
{
	const struct spec s = {.family = 4, .proto = UDP, .tags = 1, .payload = 3000};
	static uint8_t bare[MAX_FRAME];

	make(&f, &s);
	memcpy(bare, f.bytes, 12);
	memcpy(bare + 12, f.bytes + 16, f.len - 16);
	send(chain(&f, 0));
	expect_sent(bare, f.len - 4, NDIS_INFO_VLAN | NDIS_INFO_IP4);
	assert_int_equal(vsp.sent_info.vlan_tci, 10);
}

static void outer_tag_of_a_provider_stays(void **)
{
	const struct spec s = {.family = 4, .proto = UDP, .tags = 2, .payload = 30};

	make(&f, &s);
	send(chain(&f, 0));
	expect_sent(f.bytes, f.len, 0);
}

static void sums_nobody_made_are_vouched_for(void **)
{
	for (int family = 4; family <= 6; family += 2) {
		for (int proto = TCP; proto <= UDP; proto += UDP - TCP) {
			const struct spec s = {.family = family, .proto = proto, .payload = 100};
			const uint32_t ip = family == 4 ? NDIS_INFO_IP4 : NDIS_INFO_IP6;
			const uint32_t l4 = proto == TCP ? NDIS_INFO_TCP_GOOD : NDIS_INFO_UDP_GOOD;
			struct rte_mbuf *m;

			make(&f, &s);
			send(chain(&f, 0));
			expect_sent(f.bytes, f.len, ip);

			m = chain(&f, 0);
			m->ol_flags =
				proto == TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
			send(m);
			expect_sent(
				f.bytes, f.len, ip | l4 | (family == 4 ? NDIS_INFO_IP_GOOD : 0));

			m = chain(&f, 0);
			m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
			send(m);
			expect_sent(f.bytes, f.len, ip | l4);

			m = chain(&f, 0);
			m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
			send(m);
			expect_sent(f.bytes, f.len, ip);
		}
	}
}

static void large_frame_crosses_in_one_piece(void **)
{
	const struct spec s = {.family = 4, .proto = TCP, .payload = 60000};
	struct rte_mbuf *m;

	make(&f, &s);
	m = chain(&f, 0);
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
	m->tso_segsz = 1448;
	send(m);
	expect_sent(f.bytes, f.len, NDIS_INFO_IP4 | NDIS_INFO_TCP_GOOD | NDIS_INFO_IP_GOOD);
	assert_int_equal(vsp.n_sent, 1);
}

static void losses_have_their_own_names(void **)
{
	static const int answers[] = {
		-ENOBUFS, 0, -EADDRNOTAVAIL, -EMSGSIZE, 0, -EAGAIN, -ENETDOWN, 0};
	static const uint8_t reasons[] = {DROP_GUEST_NO_BUFFER, DROP_GUEST_FILTERED,
		DROP_GUEST_TOO_LONG, DROP_GUEST_RING_FULL, DROP_GUEST_NOT_READY};
	static const unsigned refused[] = {0, 2, 3, 5, 6};
	const struct spec s = {.family = 4, .proto = UDP, .payload = 10};
	struct rte_mbuf *all[8];

	make(&f, &s);
	for (int i = 0; i < 8; i++)
		pkts[i] = all[i] = chain(&f, 0);
	vsp.answers = answers;
	assert_int_equal(vmnic_tx(&port, 0, pkts, 8), 3);
	for (int i = 0; i < 5; i++) {
		assert_ptr_equal(pkts[3 + i], all[refused[i]]);
		assert_int_equal(port.tx_reasons[3 + i], reasons[i]);
	}
	assert_int_equal(vsp.n_flushed, 1);
	rte_pktmbuf_free_bulk(pkts + 3, 5);
}

static void without_a_guest_nothing_is_taken(void **)
{
	const struct spec s = {.family = 4, .proto = UDP, .payload = 10};

	make(&f, &s);
	atomic_store(&vmnic.nic, NULL);
	for (int i = 0; i < 3; i++)
		pkts[i] = chain(&f, 0);
	assert_int_equal(vmnic_tx(&port, 0, pkts, 3), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(port.tx_reasons[i], DROP_GUEST_NOT_READY);
	rte_pktmbuf_free_bulk(pkts, 3);
	assert_int_equal(vmnic_rx(&port, 0, pkts, VSW_BURST), 0);
}

static void hash_chooses_the_queue(void **)
{
	const struct spec s = {.family = 4, .proto = UDP, .tags = 1, .payload = 11};

	make(&f, &s);
	nic.n_queues = 2;
	send(chain(&f, 0));
	assert_int_equal(vsp.sent_queue, 0);
	assert_int_equal(vsp.sent_info.flags & NDIS_INFO_HASH, 0);
	vsp.hashes = true;
	// The fake's hash is the frame's last byte, here behind a tag that was taken out.
	f.bytes[f.len - 1] = 7;
	send(chain(&f, 0));
	assert_int_equal(vsp.sent_queue, 1);
	assert_int_equal(vsp.sent_info.hash, 7);
	assert_true(vsp.sent_info.flags & NDIS_INFO_HASH);
}

static int checked(void **)
{
	// A thread keeps empty mbufs, of the pool it used last.
	port.pool = empty;
	atomic_store(&vmnic.nic, &nic);
	assert_int_equal(vmnic_rx(&port, 0, pkts, VSW_BURST), 0);
	nothing_leaked();
	return 0;
}

static int begin(void **)
{
	if (start() < 0)
		return -1;
	empty = rte_pktmbuf_pool_create("empty", 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return empty != NULL ? 0 : -1;
}

#define with_guest(test) cmocka_unit_test_setup_teardown(test, setup, checked)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_guest(frames_of_any_size_arrive_whole),
		with_guest(tag_beside_the_frame_goes_into_it),
		with_guest(lso_frames_get_lengths_and_sums),
		with_guest(sums_left_to_us_are_marked),
		with_guest(header_checksum_is_made_at_once),
		with_guest(false_claims_cost_the_frame),
		with_guest(queues_take_turns),
		with_guest(without_mbufs_the_ring_is_the_queue),
		with_guest(tag_in_the_frame_goes_beside_it),
		with_guest(outer_tag_of_a_provider_stays),
		with_guest(sums_nobody_made_are_vouched_for),
		with_guest(large_frame_crosses_in_one_piece),
		with_guest(losses_have_their_own_names),
		with_guest(without_a_guest_nothing_is_taken),
		with_guest(hash_chooses_the_queue),
	};

	return cmocka_run_group_tests_name("vmnic frames", tests, begin, NULL);
}
