/* SPDX-License-Identifier: BSD-3-Clause */
// guest-abi 8.5: open, close, modify; sub-channels.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus_fixture.h"

static uint32_t relid;

static int setup_met(void **state)
{
	setup(state);
	relid = meet(VMBUS_VERSION_5_3);
	return 0;
}

static void open_reaches_the_device_before_the_guest_hears(void **)
{
	struct vmbus_open_params p;

	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_open(relid, RING_GPADL);
	take_nothing();
	assert_string_equal(news(), "list16 open0");
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_OPENING);
	vmbus_open_done(nic, 0, 0);
	assert_int_equal(take_open_result(relid), 0);
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_OPEN);
	assert_true(vmbus_channel_is_open(nic, 0, &p));
	assert_int_equal(p.ring_gpadl, RING_GPADL);
	assert_int_equal(p.downstream_page, 4);
	assert_int_equal(p.target_vp, 1);
	assert_int_equal(p.relid, relid);
	assert_int_equal(p.connection_id, relid | 2 << 12);
	vmbus_open_done(nic, 0, 0); // once
	take_nothing();
}

static void open_that_the_device_refuses_can_be_tried_again(void **)
{
	struct vmbus_open_params p;

	make_list(relid, RING_GPADL, 8, 8);
	open_status = -EPROTO;
	post_open(relid, RING_GPADL);
	assert_int_not_equal(take_open_result(relid), 0);
	assert_false(vmbus_channel_is_open(nic, 0, &p));
	open_status = 0;
	post_open(relid, RING_GPADL);
	assert_int_equal(take_open_result(relid), 0);
}

static void split_of_the_ring_is_checked(void **)
{
	// guest-abi 8.5: 1 < off < pages - 1, and two pages for each ring.
	struct vmbus_open_channel m = open_message(relid, RING_GPADL);
	static const uint32_t bad[] = {0, 1, 7, 8, 9, 1u << 31, UINT32_MAX, UINT32_MAX - 1};
	uint64_t before = n_refused();

	make_list(relid, RING_GPADL, 8, 8);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.downstream_page = bad[i];
		post(&m, sizeof(m));
		assert_int_not_equal(take_open_result(relid), 0);
	}
	assert_int_equal(n_refused(), before + sizeof(bad) / sizeof(bad[0]));
	for (uint32_t page = 2; page <= 6; page++) {
		m.downstream_page = page;
		post(&m, sizeof(m));
		assert_int_equal(take_open_result(relid), 0);
		post_relid(VMBUS_CLOSECHANNEL, relid);
	}
}

static void ring_of_less_than_two_pages_each_is_refused(void **)
{
	struct vmbus_open_channel m = open_message(relid, 5);

	for (uint32_t n = 1; n <= 3; n++) {
		make_list(relid, 5, 8, n);
		for (m.downstream_page = 0; m.downstream_page < 5; m.downstream_page++) {
			post(&m, sizeof(m));
			assert_int_not_equal(take_open_result(relid), 0);
		}
		post_teardown(relid, 5);
		take_torndown(5);
	}
	make_list(relid, 5, 8, 4);
	m.downstream_page = 2;
	post(&m, sizeof(m));
	assert_int_equal(take_open_result(relid), 0);
}

static void ring_must_be_page_aligned_and_of_whole_pages(void **)
{
	struct gpadl_message g;
	size_t len;

	len = fill_gpadl(&g, relid, 5, 8, 8);
	g.byte_offset = 8;
	g.byte_count -= 8;
	post(&g, len);
	assert_int_equal(take_created(relid, 5), 0);
	post_open(relid, 5);
	assert_int_not_equal(take_open_result(relid), 0);
	len = fill_gpadl(&g, relid, 6, 8, 8);
	g.byte_count -= 8;
	post(&g, len);
	assert_int_equal(take_created(relid, 6), 0);
	post_open(relid, 6);
	assert_int_not_equal(take_open_result(relid), 0);
}

static void ring_must_be_complete_and_of_this_channel(void **)
{
	uint32_t sub;

	post_open(relid, RING_GPADL); // none
	assert_int_not_equal(take_open_result(relid), 0);
	post_gpadl(relid, RING_GPADL, 0, 30); // half-built
	post_open(relid, RING_GPADL);
	assert_int_not_equal(take_open_result(relid), 0);
	open_with(relid, 5);
	vmbus_offer_subchannels(nic, 1);
	sub = take_offer(1);
	make_list(relid, 6, 16, 8);
	post_open(sub, 6); // the primary's
	assert_int_not_equal(take_open_result(sub), 0);
	post_open(sub, 5); // in use as the primary's ring
	assert_int_not_equal(take_open_result(sub), 0);
	assert_string_equal(news(), "list5 open0 list6");
}

static void ring_being_torn_down_is_refused(void **)
{
	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_teardown(relid, RING_GPADL);
	post_open(relid, RING_GPADL);
	assert_int_not_equal(take_open_result(relid), 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_torndown(RING_GPADL);
}

static void target_vp_must_exist_or_be_none(void **)
{
	struct vmbus_open_channel m = open_message(relid, RING_GPADL);
	static const struct {
		uint32_t vp;
		bool good;
	} vps[] = {{0, true}, {N_VPS - 1, true}, {N_VPS, false}, {UINT32_MAX - 1, false},
		{UINT32_MAX, true}};

	make_list(relid, RING_GPADL, 8, 8);
	for (size_t i = 0; i < 5; i++) {
		m.target_vp = vps[i].vp;
		post(&m, sizeof(m));
		assert_int_equal(take_open_result(relid) == 0, vps[i].good);
		if (vps[i].good)
			post_relid(VMBUS_CLOSECHANNEL, relid);
	}
}

static void open_of_a_channel_not_offered_is_answered(void **)
{
	static const uint32_t bad[] = {0, 2, 2047, 2048, UINT32_MAX};

	for (size_t i = 0; i < 5; i++) {
		post_open(bad[i], RING_GPADL);
		assert_int_not_equal(take_open_result(bad[i]), 0);
	}
	assert_string_equal(news(), "");
}

static void second_open_is_refused(void **)
{
	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_open(relid, RING_GPADL);
	post_open(relid, RING_GPADL);
	assert_int_not_equal(take_open_result(relid), 0);
	vmbus_open_done(nic, 0, 0);
	assert_int_equal(take_open_result(relid), 0);
	post_open(relid, RING_GPADL);
	assert_int_not_equal(take_open_result(relid), 0);
	assert_string_equal(news(), "list16 open0");
}

static void close_has_no_reply_and_the_ring_waits_for_it(void **)
{
	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_string_equal(news(), "close0");
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_CLOSING);
	post_teardown(relid, RING_GPADL);
	take_nothing();
	assert_string_equal(news(), ""); // not before it has closed
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), "forget16");
	take_nothing();
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_torndown(RING_GPADL);
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_OFFERED);
}

static void closed_channel_opens_again_under_the_same_relid(void **)
{
	for (int i = 0; i < 5; i++) {
		open_with(relid, RING_GPADL);
		post_relid(VMBUS_CLOSECHANNEL, relid);
		post_teardown(relid, RING_GPADL);
		take_torndown(RING_GPADL);
	}
	take_nothing();
}

static void open_while_closing_waits_for_the_device(void **)
{
	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_open(relid, RING_GPADL);
	take_nothing();
	post_open(relid, RING_GPADL); // but only one
	assert_int_not_equal(take_open_result(relid), 0);
	assert_string_equal(news(), "close0");
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), "open0");
	vmbus_open_done(nic, 0, 0);
	assert_int_equal(take_open_result(relid), 0);
	// Closed before it could open.
	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_open(relid, RING_GPADL);
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_int_not_equal(take_open_result(relid), 0);
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), "close0");
}

static void close_of_a_channel_that_opens_answers_the_open(void **)
{
	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_open(relid, RING_GPADL);
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_int_not_equal(take_open_result(relid), 0);
	vmbus_open_done(nic, 0, 0); // too late
	take_nothing();
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_CLOSING);
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), "list16 open0 close0");
}

static void close_out_of_turn_is_counted(void **)
{
	uint64_t before = n_refused();

	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_relid(VMBUS_CLOSECHANNEL, 99);
	open_with(relid, RING_GPADL);
	hold_answers = true;
	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_int_equal(n_refused(), before + 3);
	assert_string_equal(news(), "list16 open0 close0");
}

static void teardown_of_an_open_ring_closes_the_channel(void **)
{
	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	post_teardown(relid, RING_GPADL);
	assert_string_equal(news(), "close0");
	take_nothing();
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_torndown(RING_GPADL);
}

static void buffers_can_be_torn_down_while_open(void **)
{
	open_with(relid, RING_GPADL);
	make_list(relid, 5, 16, 8);
	news();
	post_teardown(relid, 5);
	take_torndown(5);
	assert_string_equal(news(), "forget5");
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_OPEN);
}

static void modify_is_acknowledged_when_the_old_vp_is_safe(void **)
{
	struct vmbus_open_params p;

	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	post_modify(relid, 3);
	take_nothing();
	assert_string_equal(news(), "modify3");
	vmbus_modify_done(nic, 0, 0);
	assert_int_equal(take_modified(relid), 0);
	assert_true(vmbus_channel_is_open(nic, 0, &p));
	assert_int_equal(p.target_vp, 3);
	vmbus_modify_done(nic, 0, 0);
	take_nothing();
}

static void modify_is_acknowledged_from_5_3_on_only(void **)
{
	static const struct {
		uint32_t version;
		const char *asked;
	} table[] = {
		{VMBUS_VERSION_5_2, "modify0"},
		{VMBUS_VERSION_5_1, "modify0"},
		{VMBUS_VERSION_5_0, "modify0"},
		{VMBUS_VERSION_4_1, "modify0"},
		{VMBUS_VERSION_4_0, ""}, // knows no such message
		{VMBUS_VERSION_3_0, ""},
	};

	for (size_t i = 0; i < 6; i++) {
		relid = meet(table[i].version);
		open_with(relid, RING_GPADL);
		news();
		post_modify(relid, 0);
		assert_string_equal(news(), table[i].asked);
		post_modify(99, 0);
		take_nothing();
	}
}

static void modify_that_cannot_be_is_answered(void **)
{
	post_modify(relid, 0); // not open
	assert_int_not_equal(take_modified(relid), 0);
	post_modify(99, 0);
	assert_int_not_equal(take_modified(99), 0);
	open_with(relid, RING_GPADL);
	news();
	post_modify(relid, N_VPS);
	assert_int_not_equal(take_modified(relid), 0);
	post_modify(relid, UINT32_MAX);
	assert_int_not_equal(take_modified(relid), 0);
	assert_string_equal(news(), "");
}

// OpenVMM #2877.
static void modify_cannot_turn_interrupts_on(void **)
{
	struct vmbus_open_channel m = open_message(relid, RING_GPADL);

	make_list(relid, RING_GPADL, 8, 8);
	m.target_vp = UINT32_MAX;
	post(&m, sizeof(m));
	assert_int_equal(take_open_result(relid), 0);
	news();
	post_modify(relid, 0);
	assert_int_not_equal(take_modified(relid), 0);
	assert_string_equal(news(), "");
}

static void last_of_many_modifies_counts_and_each_is_answered(void **)
{
	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	post_modify(relid, 3);
	post_modify(relid, 2);
	post_modify(relid, 0);
	assert_string_equal(news(), "modify3");
	vmbus_modify_done(nic, 0, 0);
	take_nothing();
	assert_string_equal(news(), "modify0");
	vmbus_modify_done(nic, 0, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take_modified(relid), 0);
	// A flood is refused beyond some point.
	for (int i = 0; i < 20; i++)
		post_modify(relid, 1);
	assert_int_not_equal(take_modified(relid), 0);
	vmbus_modify_done(nic, 0, 0);
	vmbus_modify_done(nic, 0, 0);
	for (int i = 0; i < 19; i++)
		take_modified(relid);
	take_nothing();
}

static void close_answers_the_modify(void **)
{
	open_with(relid, RING_GPADL);
	hold_answers = true;
	post_modify(relid, 3);
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_int_not_equal(take_modified(relid), 0);
	vmbus_modify_done(nic, 0, 0);
	take_nothing();
	vmbus_close_done(nic, 0);
}

// Traps 16, 17.
static void subchannels_are_offered_as_many_and_as_the_guest_wants(void **)
{
	const struct vmbus_offer_channel *offer;
	uint32_t relids = 0;

	assert_int_equal(vmbus_offer_subchannels(nic, 3), -ENOTCONN);
	open_with(relid, RING_GPADL);
	assert_int_equal(vmbus_offer_subchannels(nic, 3), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		offer = take(VMBUS_OFFERCHANNEL);
		assert_int_equal(offer->sub_channel_index, i);
		assert_memory_equal(&offer->interface, &vmbus_nic_class, 16);
		assert_memory_equal(&offer->instance, &instance, 16);
		assert_int_equal(offer->connection_id, offer->relid | 2 << 12);
		assert_int_equal(relids & 1u << offer->relid, 0);
		assert_int_not_equal(offer->relid, relid);
		relids |= 1u << offer->relid;
	}
	take_nothing();
	assert_int_equal(vmbus_offer_subchannels(nic, 3), 0); // there they are
	assert_int_equal(vmbus_offer_subchannels(nic, 2), 0);
	take_nothing();
	assert_int_equal(vmbus_n_subchannels(nic), 3);
	assert_int_equal(vmbus_offer_subchannels(nic, 64), -EINVAL);
}

static void subchannels_have_rings_of_their_own(void **)
{
	uint32_t primary, sub;
	struct vmbus_open_params p;

	meet_with_subchannel(&primary, &sub);
	assert_true(vmbus_channel_is_open(nic, 1, &p));
	assert_int_equal(p.ring_gpadl, RING_GPADL + 1);
	assert_int_equal(p.relid, sub);
	post_modify(sub, 2);
	assert_int_equal(take_modified(sub), 0);
	post_relid(VMBUS_CLOSECHANNEL, sub);
	assert_string_equal(news(), "modify12 close1");
	post_open(sub, RING_GPADL + 1);
	assert_int_equal(take_open_result(sub), 0);
}

static void close_of_the_primary_closes_and_rescinds_its_subchannels(void **)
{
	uint32_t primary, sub, again;

	meet_with_subchannel(&primary, &sub);
	hold_answers = true;
	post_relid(VMBUS_CLOSECHANNEL, primary);
	assert_string_equal(news(), "close1 close0");
	take_rescind(sub);
	take_nothing();
	assert_int_equal(vmbus_n_subchannels(nic), 0);
	post_teardown(primary, RING_GPADL);
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), ""); // a sub-channel is still at it
	vmbus_close_done(nic, 1);
	assert_string_equal(news(), "forget16");
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_torndown(RING_GPADL);
	hold_answers = false;
	// Offered anew when asked for again, under another relid.
	open_with(primary, RING_GPADL);
	assert_int_equal(vmbus_offer_subchannels(nic, 1), 0);
	again = take_offer(1);
	assert_int_not_equal(again, sub);
	open_with(again, 7);
	// The old one is the guest's until it says so.
	post_teardown(sub, RING_GPADL + 1);
	take_torndown(RING_GPADL + 1);
	post_relid(VMBUS_RELID_RELEASED, sub);
	take_nothing();
	assert_int_equal(vmbus_channel_state(nic, 1), VMBUS_CHANNEL_OPEN);
}

static void subchannel_needs_an_open_primary(void **)
{
	uint32_t primary, sub;

	meet_with_subchannel(&primary, &sub);
	post_relid(VMBUS_CLOSECHANNEL, sub);
	post_relid(VMBUS_CLOSECHANNEL, primary);
	take_rescind(sub);
	post_open(sub, RING_GPADL + 1);
	take_nothing();
	assert_string_equal(news(), "close1 close0");
}

static void channels_of_a_guest_that_releases_none_are_capped(void **)
{
	uint32_t n = 0;

	make_list(relid, RING_GPADL, 8, 8);
	for (;;) {
		post_open(relid, RING_GPADL);
		assert_int_equal(take_open_result(relid), 0);
		if (vmbus_offer_subchannels(nic, 63) != 0)
			break;
		post_relid(VMBUS_CLOSECHANNEL, relid);
		n += 63;
		assert_true(n < 1000);
		n_read = n_sent;
	}
	assert_true(n < VMBUS_MAX_CHANNELS);
	vmbus_bus_reset(bus);
	n_read = n_sent;
	relid = meet(VMBUS_VERSION_5_3);
	open_with(relid, RING_GPADL);
	assert_int_equal(vmbus_offer_subchannels(nic, 63), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_met, teardown)
#define U(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(open_reaches_the_device_before_the_guest_hears),
		T(open_that_the_device_refuses_can_be_tried_again),
		T(split_of_the_ring_is_checked),
		T(ring_of_less_than_two_pages_each_is_refused),
		T(ring_must_be_page_aligned_and_of_whole_pages),
		T(ring_must_be_complete_and_of_this_channel),
		T(ring_being_torn_down_is_refused),
		T(target_vp_must_exist_or_be_none),
		T(open_of_a_channel_not_offered_is_answered),
		T(second_open_is_refused),
		T(close_has_no_reply_and_the_ring_waits_for_it),
		T(closed_channel_opens_again_under_the_same_relid),
		T(open_while_closing_waits_for_the_device),
		T(close_of_a_channel_that_opens_answers_the_open),
		T(close_out_of_turn_is_counted),
		T(teardown_of_an_open_ring_closes_the_channel),
		T(buffers_can_be_torn_down_while_open),
		T(modify_is_acknowledged_when_the_old_vp_is_safe),
		U(modify_is_acknowledged_from_5_3_on_only),
		T(modify_that_cannot_be_is_answered),
		T(modify_cannot_turn_interrupts_on),
		T(last_of_many_modifies_counts_and_each_is_answered),
		T(close_answers_the_modify),
		T(subchannels_are_offered_as_many_and_as_the_guest_wants),
		U(subchannels_have_rings_of_their_own),
		U(close_of_the_primary_closes_and_rescinds_its_subchannels),
		U(subchannel_needs_an_open_primary),
		T(channels_of_a_guest_that_releases_none_are_capped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
