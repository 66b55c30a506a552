/* SPDX-License-Identifier: BSD-3-Clause */
// guest-abi 8.6: the host takes a device off the bus.
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

static void guest_closes_tears_down_and_releases(void **)
{
	open_with(relid, RING_GPADL);
	news();
	vmbus_rescind(nic);
	take_rescind(relid);
	// It has sends under way: nothing stops before it says so.
	assert_string_equal(news(), "");
	assert_int_equal(vmbus_channel_state(nic, 0), VMBUS_CHANNEL_RESCINDED);
	assert_true(vmbus_channel_is_open(nic, 0, &(struct vmbus_open_params){}));
	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_teardown(relid, RING_GPADL);
	take_torndown(RING_GPADL);
	assert_string_equal(news(), "close0 forget16");
	post_relid(VMBUS_RELID_RELEASED, relid);
	assert_string_equal(news(), "released0");
	take_nothing();
}

static void guest_that_only_releases_is_cleaned_up_after(void **)
{
	uint32_t primary, sub;

	meet_with_subchannel(&primary, &sub);
	make_list(primary, 5, 0, 4);
	news();
	hold_answers = true;
	vmbus_rescind(nic);
	take_rescind(sub);
	take_rescind(primary);
	post_relid(VMBUS_RELID_RELEASED, sub);
	assert_string_equal(news(), "close1");
	post_relid(VMBUS_RELID_RELEASED, primary);
	assert_string_equal(news(), "close0");
	vmbus_close_done(nic, 0);
	assert_string_equal(news(), "");
	vmbus_close_done(nic, 1);
	assert_string_equal(news(), "forget16 forget17 forget5");
	vmbus_gpadl_torndown_done(nic, 5);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	assert_string_equal(news(), "");
	vmbus_gpadl_torndown_done(nic, RING_GPADL + 1);
	assert_string_equal(news(), "released0");
	take_nothing(); // nobody asked for these teardowns
}

// OpenVMM #3507.
static void subchannels_are_rescinded_before_their_primary(void **)
{
	uint32_t subs[3];

	open_with(relid, RING_GPADL);
	vmbus_offer_subchannels(nic, 3);
	for (uint32_t i = 0; i < 3; i++)
		subs[i] = take_offer(i + 1);
	vmbus_rescind(nic);
	for (uint32_t i = 0; i < 3; i++)
		take_rescind(subs[i]);
	take_rescind(relid);
	take_nothing();
	vmbus_rescind(nic); // once
	take_nothing();
	assert_int_equal(vmbus_offer_subchannels(nic, 4), -ENODEV);
}

static void open_of_a_rescinded_channel_is_ignored(void **)
{
	make_list(relid, RING_GPADL, 8, 8);
	vmbus_rescind(nic);
	take_rescind(relid);
	news();
	post_open(relid, RING_GPADL);
	take_nothing();
	assert_string_equal(news(), "");
}

// OpenVMM #3959.
static void gpadl_on_a_rescinded_channel_succeeds(void **)
{
	struct vmbus_gpadl_body body = {.hdr.type = VMBUS_GPADL_BODY, .gpadl = 6};
	uint8_t raw[sizeof(body) + 4 * 8] = {};

	post_gpadl(relid, 6, 0, 30);
	vmbus_rescind(nic);
	take_rescind(relid);
	make_list(relid, 5, 0, 4);
	memcpy(raw, &body, sizeof(body));
	post(raw, sizeof(raw));
	assert_int_equal(take_created(relid, 6), 0); // begun before, ended after
	assert_string_equal(news(), "");             // but the device never sees it
	post_teardown(relid, 5);
	take_torndown(5);
	post_teardown(relid, 6);
	take_torndown(6);
	make_list(relid, 5, 0, 4);
	post_relid(VMBUS_RELID_RELEASED, relid);
	assert_string_equal(news(), "released0");
}

static void half_built_list_goes_with_the_channel(void **)
{
	post_gpadl(relid, 6, 0, 30);
	vmbus_rescind(nic);
	take_rescind(relid);
	post_relid(VMBUS_RELID_RELEASED, relid);
	assert_string_equal(news(), "released0");
	take_nothing();
}

static void channel_that_opens_is_answered_before_it_is_rescinded(void **)
{
	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_open(relid, RING_GPADL);
	vmbus_rescind(nic);
	assert_int_not_equal(take_open_result(relid), 0);
	take_rescind(relid);
	assert_string_equal(news(), "list16 open0 close0");
	post_relid(VMBUS_RELID_RELEASED, relid);
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	assert_string_equal(news(), "forget16 released0");
}

static void open_that_waits_for_a_close_is_answered_as_well(void **)
{
	open_with(relid, RING_GPADL);
	hold_answers = true;
	post_relid(VMBUS_CLOSECHANNEL, relid);
	post_open(relid, RING_GPADL);
	vmbus_rescind(nic);
	assert_int_not_equal(take_open_result(relid), 0);
	take_rescind(relid);
	vmbus_close_done(nic, 0);
	take_nothing();
	assert_string_equal(news(), "list16 open0 close0");
}

static void modify_of_a_rescinded_channel_still_works(void **)
{
	open_with(relid, RING_GPADL);
	vmbus_rescind(nic);
	take_rescind(relid);
	post_modify(relid, 0);
	assert_int_equal(take_modified(relid), 0);
}

static void release_of_a_channel_not_rescinded_is_counted(void **)
{
	uint64_t before = n_refused();

	post_relid(VMBUS_RELID_RELEASED, relid);
	post_relid(VMBUS_RELID_RELEASED, 99);
	post_relid(VMBUS_RELID_RELEASED, UINT32_MAX);
	assert_int_equal(n_refused(), before + 3);
	assert_string_equal(news(), "");
	open_with(relid, RING_GPADL);
}

// Trap 19, and the instance of which guests bear one only.
static void relid_and_instance_are_used_again_after_release_only(void **)
{
	vmbus_rescind(nic);
	take_rescind(relid);
	assert_null(vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL));
	assert_int_equal(errno, EEXIST);
	for (uint32_t i = 0; i < 3000; i++) {
		struct vmbus_device *d =
			vmbus_offer(bus, &vmbus_nic_class, &other_instance, &device_ops, NULL);
		uint32_t other = take_offer(0);

		assert_int_not_equal(other, relid);
		assert_in_range(other, 1, 2047);
		vmbus_rescind(d);
		take_rescind(other);
		post_relid(VMBUS_RELID_RELEASED, other);
		n_sent = n_read = 0;
		news();
	}
	post_relid(VMBUS_RELID_RELEASED, relid);
	nic = vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL);
	assert_non_null(nic);
	take_offer(0);
}

static void released_channel_is_unknown(void **)
{
	vmbus_rescind(nic);
	take_rescind(relid);
	post_relid(VMBUS_RELID_RELEASED, relid);
	post_gpadl(relid, 5, 0, 4);
	assert_int_not_equal(take_created(relid, 5), 0);
	post_open(relid, 5);
	assert_int_not_equal(take_open_result(relid), 0);
	post_relid(VMBUS_RELID_RELEASED, relid);
	take_nothing();
}

static void released_channel_is_unknown_while_the_device_closes(void **)
{
	uint64_t before;

	open_with(relid, RING_GPADL);
	hold_answers = true;
	vmbus_rescind(nic);
	take_rescind(relid);
	post_relid(VMBUS_RELID_RELEASED, relid);
	before = n_refused();
	post_relid(VMBUS_RELID_RELEASED, relid);
	post_relid(VMBUS_CLOSECHANNEL, relid);
	assert_int_equal(n_refused(), before + 2);
	post_gpadl(relid, 5, 0, 4);
	assert_int_not_equal(take_created(relid, 5), 0);
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	assert_string_equal(news(), "list16 open0 close0 forget16 released0");
}

static void device_that_the_guest_never_saw_is_gone_at_once(void **)
{
	vmbus_bus_reset(bus);
	news();
	vmbus_rescind(nic);
	take_nothing();
	assert_string_equal(news(), "released0");
	connect_as(VMBUS_VERSION_5_3);
	post_plain(VMBUS_REQUESTOFFERS);
	take(VMBUS_ALLOFFERS_DELIVERED);
	take_nothing();
}

static void reset_releases_what_was_rescinded(void **)
{
	uint32_t primary, sub;

	meet_with_subchannel(&primary, &sub);
	vmbus_rescind(nic);
	n_read = n_sent;
	vmbus_bus_reset(bus);
	assert_string_equal(news(), "close1 close0 forget16 forget17 released0");
	take_nothing();
}

static void rescind_during_a_reset_ends_in_release(void **)
{
	open_with(relid, RING_GPADL);
	news();
	hold_answers = true;
	contact_vp(VMBUS_VERSION_5_3, 0);
	vmbus_rescind(nic);
	take_nothing();
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	assert_string_equal(news(), "close0 forget16 released0");
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
}

static void device_can_be_offered_again_when_released(void **)
{
	for (int i = 0; i < 3; i++) {
		open_with(relid, RING_GPADL);
		vmbus_rescind(nic);
		take_rescind(relid);
		post_relid(VMBUS_CLOSECHANNEL, relid);
		post_relid(VMBUS_RELID_RELEASED, relid);
		assert_null(nic);
		nic = vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL);
		relid = take_offer(0);
	}
}

static void abandoned_device_is_answered_for(void **)
{
	uint32_t primary, sub;

	meet_with_subchannel(&primary, &sub);
	make_list(primary, 5, 0, 4);
	hold_answers = true;
	post_teardown(primary, 5);
	post_relid(VMBUS_CLOSECHANNEL, sub);
	post_modify(primary, 0);
	take_nothing();
	news();
	vmbus_abandon(nic);
	take_modified(primary);
	take_rescind(sub);
	take_rescind(primary);
	take_torndown(5);
	post_relid(VMBUS_CLOSECHANNEL, primary);
	post_teardown(primary, RING_GPADL);
	take_torndown(RING_GPADL);
	post_relid(VMBUS_RELID_RELEASED, sub);
	post_relid(VMBUS_RELID_RELEASED, primary);
	take_nothing();
	assert_string_equal(news(), "");
	assert_non_null(vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL));
	take_offer(0);
}

static void abandoned_device_holds_up_no_reset(void **)
{
	open_with(relid, RING_GPADL);
	hold_answers = true;
	contact_vp(VMBUS_VERSION_5_3, 0);
	take_nothing();
	vmbus_abandon(nic);
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
	post_plain(VMBUS_REQUESTOFFERS);
	take(VMBUS_ALLOFFERS_DELIVERED);
	take_nothing();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_met, teardown)
#define U(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guest_closes_tears_down_and_releases),
		U(guest_that_only_releases_is_cleaned_up_after),
		T(subchannels_are_rescinded_before_their_primary),
		T(open_of_a_rescinded_channel_is_ignored),
		T(gpadl_on_a_rescinded_channel_succeeds),
		T(half_built_list_goes_with_the_channel),
		T(channel_that_opens_is_answered_before_it_is_rescinded),
		T(open_that_waits_for_a_close_is_answered_as_well),
		T(modify_of_a_rescinded_channel_still_works),
		T(release_of_a_channel_not_rescinded_is_counted),
		T(relid_and_instance_are_used_again_after_release_only),
		T(released_channel_is_unknown),
		T(released_channel_is_unknown_while_the_device_closes),
		T(device_that_the_guest_never_saw_is_gone_at_once),
		U(reset_releases_what_was_rescinded),
		T(rescind_during_a_reset_ends_in_release),
		T(device_can_be_offered_again_when_released),
		U(abandoned_device_is_answered_for),
		T(abandoned_device_holds_up_no_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
