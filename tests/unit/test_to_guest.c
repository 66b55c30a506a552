/* SPDX-License-Identifier: BSD-3-Clause */
// Frames to the guest: sections, packets of many, chains, completions; guest-abi §9.2, §10, §11.6,
// §13.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#include "model_guest.h"

static struct model_guest g;
static struct model_host h;

static int start(void **state)
{
	const struct model_options o = {
		.n_channels = 4, .ring_pages = *state != NULL ? 80 : 32, .scatter = *state != NULL};

	model_pair(&g, &h, &o);
	return 0;
}

static int stop(void **)
{
	model_part(&g, &h);
	return 0;
}

// A frame for the guest's own address.
static uint8_t *pattern(uint32_t len, uint32_t seed)
{
	static uint8_t bytes[NETVSP_MAX_FRAME + 1];
	static const uint8_t addresses[14] = {2, 0x15, 0x5d, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0};

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (seed + i) * 167 >> 3;
	memcpy(bytes, addresses, len < 14 ? len : 14);
	return bytes;
}

static void assert_frame(uint32_t n, uint32_t channel, uint32_t len, uint32_t seed)
{
	assert_true(g.n_frames > n);
	assert_int_equal(g.frames[n].channel, channel);
	assert_int_equal(g.frames[n].len, len);
	assert_memory_equal(g.frames[n].bytes, pattern(len, seed), len);
}

static uint32_t sections_lent(void)
{
	struct netvsp_status s;
	uint32_t n = 0;

	netvsp_get_status(h.vsp, &s);
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		n += s.queue[i].sections_lent;
	return n;
}

// Every length that fits a section, from sources in one and in many pieces
static void test_every_length(void **)
{
	const struct ndis_packet_info nothing = {};

	for (uint32_t len = 14; len <= 1600; len++) {
		uint8_t *frame = pattern(len, len);
		struct iovec seg[3] = {
			{frame, len / 3}, {frame + len / 3, 1}, {frame + len / 3 + 1, 0}};
		uint32_t queue = len % 4, n = g.n_frames;

		seg[2].iov_len = len - len / 3 - 1;
		if (len & 1)
			assert_int_equal(model_host_send(&h, queue, frame, len, NULL), 0);
		else
			assert_int_equal(
				netvsp_send_to_guest(h.vsp, queue, seg, 3, len, &nothing), 0);
		netvsp_flush_to_guest(h.vsp, queue);
		model_turn(&g);
		assert_frame(n, queue, len, len);
	}
	model_turn(&g);
	assert_int_equal(sections_lent(), 0);
}

// Many frames of one flush are one packet, and are seen only after it
static void test_frames_of_a_flush_are_one_packet(void **)
{
	const struct ndis_packet_info nothing = {};

	for (unsigned i = 0; i < 50; i++) {
		const struct iovec seg = {pattern(60 + i, i), 60 + i};

		assert_int_equal(netvsp_send_to_guest(h.vsp, 1, &seg, 1, seg.iov_len, &nothing), 0);
	}
	model_poll(&g);
	assert_int_equal(g.n_frames, 0);
	netvsp_flush_to_guest(h.vsp, 1);
	model_poll(&g);
	assert_int_equal(g.n_frames, 50);
	assert_int_equal(g.n_packets, 1);
	for (unsigned i = 0; i < 50; i++)
		assert_frame(i, 1, 60 + i, i);
}

// §9.2: signalled only if the ring was empty and unmasked
static void test_signal_only_when_empty_and_unmasked(void **)
{
	uint64_t before = h.channel[1].n_signals;
	struct netvsp_status s;

	model_host_send(&h, 1, pattern(60, 0), 60, NULL);
	assert_int_equal(h.channel[1].n_signals, before + 1);
	model_host_send(&h, 1, pattern(60, 0), 60, NULL);
	assert_int_equal(h.channel[1].n_signals, before + 1);
	model_poll(&g);
	vmbus_ring_mask(&g.channel[1].in);
	model_host_send(&h, 1, pattern(60, 0), 60, NULL);
	assert_int_equal(h.channel[1].n_signals, before + 1);
	model_poll(&g);
	assert_true(vmbus_ring_unmask(&g.channel[1].in));
	model_host_send(&h, 1, pattern(60, 0), 60, NULL);
	assert_int_equal(h.channel[1].n_signals, before + 2);
	netvsp_get_status(h.vsp, &s);
	assert_true(s.queue[1].interrupts_spared >= 2);
}

// §11.6: no section is lent again before its packet's completion
static void test_sections_run_out_and_come_back(void **)
{
	uint32_t n = 0, lent;

	g.hold = true;
	for (;;) {
		int rc = model_host_send(&h, 2, pattern(100, n), 100, NULL);

		model_poll(&g);
		if (rc != 0) {
			assert_int_equal(rc, -ENOBUFS);
			break;
		}
		n++;
	}
	assert_int_equal(g.n_frames, n);
	assert_true(n > 200);
	lent = sections_lent();
	assert_int_equal(lent, n);
	// Another queue has its own.
	assert_int_equal(model_host_send(&h, 3, pattern(100, 0), 100, NULL), 0);
	model_release(&g, 7);
	model_turn(&g);
	for (int i = 0; i < 7; i++)
		assert_int_equal(model_host_send(&h, 2, pattern(100, 0), 100, NULL), 0);
	assert_int_equal(model_host_send(&h, 2, pattern(100, 0), 100, NULL), -ENOBUFS);
	g.hold = false;
	assert_true(model_wait(&g, sections_lent() == 0));
}

// §16: the completion of a packet must be of one that is out on this channel, and once
static void test_completions_of_others_are_ignored(void **)
{
	struct nvsp_message m = {.type = NVSP_RNDIS_PACKET_COMPLETE};
	struct netvsp_status before, after;
	uint64_t good;

	g.hold = true;
	model_host_send(&h, 1, pattern(60, 0), 60, NULL);
	model_poll(&g);
	good = g.holding[0].transaction;
	netvsp_get_status(h.vsp, &before);
	const struct {
		uint32_t channel;
		uint64_t transaction;
	} bad[] = {
		{2, good},              // another channel
		{1, good + 1},          // no packet's first section
		{1, good ^ 1ull << 32}, // of an earlier life
		{1, 0xffffffff},
		{1, UINT64_MAX},
		{1, g.n_sections},
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *to = vmbus_ring_put(&g.channel[bad[i].channel].out,
			VMBUS_PACKET_COMPLETION, false, bad[i].transaction, 0, 8);

		memcpy(to, &m, 8);
		model_publish(&g, bad[i].channel);
		model_turn(&g);
		netvsp_get_status(h.vsp, &after);
		assert_int_equal(after.bad_messages, before.bad_messages + i + 1);
		assert_int_equal(sections_lent(), 1);
	}
	model_release(&g, 1);
	model_turn(&g);
	assert_int_equal(sections_lent(), 0);
	// Once more
	memcpy(vmbus_ring_put(&g.channel[1].out, VMBUS_PACKET_COMPLETION, false, good, 0, 8), &m,
		8);
	model_publish(&g, 1);
	model_turn(&g);
	netvsp_get_status(h.vsp, &before);
	assert_int_equal(before.bad_messages, after.bad_messages + 1);
	assert_false(before.failed);
}

// A guest that does not read: the ring fills, nothing is overwritten, all comes in the end
static void test_ring_full(void **)
{
	uint32_t n = 0;
	int rc;

	for (;;) {
		rc = model_host_send(&h, 0, pattern(60, n), 60, NULL);
		if (rc != 0)
			break;
		n++;
	}
	assert_true(rc == -EAGAIN || rc == -ENOBUFS);
	model_poll(&g);
	assert_int_equal(g.n_frames, n);
	for (uint32_t i = 0; i < n; i++)
		assert_frame(i, 0, 60, i);
}

// §12.1: filter 0 stops delivery at once, on all channels (OpenVMM #1873, #1949, #1967)
static void test_filter_0_stops_delivery_on_all_channels(void **)
{
	model_set_filter(&g, 0);
	for (uint32_t q = 0; q < 4; q++)
		assert_int_equal(model_host_send(&h, q, pattern(60, 0), 60, NULL), -ENETDOWN);
	model_turn(&g);
	assert_int_equal(g.n_frames, 0);
	model_set_filter(&g, 0xd);
	for (uint32_t q = 0; q < 4; q++)
		assert_int_equal(model_host_send(&h, q, pattern(60, 0), 60, NULL), 0);
}

// Which frames pass which filter
static void test_filter_by_address(void **)
{
	static const uint8_t own[6] = {2, 0x15, 0x5d, 0, 0, 1}, other[6] = {2, 0x15, 0x5d, 0, 0, 2},
			     group[6] = {0x33, 0x33, 0, 0, 0, 1},
			     all[6] = {255, 255, 255, 255, 255, 255};
	static const struct {
		const uint8_t *to;
		uint32_t filter;
		bool passes;
	} cases[] = {
		{own, 0x1, true},
		{own, 0xe, false},
		{own, 0x20, true},
		{other, 0x1, false},
		{other, 0xf, false},
		{other, 0x20, true},
		{group, 0x2, true},
		{group, 0x4, true},
		{group, 0x9, false},
		{group, 0x20, true},
		{all, 0x8, true},
		{all, 0x7, false},
		{all, 0x20, true},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t frame[64];

		memcpy(frame, pattern(64, 0), 64);
		memcpy(frame, cases[i].to, 6);
		model_set_filter(&g, cases[i].filter);
		assert_int_equal(model_host_send(&h, 0, frame, 64, NULL),
			cases[i].passes ? 0 : -EADDRNOTAVAIL);
	}
}

// An address in three pieces is the same address
static void test_filter_of_frames_in_pieces(void **)
{
	const struct ndis_packet_info nothing = {};
	uint8_t *frame = pattern(64, 0);
	struct iovec seg[3] = {{frame, 1}, {frame + 1, 4}, {frame + 5, 59}};

	assert_int_equal(netvsp_send_to_guest(h.vsp, 0, seg, 3, 64, &nothing), 0);
	frame[5] ^= 1;
	assert_int_equal(netvsp_send_to_guest(h.vsp, 0, seg, 3, 64, &nothing), -EADDRNOTAVAIL);
	netvsp_flush_to_guest(h.vsp, 0);
}

// §13: verified sums, tags and hashes are told
static void test_facts_are_told(void **)
{
	const struct ndis_packet_info info = {
		.flags = NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD | NDIS_INFO_VLAN | NDIS_INFO_HASH,
		.vlan_tci = 0x6064,
		.hash = 0xcafef00d,
	};

	model_host_send(&h, 0, pattern(100, 0), 100, &info);
	model_poll(&g);
	assert_frame(0, 0, 100, 0);
	assert_int_equal(g.frames[0].info.flags, info.flags);
	assert_int_equal(g.frames[0].info.vlan_tci, info.vlan_tci);
	assert_int_equal(g.frames[0].info.hash, info.hash);
}

// §13: chains of sections for guests that join them, the facts on the first
static void test_long_frames_are_chains(void **)
{
	static const uint32_t lens[] = {1701, 3000, 9014, 32000, 65535, NETVSP_MAX_FRAME};
	const struct ndis_packet_info info = {
		.flags = NDIS_INFO_IP4 | NDIS_INFO_TCP_GOOD | NDIS_INFO_VLAN,
		.vlan_tci = 100,
	};

	assert_true(netvsp_takes_large(h.vsp, false));
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		model_host_send(&h, i % 4, pattern(lens[i], i), lens[i], &info);
		model_turn(&g);
		assert_int_equal(g.n_frames, i + 1);
		assert_frame(i, i % 4, lens[i], i);
		assert_true(g.frames[i].n_parts >= 2);
		assert_int_equal(g.frames[i].info.flags & (NDIS_INFO_TCP_GOOD | NDIS_INFO_VLAN),
			NDIS_INFO_TCP_GOOD | NDIS_INFO_VLAN);
		assert_int_equal(g.frames[i].info.vlan_tci, 100);
	}
	model_turn(&g);
	assert_int_equal(sections_lent(), 0);
}

// Several chains and single frames in one flush: none is cut by a packet's end
static void test_chains_are_never_left_open(void **)
{
	const struct ndis_packet_info info = {.flags = NDIS_INFO_IP6 | NDIS_INFO_TCP_GOOD};
	unsigned n = 0;

	for (int round = 0; round < 30; round++) {
		uint32_t sent = 0;

		for (unsigned i = 0; i < 8; i++, n++) {
			uint32_t len = i & 1 ? 100 + i : 20000 + 137 * n;
			const struct iovec seg = {pattern(len, n), len};

			if (netvsp_send_to_guest(h.vsp, 0, &seg, 1, len, &info) != 0)
				break;
			sent++;
		}
		netvsp_flush_to_guest(h.vsp, 0);
		assert_true(sent >= 4);
		model_turn(&g);
		model_turn(&g);
	}
	assert_int_equal(sections_lent(), 0);
}

// A chain needs all of its sections, or none is taken
static void test_chain_without_enough_sections(void **)
{
	const struct ndis_packet_info info = {.flags = NDIS_INFO_IP4};
	uint32_t n = 0, lent;

	g.hold = true;
	while (model_host_send(&h, 1, pattern(60000, 0), 60000, &info) == 0) {
		model_poll(&g);
		n++;
	}
	lent = sections_lent();
	assert_true(n > 3);
	assert_int_equal(model_host_send(&h, 1, pattern(60000, 0), 60000, &info), -ENOBUFS);
	assert_int_equal(sections_lent(), lent);
	assert_int_equal(model_host_send(&h, 1, pattern(60, 0), 60, NULL), 0);
}

// Guests that did not ask for it, or no longer do, get no chains
static void test_no_chains_unless_asked_for(void **)
{
	const struct ndis_packet_info ip4 = {.flags = NDIS_INFO_IP4}, none = {};

	assert_int_equal(model_host_send(&h, 0, pattern(3000, 0), 3000, &ip4), 0);
	assert_int_equal(model_host_send(&h, 0, pattern(3000, 0), 3000, &none), -EMSGSIZE);
	model_set_rsc(&g, false);
	assert_false(netvsp_takes_large(h.vsp, false));
	assert_false(netvsp_takes_large(h.vsp, true));
	assert_int_equal(model_host_send(&h, 0, pattern(3000, 0), 3000, &ip4), -EMSGSIZE);
	assert_int_equal(model_host_send(&h, 0, pattern(1600, 0), 1600, &ip4), 0);
	model_set_rsc(&g, true);
	assert_int_equal(model_host_send(&h, 0, pattern(3000, 0), 3000, &ip4), 0);
}

static void test_absurd_lengths(void **)
{
	const struct ndis_packet_info ip4 = {.flags = NDIS_INFO_IP4};

	assert_int_equal(model_host_send(&h, 0, pattern(13, 0), 13, NULL), -EMSGSIZE);
	assert_int_equal(model_host_send(&h, 0, pattern(NETVSP_MAX_FRAME + 1, 0),
				 NETVSP_MAX_FRAME + 1, &ip4),
		-EMSGSIZE);
}

// Between poll and complete nothing becomes visible: the frames polled are not ours yet
static void test_flush_waits_for_complete(void **)
{
	struct netvsp_frame frames[NETVSP_BURST];

	model_send(&g, 0, MODEL_SECTION, pattern(60, 0), 60, NULL, 0);
	model_publish(&g, 0);
	assert_int_equal(netvsp_poll_from_guest(h.vsp, 0, frames, NETVSP_BURST), 1);
	assert_int_equal(model_host_send(&h, 0, pattern(60, 1), 60, NULL), 0);
	model_poll(&g);
	assert_int_equal(g.n_frames, 0);
	assert_int_equal(g.n_out, 1);
	netvsp_complete(h.vsp, 0);
	model_poll(&g);
	assert_int_equal(g.n_frames, 1);
	assert_int_equal(g.n_out, 0);
}

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, start, stop)
#define SCATTERED(f) \
	{ \
#f " scattered", f, start, stop, (void *)1 \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_every_length),
		SCATTERED(test_every_length),
		PLAIN(test_frames_of_a_flush_are_one_packet),
		PLAIN(test_signal_only_when_empty_and_unmasked),
		PLAIN(test_sections_run_out_and_come_back),
		PLAIN(test_completions_of_others_are_ignored),
		PLAIN(test_ring_full),
		PLAIN(test_filter_0_stops_delivery_on_all_channels),
		PLAIN(test_filter_by_address),
		PLAIN(test_filter_of_frames_in_pieces),
		PLAIN(test_facts_are_told),
		PLAIN(test_long_frames_are_chains),
		SCATTERED(test_long_frames_are_chains),
		PLAIN(test_chains_are_never_left_open),
		PLAIN(test_chain_without_enough_sections),
		PLAIN(test_no_chains_unless_asked_for),
		PLAIN(test_absurd_lengths),
		PLAIN(test_flush_waits_for_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
