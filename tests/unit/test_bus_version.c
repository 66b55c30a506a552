/* SPDX-License-Identifier: BSD-3-Clause */
// guest-abi 8.2, 8.7: contact, versions, unload, and which message may come when.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus_fixture.h"

static void version_spoken_is_accepted_exactly(void **)
{
	static const uint32_t spoken[] = {
		0x50003, 0x50002, 0x50001, 0x50000, 0x40001, 0x40000, 0x30000};
	static const uint32_t not_spoken[] = {
		0x60000, 0x50004, 0x40002, 0x30001, 0x20004, 0x10001, 13, 0, UINT32_MAX};
	const struct vmbus_version_response *r;

	for (size_t i = 0; i < 7; i++) {
		contact_vp(spoken[i], TARGET_VP);
		r = take(VMBUS_VERSION_RESPONSE);
		assert_int_equal(r->supported, 1);
		assert_int_equal(r->state, 0);
		assert_int_equal(vmbus_bus_version(bus), spoken[i]);
		// Trap 6: from 5.0 on the port of all later messages, which must be live.
		assert_int_equal(
			r->connection_id, spoken[i] >= 0x50000 ? VMBUS_CONNECTION_NEW : spoken[i]);
	}
	for (size_t i = 0; i < sizeof(not_spoken) / sizeof(not_spoken[0]); i++) {
		contact_vp(not_spoken[i], TARGET_VP);
		r = take(VMBUS_VERSION_RESPONSE);
		assert_int_equal(r->supported, 0);
		assert_int_equal(vmbus_bus_version(bus), 0);
	}
	take_nothing();
}

static void step_down_ends_at_a_version_we_speak(void **)
{
	const struct vmbus_version_response *r;

	contact_vp(0x60000, TARGET_VP);
	r = take(VMBUS_VERSION_RESPONSE);
	assert_int_equal(r->supported, 0);
	meet(VMBUS_VERSION_5_3);
}

static void replies_go_to_the_vp_of_the_contact(void **)
{
	const struct vmbus_version_response *r;

	contact_vp(VMBUS_VERSION_5_3, 3);
	post_plain(VMBUS_REQUESTOFFERS);
	post_plain(VMBUS_UNLOAD);
	assert_int_equal(n_sent, 4);
	for (unsigned i = 0; i < n_sent; i++)
		assert_int_equal(sent[i].vp, 3);
	n_read = n_sent;
	// No such VP: refused where a guest may see it.
	contact_vp(VMBUS_VERSION_5_3, N_VPS);
	r = take(VMBUS_VERSION_RESPONSE);
	assert_int_equal(r->supported, 0);
	assert_int_equal(sent[n_read - 1].vp, 0);
}

static void both_message_ports_are_live_and_no_other(void **)
{
	struct vmbus_initiate_contact m = {.hdr.type = VMBUS_INITIATE_CONTACT};

	for (uint32_t id = 0; id < 16; id++)
		assert_int_equal(post_to(id, &m, sizeof(m)), id == 1 || id == 4 ? 0 : -ENXIO);
	assert_int_equal(n_sent, 2);
}

static void message_longer_than_any_is_invalid(void **)
{
	uint8_t m[VMBUS_MESSAGE_MAX + 1] = {VMBUS_UNLOAD};

	assert_int_equal(post_to(4, m, VMBUS_MESSAGE_MAX), 0);
	take(VMBUS_UNLOAD_RESPONSE);
	assert_int_equal(post_to(4, m, sizeof(m)), -EINVAL);
	take_nothing();
}

static void offer_is_as_guests_check_it(void **)
{
	const struct vmbus_offer_channel *offer;

	connect_as(VMBUS_VERSION_5_3);
	post_plain(VMBUS_REQUESTOFFERS);
	offer = take(VMBUS_OFFERCHANNEL);
	assert_memory_equal(&offer->interface, &vmbus_nic_class, 16);
	assert_memory_equal(&offer->instance, &instance, 16);
	assert_int_equal(offer->sub_channel_index, 0);
	assert_in_range(offer->relid, 1, 2047);
	assert_int_equal(offer->connection_id, offer->relid | 2 << 12);
	assert_int_equal(offer->is_dedicated_interrupt, 1);
	assert_int_equal(offer->monitor_allocated, 0); // trap 20
	take(VMBUS_ALLOFFERS_DELIVERED);
	// Who asks again waits for the end, but drops offers that it has.
	post_plain(VMBUS_REQUESTOFFERS);
	take(VMBUS_ALLOFFERS_DELIVERED);
	take_nothing();
}

static void device_that_comes_later_is_offered_at_once(void **)
{
	struct vmbus_device *second;

	connect_as(VMBUS_VERSION_5_3);
	assert_non_null(vmbus_offer(bus, &vmbus_nic_class, &other_instance, &device_ops, NULL));
	take_nothing(); // not asked for yet
	post_plain(VMBUS_REQUESTOFFERS);
	take_offer(0);
	take_offer(0);
	take(VMBUS_ALLOFFERS_DELIVERED);
	second = vmbus_offer(bus, &vmbus_nic_class, &(struct vmbus_guid){{9}}, &device_ops, NULL);
	assert_non_null(second);
	take_offer(0);
	take_nothing();
}

static void same_instance_is_not_offered_twice(void **)
{
	assert_null(vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL));
	assert_int_equal(errno, EEXIST);
}

static void contact_in_use_resets_first_and_then_answers(void **)
{
	uint32_t relid = meet(VMBUS_VERSION_5_3);

	open_with(relid, RING_GPADL);
	assert_string_equal(news(), "list16 open0");
	hold_answers = true;
	contact_vp(VMBUS_VERSION_5_2, TARGET_VP);
	take_nothing();
	assert_string_equal(news(), "close0");
	vmbus_close_done(nic, 0);
	take_nothing();
	assert_string_equal(news(), "forget16");
	assert_int_equal(vmbus_bus_version(bus), 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	assert_string_equal(news(), "released1");
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
	assert_int_equal(vmbus_bus_version(bus), VMBUS_VERSION_5_2);
	// And the guest can start anew.
	hold_answers = false;
	post_plain(VMBUS_REQUESTOFFERS);
	relid = take_offer(0);
	take(VMBUS_ALLOFFERS_DELIVERED);
	open_with(relid, RING_GPADL);
}

static void contact_while_resetting_gets_the_answer(void **)
{
	open_with(meet(VMBUS_VERSION_5_3), RING_GPADL);
	hold_answers = true;
	post_plain(VMBUS_UNLOAD);
	contact_vp(VMBUS_VERSION_5_0, 1);
	contact_vp(VMBUS_VERSION_5_1, 1);
	assert_string_equal(news(), "list16 open0 close0");
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
	assert_int_equal(vmbus_bus_version(bus), VMBUS_VERSION_5_1);
}

static void unload_answers_when_nothing_is_touched_any_more(void **)
{
	uint32_t primary, sub;

	meet_with_subchannel(&primary, &sub);
	hold_answers = true;
	post_plain(VMBUS_UNLOAD);
	assert_string_equal(news(), "close1 close0");
	vmbus_close_done(nic, 0);
	take_nothing();
	vmbus_close_done(nic, 1);
	assert_string_equal(news(), "forget16 forget17");
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_nothing();
	vmbus_gpadl_torndown_done(nic, RING_GPADL + 1);
	take(VMBUS_UNLOAD_RESPONSE);
	assert_string_equal(news(), "released1");
	assert_int_equal(vmbus_n_subchannels(nic), 0);
	// Only contact revives the bus.
	post_plain(VMBUS_REQUESTOFFERS);
	take_nothing();
	post_plain(VMBUS_UNLOAD);
	take(VMBUS_UNLOAD_RESPONSE);
}

static void reset_is_an_unload_without_answer(void **)
{
	open_with(meet(VMBUS_VERSION_5_3), RING_GPADL);
	news();
	vmbus_bus_reset(bus);
	assert_string_equal(news(), "close0 forget16 released1");
	take_nothing();
	open_with(meet(VMBUS_VERSION_5_3), RING_GPADL);
}

static void reset_while_opening_answers_no_open(void **)
{
	uint32_t relid = meet(VMBUS_VERSION_5_3);

	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	post_open(relid, RING_GPADL);
	vmbus_bus_reset(bus);
	vmbus_open_done(nic, 0, 0);
	vmbus_close_done(nic, 0);
	vmbus_gpadl_torndown_done(nic, RING_GPADL);
	take_nothing();
	assert_string_equal(news(), "list16 open0 close0 forget16 released1");
}

static void hibernated_guest_finds_the_same_instance(void **)
{
	const struct vmbus_offer_channel *offer;

	open_with(meet(VMBUS_VERSION_5_3), RING_GPADL);
	post_plain(VMBUS_UNLOAD);
	take(VMBUS_UNLOAD_RESPONSE);
	connect_as(VMBUS_VERSION_5_3);
	post_plain(VMBUS_REQUESTOFFERS);
	offer = take(VMBUS_OFFERCHANNEL);
	assert_memory_equal(&offer->instance, &instance, 16);
}

static void socket_connection_is_refused_with_an_answer(void **)
{
	struct vmbus_tl_connect_result m = {
		.hdr.type = VMBUS_TL_CONNECT_REQUEST,
		.endpoint = {{7}},
		.service = {{8}},
	};
	const struct vmbus_tl_connect_result *r;

	meet(VMBUS_VERSION_5_3);
	post(&m, sizeof(m));
	r = take(VMBUS_TL_CONNECT_RESULT);
	assert_int_not_equal(r->status, 0);
	assert_memory_equal(&r->endpoint, &m.endpoint, 16);
	assert_memory_equal(&r->service, &m.service, 16);
}

static void full_slots_lose_no_answer_and_hold_the_guest_back(void **)
{
	uint32_t relid = meet(VMBUS_VERSION_5_3);
	struct vmbus_gpadl_teardown m = {.hdr.type = VMBUS_GPADL_TEARDOWN, .relid = relid};
	uint32_t n = 0;

	synic_is_full = true;
	for (m.gpadl = 1; post_to(4, &m, sizeof(m)) == 0; m.gpadl++)
		assert_true(++n < 1000);
	assert_int_equal(post_to(4, &m, sizeof(m)), -EAGAIN);
	assert_true(n >= 16);
	assert_true(vmbus_bus_flush(bus));
	take_nothing();
	synic_is_full = false;
	assert_false(vmbus_bus_flush(bus));
	for (uint32_t i = 1; i <= n; i++)
		take_torndown(i);
	take_nothing();
	post(&m, sizeof(m));
	take_torndown(n + 1);
}

static void contact_drops_what_the_guest_before_did_not_read(void **)
{
	meet(VMBUS_VERSION_5_3);
	synic_is_full = true;
	for (uint32_t i = 0; i < 64; i++)
		post_teardown(1, i);
	contact_vp(VMBUS_VERSION_5_3, 0);
	synic_is_full = false;
	assert_false(vmbus_bus_flush(bus));
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
}

// ---- messages out of turn, cut short, unknown

enum { DISCONNECTED, CONNECTED, OFFERED, RESETTING, N_STATES };

static void enter_state(unsigned state)
{
	if (state == CONNECTED)
		connect_as(VMBUS_VERSION_5_3);
	if (state >= OFFERED)
		meet(VMBUS_VERSION_5_3);
	if (state == RESETTING) {
		make_list(1, RING_GPADL, 8, 8);
		hold_answers = true;
		vmbus_bus_reset(bus);
	}
}

static void each_message_in_each_state(void **)
{
	// The answer, or NOTHING.
	static const struct {
		uint32_t type, expected[N_STATES];
	} table[] = {
		{0, {}},
		{VMBUS_OFFERCHANNEL, {}},
		{VMBUS_RESCIND_CHANNELOFFER, {}},
		{VMBUS_REQUESTOFFERS,
			{NOTHING, VMBUS_OFFERCHANNEL, VMBUS_ALLOFFERS_DELIVERED, NOTHING}},
		{VMBUS_ALLOFFERS_DELIVERED, {}},
		{VMBUS_OPENCHANNEL,
			{NOTHING, VMBUS_OPENCHANNEL_RESULT, VMBUS_OPENCHANNEL_RESULT, NOTHING}},
		{VMBUS_OPENCHANNEL_RESULT, {}},
		{VMBUS_CLOSECHANNEL, {}},
		{VMBUS_GPADL_HEADER, {NOTHING, VMBUS_GPADL_CREATED, VMBUS_GPADL_CREATED, NOTHING}},
		{VMBUS_GPADL_BODY, {}},
		{VMBUS_GPADL_CREATED, {}},
		{VMBUS_GPADL_TEARDOWN,
			{NOTHING, VMBUS_GPADL_TORNDOWN, VMBUS_GPADL_TORNDOWN, NOTHING}},
		{VMBUS_GPADL_TORNDOWN, {}},
		{VMBUS_RELID_RELEASED, {}},
		{VMBUS_INITIATE_CONTACT, {VMBUS_VERSION_RESPONSE, VMBUS_VERSION_RESPONSE,
						 VMBUS_VERSION_RESPONSE, NOTHING}},
		{VMBUS_VERSION_RESPONSE, {}},
		{VMBUS_UNLOAD, {VMBUS_UNLOAD_RESPONSE, VMBUS_UNLOAD_RESPONSE, VMBUS_UNLOAD_RESPONSE,
				       NOTHING}},
		{VMBUS_UNLOAD_RESPONSE, {}},
		{18, {}},
		{19, {}},
		{20, {}},
		{VMBUS_TL_CONNECT_REQUEST,
			{NOTHING, VMBUS_TL_CONNECT_RESULT, VMBUS_TL_CONNECT_RESULT, NOTHING}},
		{VMBUS_MODIFYCHANNEL, {NOTHING, VMBUS_MODIFYCHANNEL_RESPONSE,
					      VMBUS_MODIFYCHANNEL_RESPONSE, NOTHING}},
		{VMBUS_TL_CONNECT_RESULT, {}},
		{VMBUS_MODIFYCHANNEL_RESPONSE, {}},
		{25, {}},
		{26, {}},
		{27, {}},
		{UINT32_MAX, {}},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned state = 0; state < N_STATES; state++) {
			uint8_t m[VMBUS_MESSAGE_MAX] = {};

			teardown(NULL);
			setup(NULL);
			enter_state(state);
			memcpy(m, &table[i].type, 4);
			post(m, sizeof(m));
			if (table[i].expected[state] != NOTHING)
				take(table[i].expected[state]);
			else
				take_nothing();
		}
	}
}

static void each_message_cut_short_is_refused(void **)
{
	static const struct {
		uint32_t type, least;
	} table[] = {
		{VMBUS_REQUESTOFFERS, 8},
		{VMBUS_OPENCHANNEL, 148},
		{VMBUS_CLOSECHANNEL, 12},
		{VMBUS_GPADL_HEADER, 28},
		{VMBUS_GPADL_BODY, 24},
		{VMBUS_GPADL_TEARDOWN, 16},
		{VMBUS_RELID_RELEASED, 12},
		{VMBUS_INITIATE_CONTACT, 40},
		{VMBUS_UNLOAD, 8},
		{VMBUS_TL_CONNECT_REQUEST, 40},
		{VMBUS_MODIFYCHANNEL, 16},
	};
	uint8_t m[VMBUS_MESSAGE_MAX] = {};
	uint64_t before;

	meet(VMBUS_VERSION_5_3);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memcpy(m, &table[i].type, 4);
		for (uint32_t len = 0; len < table[i].least; len++) {
			before = n_refused();
			post(m, len);
			take_nothing();
			assert_int_equal(n_refused(), before + 1);
		}
	}
	assert_string_equal(news(), "");
}

static void unknown_types_are_counted(void **)
{
	uint8_t m[VMBUS_MESSAGE_MAX];

	meet(VMBUS_VERSION_5_3);
	for (uint32_t type = 25; type < 300; type++) {
		uint64_t before = n_refused();

		memset(m, 0xff, sizeof(m));
		memcpy(m, &type, 4);
		post(m, sizeof(m));
		assert_int_equal(n_refused(), before + 1);
	}
	take_nothing();
}

// Trap 18.
static void no_type_that_5_3_does_not_know_is_sent(void **)
{
	uint32_t primary, sub, type;

	meet_with_subchannel(&primary, &sub);
	post_modify(primary, 0);
	vmbus_rescind(nic);
	post_plain(VMBUS_UNLOAD);
	for (unsigned i = 0; i < n_sent; i++) {
		memcpy(&type, sent[i].data, 4);
		assert_in_range(type, 1, 24);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(version_spoken_is_accepted_exactly),
		T(step_down_ends_at_a_version_we_speak),
		T(replies_go_to_the_vp_of_the_contact),
		T(both_message_ports_are_live_and_no_other),
		T(message_longer_than_any_is_invalid),
		T(offer_is_as_guests_check_it),
		T(device_that_comes_later_is_offered_at_once),
		T(same_instance_is_not_offered_twice),
		T(contact_in_use_resets_first_and_then_answers),
		T(contact_while_resetting_gets_the_answer),
		T(unload_answers_when_nothing_is_touched_any_more),
		T(reset_is_an_unload_without_answer),
		T(reset_while_opening_answers_no_open),
		T(hibernated_guest_finds_the_same_instance),
		T(socket_connection_is_refused_with_an_answer),
		T(full_slots_lose_no_answer_and_hold_the_guest_back),
		T(contact_drops_what_the_guest_before_did_not_read),
		T(each_message_in_each_state),
		T(each_message_cut_short_is_refused),
		T(unknown_types_are_counted),
		T(no_type_that_5_3_does_not_know_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
