/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from the guest: what guest-abi §10, §11.4 and §13 say of them, and what hostile ones do.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/rndis_packet.h>

#include "model_guest.h"

static struct model_guest g;
static struct model_host h;

static int start(void **state)
{
	// Scattered rings of so many pages are copied, not mapped.
	const struct model_options o = {
		.n_channels = 2, .scatter = *state != NULL, .ring_pages = *state != NULL ? 80 : 16};

	model_pair(&g, &h, &o);
	return 0;
}

static int stop(void **)
{
	model_part(&g, &h);
	return 0;
}

static uint8_t *pattern(uint32_t len, uint32_t seed)
{
	static uint8_t bytes[NETVSP_MAX_FRAME];

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (seed + i) * 167 >> 3;
	return bytes;
}

// The host has got exactly this frame, as its n-th.
static void assert_frame(uint32_t n, uint32_t channel, uint32_t len, uint32_t seed)
{
	assert_true(h.n_frames > n);
	assert_int_equal(h.frames[n].channel, channel);
	assert_int_equal(h.frames[n].len, len);
	assert_memory_equal(h.frames[n].bytes, pattern(len, seed), len);
}

static void send_and_check(uint32_t channel, enum model_encoding e, uint32_t len, uint32_t split)
{
	uint32_t n = h.n_frames,
		 id = model_send(&g, channel, e, pattern(len, len), len, NULL, split);

	assert_int_not_equal(id, 0);
	model_publish(&g, channel);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(h.n_frames, n + 1);
	assert_frame(n, channel, len, len);
}

// §11.4 (a)
static void test_in_band_with_section(void **)
{
	for (uint32_t len = 14; len < 6000; len += 61)
		send_and_check(len & 1, MODEL_SECTION, len, 0);
}

// §11.4 (b)
static void test_gpa_direct(void **)
{
	for (uint32_t len = 14; len < NETVSP_MAX_FRAME; len += 1 + len / 3)
		send_and_check(len & 1, MODEL_RANGES, len, 0);
	send_and_check(0, MODEL_RANGES, NETVSP_MAX_FRAME, 0);
}

// §11.4 (c): section part, then ranges, as one string
static void test_mixed(void **)
{
	for (uint32_t len = 100; len < 60000; len += 1 + len / 5)
		send_and_check(len & 1, MODEL_MIXED, len, 0);
	for (uint32_t split = 1; split < 140; split++)
		send_and_check(0, MODEL_MIXED, 100, split);
}

// Trap 12; OpenVMM #1590: the RNDIS header is split over pages and ranges
static void test_header_split_over_ranges(void **)
{
	for (uint32_t split = 3; split < 120; split++)
		send_and_check(0, MODEL_RANGES, 64, split);
	send_and_check(0, MODEL_RANGES, 1514, 47);
}

static uint32_t make_batch(uint8_t *bytes, unsigned n, uint32_t len)
{
	const struct ndis_packet_info nothing = {};
	uint32_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t header = rndis_packet_build_request(bytes + at, len, &nothing);
		uint32_t size = (header + len + 7) & ~7u;

		memcpy(bytes + at + 4, &size, 4);
		memcpy(bytes + at + header, pattern(len, i), len);
		memset(bytes + at + header + len, 0xee, size - header - len);
		at += size;
	}
	return at;
}

// Trap 13: one NVSP packet, 8 RNDIS messages, exactly one completion
static void test_batch_has_one_completion(void **)
{
	uint8_t bytes[6144];
	uint32_t len = make_batch(bytes, 8, 61), id;

	id = model_send_bytes(&g, 0, MODEL_SECTION, bytes, len, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(h.n_frames, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_frame(i, 0, 61, i);
	model_turn(&g);
	assert_int_equal(g.n_errors, 0);
}

// The most that is taken in one packet, and one more
static void test_batch_of_too_many_fails(void **)
{
	uint8_t bytes[6144];
	uint32_t len, id;

	len = make_batch(bytes, NETVSP_MAX_TX_BATCH, 60);
	id = model_send_bytes(&g, 0, MODEL_SECTION, bytes, len, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(h.n_frames, NETVSP_MAX_TX_BATCH);
	len = make_batch(bytes, NETVSP_MAX_TX_BATCH + 1, 60);
	id = model_send_bytes(&g, 0, MODEL_SECTION, bytes, len, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(h.n_frames, NETVSP_MAX_TX_BATCH);
}

// OpenVMM #2141: a batch whose last message is broken fails as a whole, and the queue lives on
static void test_batch_with_a_bad_message(void **)
{
	uint32_t bad[] = {0, 7, 43, UINT32_MAX, 0x80000000};
	uint8_t bytes[6144];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t len = make_batch(bytes, 4, 64), id;

		memcpy(bytes + 2 * (len / 4) + 4, &bad[i], 4);
		id = model_send_bytes(&g, 0, MODEL_SECTION, bytes, len, 0);
		model_publish(&g, 0);
		assert_true(model_drain(&g));
		assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
		assert_int_equal(h.n_frames, i);
		model_send(&g, 0, MODEL_SECTION, pattern(64, 0), 64, NULL, 0);
		model_publish(&g, 0);
		assert_true(model_drain(&g));
		assert_int_equal(h.n_frames, i + 1);
	}
}

// More frames than a burst holds stay in the ring for the next
static void test_burst_is_bounded(void **)
{
	struct netvsp_frame frames[NETVSP_BURST];
	unsigned total = 0;
	int n;

	for (unsigned i = 0; i < 100; i++)
		assert_int_not_equal(
			model_send(&g, 0, MODEL_SECTION, pattern(60, i), 60, NULL, 0), 0);
	model_publish(&g, 0);
	do {
		n = netvsp_poll_from_guest(h.vsp, 0, frames, 40);
		assert_true(n >= 0 && n <= 40);
		total += n;
		netvsp_complete(h.vsp, 0);
	} while (n > 0);
	assert_int_equal(total, 100);
	assert_true(model_drain(&g));
}

// A poll ends after so many bytes, however many frames there are
static void test_burst_bytes_are_bounded(void **)
{
	struct netvsp_frame frames[NETVSP_BURST];
	uint32_t bytes = 0;
	int n;

	for (unsigned i = 0; i < 10; i++)
		assert_int_not_equal(
			model_send(&g, 0, MODEL_RANGES, pattern(65000, i), 65000, NULL, 0), 0);
	model_publish(&g, 0);
	n = netvsp_poll_from_guest(h.vsp, 0, frames, NETVSP_BURST);
	for (int i = 0; i < n; i++)
		bytes += frames[i].len;
	netvsp_complete(h.vsp, 0);
	assert_true(bytes >= NETVSP_BURST_BYTES && bytes < NETVSP_BURST_BYTES + NETVSP_MAX_FRAME);
	assert_true(model_drain(&g));
}

// §13: facts of a frame
static void test_facts_of_a_frame(void **)
{
	const struct ndis_packet_info info = {
		.flags = NDIS_INFO_VLAN | NDIS_INFO_HASH | NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP,
		.vlan_tci = 0xb123,
		.l4_offset = 34,
		.hash = 0x12345678,
	};

	model_send(&g, 0, MODEL_SECTION, pattern(100, 0), 100, &info, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(h.frames[0].info.flags, info.flags);
	assert_int_equal(h.frames[0].info.vlan_tci, info.vlan_tci);
	assert_int_equal(h.frames[0].info.l4_offset, info.l4_offset);
	assert_int_equal(h.frames[0].info.hash, info.hash);
}

// OpenVMM #3643: Windows leaves the header's offset 0; nothing wrong with that
static void test_zero_l4_offset_is_taken(void **)
{
	const struct ndis_packet_info info = {.flags = NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP};
	uint32_t id = model_send(&g, 0, MODEL_SECTION, pattern(100, 0), 100, &info, 0);

	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(h.frames[0].info.flags, info.flags);
	assert_int_equal(h.frames[0].info.l4_offset, 0);
}

// OpenVMM #3183: a large send's facts are checked against the frame: headers past its end, no
// segment size. A good one keeps its size whole.
static void test_large_sends_are_checked(void **)
{
	const struct ndis_packet_info good = {
		.flags = NDIS_INFO_IP4 | NDIS_INFO_LSO, .mss = 1448, .l4_offset = 34};
	const struct ndis_packet_info bad[] = {
		{.flags = NDIS_INFO_IP4 | NDIS_INFO_LSO, .mss = 0, .l4_offset = 34},
		{.flags = NDIS_INFO_IP4 | NDIS_INFO_LSO, .mss = 1448, .l4_offset = 1000},
		{.flags = NDIS_INFO_IP4 | NDIS_INFO_LSO, .mss = 1448, .l4_offset = 13},
	};
	uint32_t id = model_send(&g, 0, MODEL_RANGES, pattern(60000, 0), 60000, &good, 0);

	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_frame(0, 0, 60000, 0);
	assert_int_equal(h.frames[0].info.mss, 1448);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		id = model_send(&g, 0, MODEL_RANGES, pattern(900, 0), 900, &bad[i], 0);
		model_publish(&g, 0);
		assert_true(model_drain(&g));
		assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	}
	assert_int_equal(h.n_frames, 1);
}

// Records that make the header longer than what is copied at first
static void test_long_header(void **)
{
	const struct ndis_packet_info nothing = {};

	for (uint32_t extra = 16; extra <= 448; extra += 16) {
		uint32_t ppi[4] = {16, 77, 12, 0}, words[11], header, id, n = h.n_frames;
		uint8_t bytes[1024];

		header = rndis_packet_build_request(bytes, 60, &nothing);
		assert_int_equal(header, 44);
		for (uint32_t at = 44; at < 44 + extra; at += 16)
			memcpy(bytes + at, ppi, 16);
		memcpy(bytes + 44 + extra, pattern(60, extra), 60);
		memcpy(words, bytes, 44);
		words[1] += extra; // length
		words[2] += extra; // data offset
		words[7] = 36;     // PPI offset
		words[8] = extra;  // and length
		memcpy(bytes, words, 44);
		id = model_send_bytes(&g, 0, MODEL_SECTION, bytes, 104 + extra, 0);
		model_publish(&g, 0);
		assert_true(model_drain(&g));
		assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
		assert_frame(n, 0, 60, extra);
	}
}

// Sends a record as it is; NVSP's status of its completion.
static uint32_t send_raw(uint16_t type, const void *header, uint32_t header_len, uint32_t section,
	uint32_t section_len)
{
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET,
		.rndis = {NVSP_CHANNEL_DATA, section, section_len},
	};
	uint32_t id = model_send_record(&g, 0, type, true, header, header_len, &m, sizeof(m));

	model_publish(&g, 0);
	assert_true(model_drain(&g));
	return g.tx[id].status;
}

// §16: section index and size are checked
static void test_section_out_of_bounds_fails(void **)
{
	assert_int_equal(
		send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, g.n_send, 100), NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, 0xfffffffe, 100),
		NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, 0, g.section_size + 1),
		NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(
		send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, 0, 0xffffffff), NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, 0, 0), NVSP_STATUS_INVALID_RNDIS);
	// In band without a section: there are no bytes
	assert_int_equal(send_raw(VMBUS_PACKET_IN_BAND, NULL, 0, NVSP_NO_SECTION, 0),
		NVSP_STATUS_INVALID_RNDIS);
	send_and_check(0, MODEL_SECTION, 64, 0);
}

// §16: ranges are counted, lie in the header, and their pages are memory
static void test_bad_ranges_fail(void **)
{
	const struct {
		uint32_t n_ranges, len, offset;
		uint64_t pfn;
	} cases[] = {
		{0, 100, 0, 10},
		{2, 100, 0, 10},
		{33, 100, 0, 10},
		{UINT32_MAX, 100, 0, 10},
		{1, 4097, 0, 10},
		{1, 100, 4000, 10},
		{1, UINT32_MAX, 0, 10},
		{1, UINT32_MAX, UINT32_MAX, 10},
		{1, 1, UINT32_MAX, 10},
		{1, 100, 0, g.mem_size / GUEST_PAGE_SIZE},
		{1, 100, 0, UINT64_MAX},
		{1, 100, 0, UINT64_MAX >> 12},
		{1, 0, 0, 10},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct {
			uint32_t reserved, n_ranges, len, offset;
			uint64_t pfn;
		} header = {0, cases[i].n_ranges, cases[i].len, cases[i].offset, cases[i].pfn};

		assert_int_equal(send_raw(VMBUS_PACKET_GPA_DIRECT, &header, sizeof(header),
					 NVSP_NO_SECTION, 0),
			NVSP_STATUS_INVALID_RNDIS);
		// Nothing at all behind the header
		assert_int_equal(send_raw(VMBUS_PACKET_GPA_DIRECT, &header, 8, NVSP_NO_SECTION, 0),
			NVSP_STATUS_INVALID_RNDIS);
	}
	send_and_check(0, MODEL_RANGES, 64, 0);
}

// §16, OpenVMM #3692: a descriptor that is none stops that channel, and no other
static void test_broken_descriptor_stops_the_channel(void **)
{
	struct netvsp_status s;
	uint8_t *to = vmbus_ring_put(&g.channel[1].out, VMBUS_PACKET_GPA_DIRECT, true, 77, 8, 40);

	((struct vmbus_descriptor *)(to - 16))->offset8 = 2;
	model_publish(&g, 1);
	model_turn(&g);
	assert_int_equal(h.poll_error, -EPROTO);
	netvsp_get_status(h.vsp, &s);
	assert_true(s.failed);
	assert_non_null(strstr(s.error, "channel 1"));
	send_and_check(0, MODEL_SECTION, 64, 0);
	assert_int_equal(model_host_send(&h, 1, pattern(64, 0), 64, NULL), -ENETDOWN);
}

// A type that only hosts send
static void test_transfer_pages_from_a_guest_stop_the_channel(void **)
{
	assert_non_null(
		vmbus_ring_put(&g.channel[1].out, VMBUS_PACKET_XFER_PAGES, true, 77, 8, 40));
	model_publish(&g, 1);
	model_turn(&g);
	assert_int_equal(h.poll_error, -EPROTO);
	send_and_check(0, MODEL_SECTION, 64, 0);
}

// A guest that does not read its completions gets no more of its packets read
static void test_nothing_is_read_whose_completion_has_no_room(void **)
{
	const uint32_t size = vmbus_record_size(0, 40);
	uint32_t room = g.o.ring_pages * GUEST_PAGE_SIZE / size, sent = 0, n = 0;

	// More than the other ring has room for; nothing is polled meanwhile.
	while (sent < 4 * room) {
		while (sent < 4 * room &&
			model_send(&g, 0, MODEL_RANGES, pattern(60, 0), 60, NULL, 0))
			sent++;
		model_publish(&g, 0);
		n = h.n_frames;
		for (int i = 0; i < 10; i++)
			model_host_run(&h);
		if (h.n_frames == n)
			break;
	}
	assert_true(h.n_frames < sent);
	assert_true(h.n_frames <= room);
	assert_true(g.n_out == sent);
	assert_true(model_drain(&g));
	assert_int_equal(h.n_frames, sent);
}

// Without RNDIS, no frames
static void test_frames_before_initialize_fail(void **)
{
	const struct model_options o = {};
	struct model_guest g2;
	struct model_host h2;
	uint32_t id;

	model_guest_init(&g2, &o);
	g2.pump = model_host_run;
	g2.pump_arg = &h2;
	assert_int_equal(model_host_start(&h2, &g2, false), 0);
	model_open(&g2, 0);
	model_init(&g2);
	model_buffers(&g2);
	id = model_send(&g2, 0, MODEL_SECTION, pattern(60, 0), 60, NULL, 0);
	model_publish(&g2, 0);
	assert_true(model_drain(&g2));
	assert_int_equal(g2.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(h2.n_frames, 0);
	model_part(&g2, &h2);
}

// §9.1, §9.4: completions are delivered and signalled with each burst, once
static void test_one_signal_a_burst(void **)
{
	uint32_t before = h.channel[0].n_signals;

	for (unsigned i = 0; i < 20; i++)
		model_send(&g, 0, MODEL_SECTION, pattern(60, i), 60, NULL, 0);
	model_publish(&g, 0);
	model_host_run(&h);
	assert_int_equal(h.channel[0].n_signals, before + 1);
	// Not empty: the guest knows.
	for (unsigned i = 0; i < 20; i++)
		model_send(&g, 0, MODEL_SECTION, pattern(60, i), 60, NULL, 0);
	model_publish(&g, 0);
	model_host_run(&h);
	assert_int_equal(h.channel[0].n_signals, before + 1);
	// Masked: it polls.
	model_poll(&g);
	vmbus_ring_mask(&g.channel[0].in);
	model_send(&g, 0, MODEL_SECTION, pattern(60, 0), 60, NULL, 0);
	model_publish(&g, 0);
	model_host_run(&h);
	assert_int_equal(h.channel[0].n_signals, before + 1);
}

// §9.4: a guest that waits for room in its ring is signalled when there is, whatever it masks
static void test_pending_send_size_of_the_guest(void **)
{
	uint32_t before;

	vmbus_ring_mask(&g.channel[0].in);
	while (model_send(&g, 0, MODEL_RANGES, pattern(60, 0), 60, NULL, 0) != 0)
		;
	model_publish(&g, 0);
	before = h.channel[0].n_signals;
	vmbus_ring_want_room(&g.channel[0].out, 1024);
	model_host_run(&h);
	assert_int_equal(h.channel[0].n_signals, before + 1);
	vmbus_ring_want_room(&g.channel[0].out, 0);
	assert_true(model_drain(&g));
}

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, start, stop)
#define SCATTERED(f) \
	{ \
#f " scattered", f, start, stop, (void *)1 \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_in_band_with_section),
		SCATTERED(test_in_band_with_section),
		PLAIN(test_gpa_direct),
		PLAIN(test_mixed),
		SCATTERED(test_mixed),
		PLAIN(test_header_split_over_ranges),
		PLAIN(test_batch_has_one_completion),
		SCATTERED(test_batch_has_one_completion),
		PLAIN(test_batch_of_too_many_fails),
		PLAIN(test_batch_with_a_bad_message),
		PLAIN(test_burst_is_bounded),
		PLAIN(test_burst_bytes_are_bounded),
		PLAIN(test_facts_of_a_frame),
		PLAIN(test_zero_l4_offset_is_taken),
		PLAIN(test_large_sends_are_checked),
		PLAIN(test_long_header),
		SCATTERED(test_long_header),
		PLAIN(test_section_out_of_bounds_fails),
		PLAIN(test_bad_ranges_fail),
		PLAIN(test_broken_descriptor_stops_the_channel),
		PLAIN(test_transfer_pages_from_a_guest_stop_the_channel),
		PLAIN(test_nothing_is_read_whose_completion_has_no_room),
		PLAIN(test_frames_before_initialize_fail),
		PLAIN(test_one_signal_a_burst),
		PLAIN(test_pending_send_size_of_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
