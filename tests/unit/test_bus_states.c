/* SPDX-License-Identifier: BSD-3-Clause */
// Each message about a channel, in each state of the channel: the answer, and what the device is
// asked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus_fixture.h"

enum { OFFERED, OPENING, OPEN, CLOSING, RESCINDED_CLOSED, RESCINDED_OPEN, N_STATES };

// What the guest hears: at most one message, and whether it says that all is well.
enum answer { SILENCE, GOOD, BAD, OPEN_BAD };

static const struct {
	uint32_t type;
	struct {
		enum answer answer;
		const char *asked;
	} in[N_STATES];
} table[] = {
	{VMBUS_OPENCHANNEL,
		{
			[OFFERED] = {SILENCE, "open0"}, // the answer is the device's
			[OPENING] = {BAD, ""},
			[OPEN] = {BAD, ""},
			[CLOSING] = {SILENCE, ""}, // waits for the close
			[RESCINDED_CLOSED] = {SILENCE, ""},
			[RESCINDED_OPEN] = {SILENCE, ""},
		}},
	{VMBUS_CLOSECHANNEL,
		{
			[OFFERED] = {SILENCE, ""},
			[OPENING] = {OPEN_BAD, "close0"},
			[OPEN] = {SILENCE, "close0"},
			[CLOSING] = {SILENCE, ""},
			[RESCINDED_CLOSED] = {SILENCE, ""},
			[RESCINDED_OPEN] = {SILENCE, "close0"},
		}},
	{VMBUS_MODIFYCHANNEL,
		{
			[OFFERED] = {BAD, ""},
			[OPENING] = {BAD, ""},
			[OPEN] = {SILENCE, "modify3"},
			[CLOSING] = {BAD, ""},
			[RESCINDED_CLOSED] = {BAD, ""},
			[RESCINDED_OPEN] = {SILENCE, "modify3"},
		}},
	{VMBUS_GPADL_HEADER,
		{
			[OFFERED] = {GOOD, "list5"},
			[OPENING] = {GOOD, "list5"},
			[OPEN] = {GOOD, "list5"},
			[CLOSING] = {GOOD, "list5"},
			[RESCINDED_CLOSED] = {GOOD, ""},
			[RESCINDED_OPEN] = {GOOD, ""},
		}},
	{VMBUS_GPADL_TEARDOWN,
		{
			[OFFERED] = {SILENCE, "forget16"},
			[OPENING] = {OPEN_BAD, "close0"},
			[OPEN] = {SILENCE, "close0"},
			[CLOSING] = {SILENCE, ""},
			[RESCINDED_CLOSED] = {SILENCE, "forget16"},
			[RESCINDED_OPEN] = {SILENCE, "close0"},
		}},
	{VMBUS_RELID_RELEASED,
		{
			[OFFERED] = {SILENCE, ""},
			[OPENING] = {SILENCE, ""},
			[OPEN] = {SILENCE, ""},
			[CLOSING] = {SILENCE, ""},
			[RESCINDED_CLOSED] = {SILENCE, "forget16"},
			[RESCINDED_OPEN] = {SILENCE, "close0"},
		}},
};

static uint32_t enter(unsigned state)
{
	uint32_t relid = meet(VMBUS_VERSION_5_3);

	make_list(relid, RING_GPADL, 8, 8);
	hold_answers = true;
	if (state != OFFERED && state != RESCINDED_CLOSED)
		post_open(relid, RING_GPADL);
	if (state == OPEN || state == CLOSING || state == RESCINDED_OPEN) {
		vmbus_open_done(nic, 0, 0);
		assert_int_equal(take_open_result(relid), 0);
	}
	if (state == CLOSING)
		post_relid(VMBUS_CLOSECHANNEL, relid);
	if (state == RESCINDED_CLOSED || state == RESCINDED_OPEN) {
		vmbus_rescind(nic);
		take_rescind(relid);
	}
	take_nothing();
	news();
	return relid;
}

static void post_type(uint32_t type, uint32_t relid)
{
	switch (type) {
	case VMBUS_OPENCHANNEL: post_open(relid, RING_GPADL); break;
	case VMBUS_MODIFYCHANNEL: post_modify(relid, 3); break;
	case VMBUS_GPADL_HEADER: post_gpadl(relid, 5, 0, 4); break;
	case VMBUS_GPADL_TEARDOWN: post_teardown(relid, RING_GPADL); break;
	default: post_relid(type, relid);
	}
}

static void take_answer(uint32_t type, uint32_t relid, enum answer answer)
{
	uint32_t status = 0;

	if (answer != SILENCE) {
		if (answer == OPEN_BAD || type == VMBUS_OPENCHANNEL)
			status = take_open_result(relid);
		else if (type == VMBUS_MODIFYCHANNEL)
			status = take_modified(relid);
		else
			status = take_created(relid, 5);
		assert_int_equal(status == 0, answer == GOOD);
	}
	take_nothing();
}

// The device answers all, whatever it was asked, and the guest starts anew.
static void recover(void)
{
	post_plain(VMBUS_UNLOAD);
	for (int i = 0; i < 3 && nic != NULL; i++) {
		vmbus_close_done(nic, 0);
		if (nic != NULL)
			vmbus_gpadl_torndown_done(nic, RING_GPADL);
		if (nic != NULL)
			vmbus_gpadl_torndown_done(nic, 5);
	}
	assert_true(n_sent > n_read);
	n_read = n_sent - 1;
	take(VMBUS_UNLOAD_RESPONSE);
}

static void each_message_in_each_state_of_a_channel(void **)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned state = 0; state < N_STATES; state++) {
			uint32_t relid;

			setup(NULL);
			relid = enter(state);
			post_type(table[i].type, relid);
			take_answer(table[i].type, relid, table[i].in[state].answer);
			assert_string_equal(news(), table[i].in[state].asked);
			recover();
			teardown(NULL);
		}
	}
}

// No pair of messages, in any state, leaves a guest without its NIC after a reset.
static void each_pair_of_messages_is_recovered_from(void **)
{
	const size_t n = sizeof(table) / sizeof(table[0]);

	for (unsigned at = 0; at < N_STATES * n * n; at++) {
		uint32_t relid;

		setup(NULL);
		relid = enter(at % N_STATES);
		post_type(table[at / N_STATES % n].type, relid);
		post_type(table[at / N_STATES / n].type, relid);
		recover();
		hold_answers = false;
		if (nic != NULL)
			open_with(meet(VMBUS_VERSION_5_3), RING_GPADL);
		teardown(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_in_each_state_of_a_channel),
		cmocka_unit_test(each_pair_of_messages_is_recovered_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
