/* SPDX-License-Identifier: BSD-3-Clause */
// Rules of the synthetic interrupt controller: pages and messages.
#include "hv_synic_fixture.h"

// ---- pages

static void trap_4_pages_are_zeroed_when_turned_on(void **)
{
	memset(at(0), 0xee, PAGES * GUEST_PAGE_SIZE);
	enable(0);
	assert_int_equal(bytes_set(SIMP(0)), 0);
	assert_int_equal(bytes_set(SIEFP(0)), 0);
	assert_int_equal(bytes_set(SIMP(1)), GUEST_PAGE_SIZE);
	assert_int_equal(bytes_set(0), GUEST_PAGE_SIZE);
	// Stale bytes are no message in the slot.
	assert_int_equal(post(0, 7), 0);
	assert_false(take(SIMP(0), 7));
}

static void pages_are_zeroed_once(void **)
{
	enable(0);
	assert_int_equal(post(0, 7), 0);
	*at(SIEFP(0) + SLOT) = 0x80;
	// The same again, and with other bits that mean nothing.
	hv_synic_msr(synic, 0, ON, SIEFP(0) | ON, SIMP(0) | ON | 0xffe);
	hv_synic_msr(synic, 0, 0, SIEFP(0) | ON, SIMP(0) | ON);
	assert_int_equal(*at(SIEFP(0) + SLOT), 0x80);
	assert_false(take(SIMP(0), 7));
	// Turned off and on.
	hv_synic_msr(synic, 0, ON, SIEFP(0), SIMP(0) | ON);
	hv_synic_msr(synic, 0, ON, SIEFP(0) | ON, SIMP(0) | ON);
	assert_int_equal(*at(SIEFP(0) + SLOT), 0);
}

static void only_memory_is_a_page(void **)
{
	static const uint64_t bad[] = {PAGES * (uint64_t)GUEST_PAGE_SIZE, 0xfee00000, 1ull << 40,
		1ull << 52, ~(uint64_t)0xfff};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hv_synic_msr(synic, 0, ON, bad[i] | ON, bad[i] | ON);
		assert_int_equal(post(0, i), 0); // held
	}
	assert_int_equal(injected[0], 0);
	enable(0);
	assert_int_equal(take(SIMP(0), 0), true);
}

static void first_page_of_memory_is_one_too(void **)
{
	hv_synic_msr(synic, 0, ON, 0 | ON, SIMP(0) | ON);
	hv_synic_msr(synic, 1, ON, SIEFP(1) | ON, 0 | ON);
	assert_int_equal(post(1, 5), 0);
	assert_false(take(0, 5));
}

static void one_page_for_both_harms_only_its_guest(void **)
{
	struct vmbus_event_place place = {.flag = 1};

	enable(1);
	hv_synic_msr(synic, 0, ON, SPARE | ON, SPARE | ON);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
	for (unsigned i = 0; i < 2 * HV_SYNIC_QUEUE; i++) {
		post(0, i);
		hv_synic_slot_freed(synic, 0);
	}
	assert_int_equal(post(1, 3), 0);
	assert_false(take(SIMP(1), 3));
}

static void pages_of_several_processors_may_be_one(void **)
{
	hv_synic_msr(synic, 0, ON, SPARE | ON, SIMP(0) | ON);
	hv_synic_msr(synic, 1, ON, SPARE | ON, SIMP(0) | ON);
	assert_int_equal(post(0, 1), 0);
	assert_int_equal(post(1, 2), 0); // waits for the other's
	assert_true(take(SIMP(0), 1));
	hv_synic_slot_freed(synic, 1);
	assert_false(take(SIMP(0), 2));
}

static void processors_that_do_not_exist_are_passed_over(void **)
{
	hv_synic_msr(synic, N_VPS, ON, SIEFP(0) | ON, SIMP(0) | ON);
	hv_synic_msr(synic, UINT32_MAX, ON, SIEFP(0) | ON, SIMP(0) | ON);
	hv_synic_slot_freed(synic, N_VPS);
	assert_int_equal(post(N_VPS, 1), -ENODEV);
}

// ---- messages

static void message_is_laid_out_as_linux_reads_it(void **)
{
	uint8_t msg[240];

	for (unsigned i = 0; i < sizeof(msg); i++)
		msg[i] = i + 1;
	enable(0);
	assert_int_equal(hv_synic_ops.post_message(synic, 0, msg, sizeof(msg)), 0);
	assert_int_equal(slot_word(SIMP(0), 0), 1);
	assert_int_equal(slot_word(SIMP(0), 4), 240); // size, no flags, reserved
	assert_int_equal(slot_word(SIMP(0), 8) | slot_word(SIMP(0), 12), 0);
	assert_memory_equal(at(SIMP(0) + SLOT + 16), msg, sizeof(msg));
	assert_int_equal(injected[0], 1);
	assert_int_equal(injected[1], 0);
	assert_int_equal(hv_synic_ops.post_message(synic, 0, msg, 241), -EINVAL);
}

static void messages_wait_until_there_is_a_slot(void **)
{
	assert_int_equal(post(0, 7), 0);
	hv_synic_msr(synic, 0, 0, 0, SIMP(0) | ON);
	assert_true(is_free(SIMP(0)));
	hv_synic_msr(synic, 0, ON, 0, SIMP(0)); // not on
	assert_true(is_free(SIMP(0)));
	assert_int_equal(injected[0], 0);
	hv_synic_msr(synic, 0, ON, 0, SIMP(0) | ON);
	assert_int_equal(injected[0], 1);
	assert_false(take(SIMP(0), 7));
	assert_int_equal(n_watch_calls, 0);
}

static void busy_slot_is_told_by_the_pending_flag(void **)
{
	enable(0);
	assert_int_equal(post(0, 1), 0);
	assert_int_equal(*at(SIMP(0) + SLOT + 5), 0);
	assert_false(watched[0]);
	assert_int_equal(post(0, 2), 0);
	assert_int_equal(*at(SIMP(0) + SLOT + 5), PENDING);
	assert_true(watched[0]);
	assert_int_equal(post(0, 3), 0);
	assert_int_equal(injected[0], 1);
	assert_true(take(SIMP(0), 1));
	hv_synic_slot_freed(synic, 0);
	assert_int_equal(injected[0], 2);
	assert_true(watched[0]);
	assert_true(take(SIMP(0), 2)); // more are queued: said at once
	hv_synic_slot_freed(synic, 0);
	assert_false(take(SIMP(0), 3));
	assert_false(watched[0]);
	assert_int_equal(n_watch_calls, 2);
}

static void slot_freed_before_the_watch_is_seen(void **)
{
	enable(0);
	frees_at_watch = true;
	assert_int_equal(post(0, 1), 0);
	assert_int_equal(post(0, 2), 0);
	assert_int_equal(injected[0], 2);
	assert_false(watched[0]);
	assert_false(take(SIMP(0), 2));
}

static void freed_slot_needs_no_end_of_message(void **)
{
	enable(0);
	assert_int_equal(post(0, 1), 0);
	assert_false(take(SIMP(0), 1));
	assert_int_equal(post(0, 2), 0);
	assert_false(take(SIMP(0), 2));
	assert_int_equal(n_watch_calls, 0);
}

static void messages_stay_in_order_through_a_full_queue(void **)
{
	uint32_t next = 0, sent = 0;

	enable(0);
	while (post(0, sent) == 0)
		sent++;
	assert_int_equal(sent, HV_SYNIC_QUEUE + 1); // one is in the slot
	assert_int_equal(n_room, 0);
	for (unsigned i = 0; i < 1000; i++) {
		take(SIMP(0), next++);
		hv_synic_slot_freed(synic, 0);
		assert_int_equal(n_room, i + 1);
		assert_int_equal(post(0, sent++), 0);
		assert_int_equal(post(0, 0), -EAGAIN);
	}
	while (next < sent) {
		take(SIMP(0), next++);
		hv_synic_slot_freed(synic, 0);
	}
	assert_true(is_free(SIMP(0)));
	assert_int_equal(n_room, 1001);
}

static void full_queue_looks_at_the_slot_once_more(void **)
{
	enable(0);
	for (uint32_t i = 0; i <= HV_SYNIC_QUEUE; i++)
		assert_int_equal(post(0, i), 0);
	take(SIMP(0), 0); // and the end of it has not got through yet
	assert_int_equal(post(0, 99), 0);
}

static void processors_have_queues_of_their_own(void **)
{
	enable(0);
	enable(1);
	while (post(0, 1) == 0)
		;
	assert_int_equal(post(1, 2), 0);
	assert_int_equal(injected[1], 1);
	assert_false(take(SIMP(1), 2));
}

static void what_waits_is_forgotten_when_turned_off(void **)
{
	enable(0);
	while (post(0, 1) == 0)
		;
	hv_synic_msr(synic, 0, ON, SIEFP(0) | ON, SIMP(0));
	assert_false(watched[0]);
	assert_int_equal(n_room, 1);
	enable(0);
	assert_true(is_free(SIMP(0)));
	assert_int_equal(post(0, 2), 0);
	hv_synic_msr(synic, 0, 0, SIEFP(0) | ON, SIMP(0) | ON);
	assert_int_equal(post(0, 3), 0);
	enable(0); // the page has been on all along
	assert_true(take(SIMP(0), 2) || is_free(SIMP(0)));
	hv_synic_slot_freed(synic, 0);
	assert_false(take(SIMP(0), 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(trap_4_pages_are_zeroed_when_turned_on),
		rule(pages_are_zeroed_once),
		rule(only_memory_is_a_page),
		rule(first_page_of_memory_is_one_too),
		rule(one_page_for_both_harms_only_its_guest),
		rule(pages_of_several_processors_may_be_one),
		rule(processors_that_do_not_exist_are_passed_over),
		rule(message_is_laid_out_as_linux_reads_it),
		rule(messages_wait_until_there_is_a_slot),
		rule(busy_slot_is_told_by_the_pending_flag),
		rule(slot_freed_before_the_watch_is_seen),
		rule(freed_slot_needs_no_end_of_message),
		rule(messages_stay_in_order_through_a_full_queue),
		rule(full_queue_looks_at_the_slot_once_more),
		rule(processors_have_queues_of_their_own),
		rule(what_waits_is_forgotten_when_turned_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
