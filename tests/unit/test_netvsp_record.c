/* SPDX-License-Identifier: BSD-3-Clause */
// What a successor finds in the record of the provider before it: taken up whole, or refused.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <netvsp/vsp.h>

#include "model_guest.h"

#define CHANNELS 3

static struct model_guest g;
static struct model_host h;

static uint32_t make_frame(uint8_t *frame, uint32_t number)
{
	uint32_t len = 60 + number * 37 % 1400;

	memset(frame, number, len);
	memcpy(frame, (const uint8_t[]){2, 0x15, 0x5d, 0, 0, 1}, 6);
	return len;
}

static void pair(const struct model_options *o)
{
	model_pair(&g, &h, o);
}

static int successor(void)
{
	model_host_abandon(&h);
	return model_host_start(&h, &g, true);
}

// All of the agreed state is taken up
static void test_state_is_taken_up(void **)
{
	const struct model_options o = {.n_channels = CHANNELS};
	struct netvsp_status before, after;
	uint8_t frame[2048];
	uint32_t len = make_frame(frame, 1), hash = 0;

	pair(&o);
	model_set_filter(&g, 0x9);
	for (int i = 0; i < 8; i++)
		model_turn(&g);
	netvsp_get_status(h.vsp, &before);
	assert_int_equal(successor(), 0);
	// The link is not told again, channels were signalled once, sub-channels are offered again.
	for (uint32_t q = 0; q < CHANNELS; q++)
		assert_int_equal(h.channel[q].n_signals, 1);
	atomic_store(&g.shared->wanted, 0);
	g.n_indications = 0;
	for (int i = 0; i < 8; i++)
		model_turn(&g);
	assert_int_equal(g.n_indications, 0);
	assert_int_equal(atomic_load(&g.shared->wanted), CHANNELS - 1);
	netvsp_get_status(h.vsp, &after);
	assert_int_equal(after.stage, NETVSP_FILTER);
	assert_int_equal(after.nvsp_version, before.nvsp_version);
	assert_int_equal(after.filter, 9);
	assert_int_equal(after.n_queues, before.n_queues);
	assert_int_equal(after.rss, before.rss);
	assert_int_equal(after.rsc4, before.rsc4);
	assert_int_equal(after.receive_section, before.receive_section);
	assert_int_equal(after.guest_mtu, before.guest_mtu);
	netvsp_hash(h.vsp, frame, len, &hash);
	assert_int_equal(netvsp_queue_of(h.vsp, 1), 1);
	assert_int_equal(model_host_send(&h, 1, frame, len, NULL), 0);
	model_turn(&g);
	assert_int_equal(g.n_frames, 1);
	model_part(&g, &h);
}

// Sections the guest still has are not lent again; they come back with its completion
static void test_lent_sections_are_remembered(void **)
{
	const struct model_options o = {.n_channels = CHANNELS};
	struct netvsp_status s;
	uint8_t frame[2048];
	uint32_t len = make_frame(frame, 1);

	pair(&o);
	model_turn(&g);
	g.hold = true;
	for (int i = 0; i < 30; i++)
		assert_int_equal(model_host_send(&h, i % 3, frame, len, NULL), 0);
	model_poll(&g);
	assert_int_equal(successor(), 0);
	netvsp_get_status(h.vsp, &s);
	for (uint32_t q = 0; q < CHANNELS; q++)
		assert_int_equal(s.queue[q].sections_lent, 10);
	while (model_host_send(&h, 1, frame, len, NULL) == 0)
		model_poll(&g);
	assert_int_equal(g.n_errors, 0);
	g.hold = false;
	for (int i = 0; i < 20; i++)
		model_turn(&g);
	netvsp_get_status(h.vsp, &s);
	for (uint32_t q = 0; q < CHANNELS; q++)
		assert_int_equal(s.queue[q].sections_lent, 0);
	assert_int_equal(s.bad_messages, 0);
	model_part(&g, &h);
}

// A buffer that the guest took back while nobody served it
static void test_buffer_gone_meanwhile(void **)
{
	const struct model_options o = {};
	struct netvsp_status s;
	uint8_t frame[2048];
	uint32_t len = make_frame(frame, 1);

	pair(&o);
	model_host_abandon(&h);
	h = (struct model_host){};
	// The next one does not find it.
	g.receive.id = 0;
	{
		struct gpadl receive = g.receive;
		uint32_t n = receive.n_pages;

		// One page is all that is left of it.
		g.receive.n_pages = 1;
		g.receive.byte_count = GUEST_PAGE_SIZE;
		assert_int_equal(model_host_start(&h, &g, true), 0);
		g.receive.n_pages = n;
		g.receive.byte_count = receive.byte_count;
	}
	assert_int_equal(model_host_send(&h, 0, frame, len, NULL), -ENETDOWN);
	netvsp_get_status(h.vsp, &s);
	assert_int_equal(s.receive_buffer, 0);
	assert_int_not_equal(s.send_buffer, 0);
	model_part(&g, &h);
}

static struct netvsp_record *record_of_host(void)
{
	return (struct netvsp_record *)(h.record + HANDOVER_RECORD_VSP);
}

// A port that may have fewer channels by now: the guest keeps those it has
static void test_channels_granted_are_kept(void **)
{
	const struct model_options o = {.n_channels = CHANNELS, .max_queues = 8};
	uint8_t frame[2048];
	uint32_t len = make_frame(frame, 1);

	pair(&o);
	model_host_abandon(&h);
	g.o.max_queues = 1;
	assert_int_equal(model_host_start(&h, &g, true), 0);
	g.o.max_queues = CHANNELS;
	for (uint32_t q = 0; q < CHANNELS; q++) {
		model_send(&g, q, MODEL_SECTION, frame, len, NULL, 0);
		model_publish(&g, q);
		assert_int_equal(model_host_send(&h, q, frame, len, NULL), 0);
	}
	assert_true(model_drain(&g));
	assert_int_equal(h.n_frames, CHANNELS);
	assert_int_equal(g.n_frames, CHANNELS);
	model_part(&g, &h);
}

// A record that was damaged while the channel was closed harms nobody
static void test_damage_of_what_is_closed(void **)
{
	const struct model_options o = {.n_channels = CHANNELS};

	pair(&o);
	for (uint32_t q = CHANNELS; q-- > 0;)
		model_close(&g, q);
	atomic_store(&g.shared->wanted, 0);
	memset(&record_of_host()->state, 0xa5,
		offsetof(struct netvsp_record, section[1000]) -
			offsetof(struct netvsp_record, state));
	assert_int_equal(successor(), 0);
	model_connect(&g);
	assert_int_equal(successor(), 0);
	model_turn(&g);
	model_set_filter(&g, 0xd);
	model_part(&g, &h);
}

// Damage, and what the successor says
static void test_damaged_records_are_refused(void **)
{
	for (int i = 0; i < 9; i++) {
		const struct model_options o = {.n_channels = CHANNELS};
		uint8_t frame[2048];
		uint32_t len = make_frame(frame, 1);
		struct netvsp_record *r;
		int expected = i < 3 ? -EILSEQ : -EPROTO;
		uint32_t lent = 0;

		pair(&o);
		g.hold = true;
		for (int k = 0; k < 5; k++) {
			const struct ndis_packet_info info = {};
			const struct iovec seg = {frame, len};

			netvsp_send_to_guest(h.vsp, 0, &seg, 1, len, &info);
		}
		netvsp_flush_to_guest(h.vsp, 0);
		r = record_of_host();
		while (r->section[lent].seq == 0 || r->section[lent].transaction == lent)
			lent++;
		switch (i) {
		case 0: r->magic ^= 1; break;
		case 1: r->layout++; break;
		case 2: r->size -= 4; break;
		case 3: r->commits[0].slot[r->commits[0].seq & 1].read ^= 8; break;
		case 4: r->commits[0].seq += 2; break;
		case 5: r->state[r->state_seq & 1].filter ^= 0x20; break;
		case 6: r->section[lent].transaction = NETVSP_MAX_SECTIONS; break;
		case 7: r->section[lent].transaction = lent + 1; break; // lent, but no first
		case 8: r->commits[1].slot[r->commits[1].seq & 1].check ^= 1; break;
		}
		model_host_abandon(&h);
		h = (struct model_host){};
		assert_int_equal(model_host_start(&h, &g, true), expected);
		if (h.vsp == NULL) { // only netvsp is not there
			gpadl_fini(&h.receive);
			gpadl_fini(&h.send);
			guest_mem_clear(&h.mem);
			munmap(h.record, HANDOVER_RECORD_SIZE);
		} else {
			model_host_abandon(&h);
		}
		g.hold = false;
		g.n_out = 0;
		model_guest_fini(&g);
	}
}

// Any bytes at all, with sums that are right: refused or taken up, and nothing out of bounds
static void test_garbage_in_the_record(void **)
{
	const struct model_options o = {.n_channels = CHANNELS};
	uint64_t seed = 88172645463325252ull;

	for (int i = 0; i < 300; i++) {
		struct netvsp_record *r;
		struct netvsp_state *state;
		struct netvsp_state copy;

		pair(&o);
		r = record_of_host();
		state = &r->state[r->state_seq & 1];
		for (int k = 0; k < 1 + i % 4; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			((uint8_t *)state)[seed % sizeof(*state)] = seed >> 32;
			((uint8_t *)r->section)[(seed >> 20) % (g.n_sections * 16)] = seed >> 48;
		}
		memcpy(&copy, state, sizeof(copy));
		copy.commit = 1;
		record_put_state(r, &copy);
		model_host_abandon(&h);
		h = (struct model_host){};
		if (model_host_start(&h, &g, true) == 0) {
			uint8_t frame[2048];
			uint32_t len = make_frame(frame, i);

			for (int k = 0; k < 10; k++) {
				model_host_run(&h);
				model_host_send(&h, k % CHANNELS, frame, len, NULL);
			}
		}
		model_host_abandon(&h);
		g.n_errors = 0;
		model_guest_fini(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_is_taken_up),
		cmocka_unit_test(test_lent_sections_are_remembered),
		cmocka_unit_test(test_buffer_gone_meanwhile),
		cmocka_unit_test(test_channels_granted_are_kept),
		cmocka_unit_test(test_damage_of_what_is_closed),
		cmocka_unit_test(test_damaged_records_are_refused),
		cmocka_unit_test(test_garbage_in_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
