/* SPDX-License-Identifier: BSD-3-Clause */
// Frames between the model guest and the real provider: encodings, completions, signals, and
// what a host that breaks the rules is caught at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vsc_fixture.h"

static void fill(uint8_t *at, uint32_t len, unsigned seed)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = (uint8_t)(i * 13 + seed + (i >> 8));
	memcpy(at, "\x02\0\0\0\0\x07\x02\0\0\0\0\x08\x08\0\x45", 15);
}

static void guest_sends(
	uint32_t queue, uint32_t len, unsigned seed, const struct ndis_packet_info *info)
{
	static const struct ndis_packet_info none;
	struct vsc_queue *q = &vsc->queue[queue];

	while (!vsc_ready(q)) {
		vsc_flush(q);
		host_run();
		vsc_poll(q);
	}
	fill(vsc_buffer(q), len, seed);
	vsc_send(q, vsc_buffer(q), len, info != NULL ? info : &none);
}

static void expect_at_host(unsigned i, uint32_t queue, uint32_t len, unsigned seed)
{
	static uint8_t wanted_bytes[70000];

	fill(wanted_bytes, len, seed);
	assert_true(i < n_from_guest);
	assert_int_equal(from_guest[i].queue, queue);
	assert_int_equal(from_guest[i].len, len);
	assert_memory_equal(from_guest[i].bytes, wanted_bytes, len);
}

static void host_sends(
	uint32_t queue, uint32_t len, unsigned seed, const struct ndis_packet_info *info)
{
	static uint8_t bytes[70000];
	static const struct ndis_packet_info none;
	struct iovec iov = {.iov_base = bytes, .iov_len = len};

	fill(bytes, len, seed);
	assert_int_equal(
		netvsp_send_to_guest(vsp, queue, &iov, 1, len, info != NULL ? info : &none), 0);
}

static void expect_at_guest(unsigned i, uint32_t queue, uint32_t len, unsigned seed)
{
	static uint8_t wanted_bytes[70000];

	fill(wanted_bytes, len, seed);
	assert_true(i < n_to_guest);
	assert_int_equal(to_guest[i].queue, queue);
	assert_int_equal(to_guest[i].len, len);
	assert_memory_equal(to_guest[i].bytes, wanted_bytes, len);
}

static void nothing_is_out(void)
{
	for (uint32_t q = 0; q < N_QUEUES; q++)
		if (vsc->queue[q].open)
			assert_int_equal(vsc->queue[q].requests.n_out, 0);
	assert_int_equal(faults(), 0);
}

static void frames_of_every_length_arrive(void **)
{
	static const uint32_t lengths[] = {
		14, 15, 60, 61, 1514, 4096, 6000, 6100, 6144, 9014, 30000, 65549};
	unsigned n = sizeof(lengths) / sizeof(lengths[0]);

	begin(&(struct vsc_options){.mtu = 9000});
	for (unsigned i = 0; i < n; i++) {
		guest_sends(0, lengths[i], i, NULL);
		vsc_flush(&vsc->queue[0]);
		run_all();
	}
	for (unsigned i = 0; i < n; i++)
		expect_at_host(i, 0, lengths[i], i);
	assert_int_equal(n_from_guest, n);
	nothing_is_out();
	end();
}

// guest-abi 11.4 (a)
static void small_frames_share_a_packet(void **)
{
	begin(&(struct vsc_options){});
	for (unsigned i = 0; i < 24; i++)
		guest_sends(0, 60 + i, i, NULL);
	vsc_flush(&vsc->queue[0]);
	run_all();
	for (unsigned i = 0; i < 24; i++)
		expect_at_host(i, 0, 60 + i, i);
	assert_int_equal(vsc->queue[0].stats.tx_packets, 24 / vsc_get_info(vsc)->max_packets);
	nothing_is_out();
	end();
}

// guest-abi 11.4 (c): what is in the section, then pages
static void a_large_frame_rides_behind_small_ones(void **)
{
	uint64_t before;

	begin(&(struct vsc_options){});
	before = vsc->queue[0].stats.tx_packets;
	guest_sends(0, 100, 1, NULL);
	guest_sends(0, 200, 2, NULL);
	guest_sends(0, 20000, 3, NULL);
	vsc_flush(&vsc->queue[0]);
	run_all();
	assert_int_equal(vsc->queue[0].stats.tx_packets - before, 1);
	expect_at_host(0, 0, 100, 1);
	expect_at_host(1, 0, 200, 2);
	expect_at_host(2, 0, 20000, 3);
	nothing_is_out();
	end();
}

static void without_a_section_frames_go_by_their_pages(void **)
{
	begin(&(struct vsc_options){});
	host_stands_still = true;
	vsc->queue[0].n_free_sections = 2;
	for (unsigned i = 0; i < 20; i++)
		guest_sends(0, 1000, i, NULL);
	assert_true(vsc->queue[0].stats.no_section > 0);
	vsc_flush(&vsc->queue[0]);
	host_stands_still = false;
	run_all();
	for (unsigned i = 0; i < 20; i++)
		expect_at_host(i, 0, 1000, i);
	nothing_is_out();
	end();
}

static void facts_travel_with_the_frame(void **)
{
	struct ndis_packet_info sum = {.flags = NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP | NDIS_INFO_VLAN,
		.l4_offset = 34,
		.vlan_tci = 0xa014};
	struct ndis_packet_info lso = {
		.flags = NDIS_INFO_IP4 | NDIS_INFO_LSO, .l4_offset = 34, .mss = 1448};

	begin(&(struct vsc_options){});
	guest_sends(0, 500, 1, &sum);
	guest_sends(0, 30000, 2, &lso);
	vsc_flush(&vsc->queue[0]);
	run_all();
	assert_int_equal(n_from_guest, 2);
	assert_int_equal(from_guest[0].info.flags, sum.flags);
	assert_int_equal(from_guest[0].info.vlan_tci, 0xa014);
	assert_int_equal(from_guest[0].info.l4_offset, 34);
	assert_true(from_guest[1].info.flags & NDIS_INFO_LSO);
	assert_int_equal(from_guest[1].info.mss, 1448);
	nothing_is_out();
	end();
}

static void a_ring_full_of_frames_is_worked_off(void **)
{
	begin(&(struct vsc_options){.ring_pages = 4});
	for (unsigned round = 0; round < 5; round++) {
		n_from_guest = 0;
		for (unsigned i = 0; i < 400; i++)
			guest_sends(0, 1000, i, NULL);
		vsc_flush(&vsc->queue[0]);
		run_all();
		assert_int_equal(n_from_guest, 400);
		expect_at_host(399, 0, 1000, 399);
	}
	nothing_is_out();
	end();
}

static void prepared_sections_are_sent_again(void **)
{
	static const struct ndis_packet_info none;
	uint32_t section, len;
	uint8_t *at;

	begin(&(struct vsc_options){});
	section = vsc_take_section(&vsc->queue[0], &at);
	assert_int_not_equal(section, NVSP_NO_SECTION);
	len = rndis_packet_build_request(at, 64, &none);
	fill(at + len, 64, 5);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(vsc_send_section(&vsc->queue[0], section, len + 64, 1, 64), 0);
		vsc_flush(&vsc->queue[0]);
		run_all();
		expect_at_host(i, 0, 64, 5);
		assert_int_equal(vsc_take_section(&vsc->queue[0], &at), section);
	}
	vsc_return_section(&vsc->queue[0], section);
	nothing_is_out();
	end();
}

static void frames_to_the_guest_arrive(void **)
{
	static const uint32_t lengths[] = {14, 60, 61, 1000, 1514};
	struct ndis_packet_info info = {
		.flags = NDIS_INFO_VLAN | NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD | NDIS_INFO_HASH,
		.vlan_tci = 20,
		.hash = 0x12345678};

	begin(&(struct vsc_options){});
	for (unsigned i = 0; i < 5; i++)
		host_sends(0, lengths[i], i, &info);
	run_all();
	assert_int_equal(n_to_guest, 5);
	for (unsigned i = 0; i < 5; i++)
		expect_at_guest(i, 0, lengths[i], i);
	assert_int_equal(to_guest[4].info.flags & (NDIS_INFO_VLAN | NDIS_INFO_TCP_GOOD),
		NDIS_INFO_VLAN | NDIS_INFO_TCP_GOOD);
	assert_int_equal(to_guest[4].info.vlan_tci, 20);
	nothing_is_out();
	end();
}

static void every_section_comes_back(void **)
{
	begin(&(struct vsc_options){.receive_buffer = 64 * 4096});
	for (unsigned round = 0; round < 50; round++) {
		n_to_guest = 0;
		for (unsigned i = 0; i < 40; i++)
			host_sends(0, 1514, i, NULL);
		run_all();
		assert_int_equal(n_to_guest, 40);
		expect_at_guest(39, 0, 1514, 39);
	}
	nothing_is_out();
	end();
}

static void a_large_frame_comes_as_a_chain(void **)
{
	struct ndis_packet_info info = {
		.flags = NDIS_INFO_IP4 | NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD};

	begin(&(struct vsc_options){});
	assert_true(netvsp_takes_large(vsp, false));
	host_sends(0, 60000, 9, &info);
	host_sends(0, 100, 10, NULL);
	run_all();
	assert_int_equal(n_to_guest, 2);
	expect_at_guest(0, 0, 60000, 9);
	expect_at_guest(1, 0, 100, 10);
	assert_true(to_guest[0].info.flags & NDIS_INFO_TCP_GOOD);
	assert_int_equal(vsc->queue[0].stats.rx_chains, 1);
	nothing_is_out();
	end();
}

static void without_rsc_no_chain_comes(void **)
{
	begin(&(struct vsc_options){.no_rsc = true});
	assert_false(netvsp_takes_large(vsp, false) || netvsp_takes_large(vsp, true));
	end();
}

static void each_queue_carries_its_own(void **)
{
	begin(&(struct vsc_options){.n_queues = N_QUEUES});
	for (uint32_t q = 0; q < N_QUEUES; q++) {
		guest_sends(q, 100 + q, q, NULL);
		guest_sends(q, 9000, 100 + q, NULL);
		vsc_flush(&vsc->queue[q]);
		host_sends(q, 200 + q, 50 + q, NULL);
	}
	run_all();
	assert_int_equal(n_from_guest, 2 * N_QUEUES);
	assert_int_equal(n_to_guest, N_QUEUES);
	for (uint32_t q = 0; q < N_QUEUES; q++) {
		expect_at_host(2 * q, q, 100 + q, q);
		expect_at_host(2 * q + 1, q, 9000, 100 + q);
		expect_at_guest(q, q, 200 + q, 50 + q);
	}
	nothing_is_out();
	end();
}

// ---- signals

static void a_masked_host_is_not_kicked(void **)
{
	uint64_t before;

	begin(&(struct vsc_options){});
	netvsp_disarm(vsp);
	before = vsc->queue[0].stats.kicks;
	for (unsigned i = 0; i < 10; i++) {
		guest_sends(0, 60, i, NULL);
		vsc_flush(&vsc->queue[0]);
	}
	assert_int_equal(vsc->queue[0].stats.kicks, before);
	run_all();
	end();
}

// guest-abi 9.1
static void a_sleeping_host_is_kicked_once(void **)
{
	uint64_t before;

	begin(&(struct vsc_options){});
	run_all();
	before = vsc->queue[0].stats.kicks;
	assert_true(netvsp_arm(vsp));
	for (unsigned i = 0; i < 10; i++) {
		guest_sends(0, 60, i, NULL);
		vsc_flush(&vsc->queue[0]);
	}
	assert_int_equal(vsc->queue[0].stats.kicks, before + 1);
	netvsp_disarm(vsp);
	run_all();
	end();
}

// guest-abi 9.2
static void a_polling_guest_is_not_interrupted(void **)
{
	begin(&(struct vsc_options){});
	run_all();
	synic_ack(synic, 0);
	host_sends(0, 60, 1, NULL);
	netvsp_flush_to_guest(vsp, 0);
	assert_int_equal(synic_ack(synic, 0), 0);
	run_all();
	assert_true(vsc_arm(&vsc->queue[0]));
	host_sends(0, 60, 2, NULL);
	netvsp_flush_to_guest(vsp, 0);
	host_sends(0, 60, 3, NULL);
	netvsp_flush_to_guest(vsp, 0);
	vsc_disarm(&vsc->queue[0]);
	run_all();
	assert_int_equal(n_to_guest, 3);
	nothing_is_out();
	end();
}

static void a_guest_does_not_sleep_over_a_frame(void **)
{
	begin(&(struct vsc_options){});
	run_all();
	host_sends(0, 60, 1, NULL);
	netvsp_flush_to_guest(vsp, 0);
	assert_false(vsc_arm(&vsc->queue[0]));
	run_all();
	end();
}

// ---- a host that breaks the rules

static void host_puts(uint16_t type, uint64_t id, const void *header, uint32_t header_len,
	const void *body, uint32_t body_len)
{
	struct vmbus_ring *r = &channel[0].to_guest;
	uint8_t *at = vmbus_ring_put(r, type, false, id, header_len, body_len);

	assert_non_null(at);
	if (header_len > 0)
		memcpy(at, header, header_len);
	memcpy(at + header_len, body, body_len);
	vmbus_ring_publish_write(r);
	while (vsc_poll(&vsc->queue[0]) > 0)
		;
}

static void a_completion_of_nothing_is_noticed(void **)
{
	static const uint32_t done[2] = {NVSP_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS};
	const struct vsc_stats *s;

	begin(&(struct vsc_options){});
	s = vsc_get_stats(vsc, 0);
	run_all();
	host_puts(VMBUS_PACKET_COMPLETION, 12345, NULL, 0, done, sizeof(done));
	assert_int_equal(s->bad_completions, 1);
	host_puts(VMBUS_PACKET_COMPLETION, 0, NULL, 0, done, sizeof(done));
	assert_int_equal(s->bad_completions, 2);
	assert_string_equal(vsc_fault(vsc), "completion of nothing that is out");
	end();
}

static void a_doubled_completion_is_noticed(void **)
{
	static const uint32_t done[2] = {NVSP_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS};
	uint64_t id;

	begin(&(struct vsc_options){});
	run_all();
	host_stands_still = true;
	guest_sends(0, 60, 1, NULL);
	vsc_flush(&vsc->queue[0]);
	id = (uint64_t)vsc->queue[0].requests.slot[0].turn << 32 | 1;
	host_puts(VMBUS_PACKET_COMPLETION, id, NULL, 0, done, sizeof(done));
	assert_int_equal(vsc_get_stats(vsc, 0)->bad_completions, 0);
	guest_sends(0, 60, 2, NULL); // takes the same slot
	vsc_flush(&vsc->queue[0]);
	host_puts(VMBUS_PACKET_COMPLETION, id, NULL, 0, done, sizeof(done));
	assert_int_equal(vsc_get_stats(vsc, 0)->bad_completions, 1);
	assert_int_equal(vsc->queue[0].requests.n_out, 1);
	host_stands_still = false;
	end();
}

static void a_lost_completion_is_noticed(void **)
{
	begin(&(struct vsc_options){});
	host_stands_still = true;
	guest_sends(0, 60, 1, NULL);
	vsc_flush(&vsc->queue[0]);
	waits = PATIENCE - 10;
	vsc_detach(vsc, true);
	assert_true(vsc_get_stats(vsc, 0)->lost > 0);
	host_stands_still = false;
	end();
}

static void ranges_outside_of_the_buffer_are_noticed(void **)
{
	static const struct nvsp_message m = {.type = NVSP_RNDIS_PACKET};
	struct {
		struct vmbus_xfer_header h;
		struct vmbus_xfer_range r;
	} header = {.h = {.pageset = NVSP_RECEIVE_BUFFER_ID, .n_ranges = 1}};
	static const struct vmbus_xfer_range bad[] = {
		{.len = 100, .offset = 0xfffffff0},
		{.len = 0xfffffff0, .offset = 100},
		{.len = 1000000, .offset = 0},
		{.len = 4, .offset = 0},
	};

	begin(&(struct vsc_options){});
	run_all();
	for (unsigned i = 0; i < 4; i++) {
		header.r = bad[i];
		host_puts(VMBUS_PACKET_XFER_PAGES, 0, &header, sizeof(header), &m, sizeof(m));
		assert_int_equal(vsc_get_stats(vsc, 0)->bad_ranges, i + 1);
	}
	assert_int_equal(vsc_get_stats(vsc, 0)->bad_packets, 0);
	header.h.n_ranges = 2; // more than the header has
	host_puts(VMBUS_PACKET_XFER_PAGES, 0, &header, sizeof(header), &m, sizeof(m));
	header.h.n_ranges = 0;
	host_puts(VMBUS_PACKET_XFER_PAGES, 0, &header, sizeof(header), &m, sizeof(m));
	assert_int_equal(vsc_get_stats(vsc, 0)->bad_packets, 2);
	assert_int_equal(n_to_guest, 0);
	waits = PATIENCE - 1000;
	vsc_excuse(vsc, true);
	end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_of_every_length_arrive),
		TEST(small_frames_share_a_packet),
		TEST(a_large_frame_rides_behind_small_ones),
		TEST(without_a_section_frames_go_by_their_pages),
		TEST(facts_travel_with_the_frame),
		TEST(a_ring_full_of_frames_is_worked_off),
		TEST(prepared_sections_are_sent_again),
		TEST(frames_to_the_guest_arrive),
		TEST(every_section_comes_back),
		TEST(a_large_frame_comes_as_a_chain),
		TEST(without_rsc_no_chain_comes),
		TEST(each_queue_carries_its_own),
		TEST(a_masked_host_is_not_kicked),
		TEST(a_sleeping_host_is_kicked_once),
		TEST(a_polling_guest_is_not_interrupted),
		TEST(a_guest_does_not_sleep_over_a_frame),
		TEST(a_completion_of_nothing_is_noticed),
		TEST(a_doubled_completion_is_noticed),
		TEST(a_lost_completion_is_noticed),
		TEST(ranges_outside_of_the_buffer_are_noticed),
	};

	return cmocka_run_group_tests_name("vsc_frames", tests, NULL, NULL);
}
