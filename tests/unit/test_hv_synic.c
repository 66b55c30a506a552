/* SPDX-License-Identifier: BSD-3-Clause */
// Rules of the synthetic interrupt controller: pages, messages, places of event flags, bindings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <hypervisor/hyperv/synic.h>

#include "vmbus_memory.h"

#define N_VPS 2u
#define PAGES 16u
#define ON    1ull

#define SIMP(vp)  ((1 + 2ull * (vp)) * GUEST_PAGE_SIZE)
#define SIEFP(vp) ((2 + 2ull * (vp)) * GUEST_PAGE_SIZE)
#define SPARE     (8ull * GUEST_PAGE_SIZE)
#define SLOT      512u // of SINT 2, in either page

#define PENDING 1

static struct guest_mem mem;
static struct hv_synic *synic;

// What the host was asked for.
static unsigned injected[N_VPS], n_room, n_watch_calls;
static bool watched[N_VPS], frees_at_watch, refuse_bind;
static struct {
	uint32_t key;
	int fd;
} connections[8], interrupts[8];

static uint8_t *at(uint64_t gpa)
{
	return guest_mem_at(&mem, gpa, 1);
}

static void inject(void *arg, uint32_t vp)
{
	assert_ptr_equal(arg, &mem);
	injected[vp]++;
}

static void watch_slot(void *, uint32_t vp, bool on)
{
	assert_int_not_equal(watched[vp], on);
	watched[vp] = on;
	n_watch_calls++;
	// The guest ended its message just before the watch was on, and said so to nobody.
	if (on && frees_at_watch)
		memset(at(SIMP(vp) + SLOT), 0, 4);
}

static int bind_connection(void *, uint32_t id, int fd)
{
	for (unsigned i = 0; i < 8; i++) {
		if (fd < 0 && connections[i].key == id) {
			connections[i].key = 0;
			return 0;
		}
		assert_int_not_equal(connections[i].key, id); // KVM refuses a second one
	}
	for (unsigned i = 0; i < 8 && !refuse_bind; i++)
		if (connections[i].key == 0) {
			connections[i].key = id;
			connections[i].fd = fd;
			return 0;
		}
	return -EIO;
}

static int bind_interrupt(void *, uint32_t vp, int fd, bool on)
{
	for (unsigned i = 0; i < 8; i++)
		if (!on && interrupts[i].key == vp + 1 && interrupts[i].fd == fd) {
			interrupts[i].key = 0;
			return 0;
		}
	assert_true(on);
	for (unsigned i = 0; i < 8 && !refuse_bind; i++)
		if (interrupts[i].key == 0) {
			interrupts[i].key = vp + 1;
			interrupts[i].fd = fd;
			return 0;
		}
	return -EIO;
}

static void room(void *)
{
	n_room++;
}

static const struct hv_synic_host host = {
	.inject = inject,
	.watch_slot = watch_slot,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
	.room = room,
};

static int setup(void **)
{
	make_memory(&mem, PAGES);
	memset(injected, 0, sizeof(injected));
	memset(watched, 0, sizeof(watched));
	memset(connections, 0, sizeof(connections));
	memset(interrupts, 0, sizeof(interrupts));
	n_room = n_watch_calls = 0;
	frees_at_watch = refuse_bind = false;
	synic = hv_synic_create(&mem, N_VPS, &host, &mem);
	return synic == NULL ? -1 : 0;
}

static int teardown(void **)
{
	hv_synic_destroy(synic);
	guest_mem_clear(&mem);
	return 0;
}

static void enable(uint32_t vp)
{
	hv_synic_msr(synic, vp, ON, SIEFP(vp) | ON, SIMP(vp) | ON);
	injected[vp] = 0;
}

static int post(uint32_t vp, uint32_t value)
{
	return hv_synic_ops.post_message(synic, vp, &value, sizeof(value));
}

static uint32_t slot_word(uint64_t simp, unsigned offset)
{
	uint32_t value;

	memcpy(&value, at(simp + SLOT + offset), sizeof(value));
	return value;
}

static bool is_free(uint64_t simp)
{
	return slot_word(simp, 0) == 0;
}

// The guest takes the message at `simp`, which must be there. True: it has to write EOM.
static bool take(uint64_t simp, uint32_t value)
{
	assert_int_equal(slot_word(simp, 0), 1); // the bus's type
	assert_int_equal(*at(simp + SLOT + 4), sizeof(uint32_t));
	assert_int_equal(slot_word(simp, 16), value);
	memset(at(simp + SLOT), 0, 4);
	return (*at(simp + SLOT + 5) & PENDING) != 0;
}

static unsigned bytes_set(uint64_t gpa)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUEST_PAGE_SIZE; i++)
		n += *at(gpa + i) != 0;
	return n;
}

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

// ---- places of event flags

static bool flag_is_set(uint64_t siefp, uint32_t flag)
{
	return (*at(siefp + SLOT + flag / 8) >> flag % 8 & 1) != 0;
}

static void place_follows_the_register(void **)
{
	struct vmbus_event_place place = {.flag = 2047};

	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), 0);
	assert_int_equal(place.enabled, 0);
	assert_int_equal(place.target_vp, 1);
	hv_synic_msr(synic, 1, 0, SIEFP(1) | ON, 0); // SCONTROL is off
	assert_int_equal(place.enabled, 0);
	assert_int_equal(injected[1], 0);
	hv_synic_msr(synic, 1, ON, SIEFP(1) | ON, 0);
	assert_int_equal(place.enabled, 1);
	assert_true(place.gpa == SIEFP(1));
	hv_synic_msr(synic, 1, ON, SPARE | ON, 0);
	assert_true(place.gpa == SPARE);
	hv_synic_msr(synic, 0, 0, 0, 0); // another processor's
	assert_int_equal(place.enabled, 1);
	hv_synic_msr(synic, 1, ON, SPARE, 0);
	assert_int_equal(place.enabled, 0);
	assert_int_equal(place.seq % 2, 0);
	assert_int_equal(place.flag, 2047);
}

static void each_change_sets_the_flag_and_interrupts_once(void **)
{
	struct vmbus_event_place place = {.flag = 77};

	enable(0);
	enable(1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
	assert_true(flag_is_set(SIEFP(0), 77));
	assert_int_equal(injected[0], 1);
	hv_synic_msr(synic, 0, ON, SIEFP(0) | ON, SIMP(0) | ON); // no change
	assert_int_equal(injected[0], 1);
	hv_synic_msr(synic, 0, ON, SPARE | ON, SIMP(0) | ON);
	assert_true(flag_is_set(SPARE, 77));
	assert_int_equal(injected[0], 2);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), 0);
	assert_true(flag_is_set(SIEFP(1), 77));
	assert_int_equal(injected[0], 2);
	assert_int_equal(injected[1], 1);
}

static void flags_of_nothing_are_not_set(void **)
{
	static const uint32_t bad[] = {0, 2048, 32768, UINT32_MAX};

	enable(0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vmbus_event_place place = {.flag = bad[i]};

		assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
		assert_int_equal(bytes_set(SIEFP(0)), 0);
	}
}

// ---- bindings

static unsigned n_bound(uint32_t vp, int fd)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		n += interrupts[i].key == vp + 1 && interrupts[i].fd == fd;
	return n;
}

static int listener(uint32_t id)
{
	for (unsigned i = 0; i < 8; i++)
		if (connections[i].key == id)
			return connections[i].fd;
	return -1;
}

static void interrupt_moves_and_is_bound_once(void **)
{
	struct vmbus_event_place place = {.flag = 1}, other = {.flag = 2};

	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
	assert_int_equal(n_bound(0, 5), 1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), 0);
	assert_int_equal(n_bound(0, 5), 0);
	assert_int_equal(n_bound(1, 5), 1);
	// Another descriptor for the place replaces the old one.
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 6, &place), 0);
	assert_int_equal(n_bound(1, 5), 0);
	assert_int_equal(n_bound(1, 6), 1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 7, &other), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, UINT32_MAX, 6, NULL), 0);
	assert_int_equal(n_bound(1, 6), 0);
	assert_int_equal(n_bound(1, 7), 1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, N_VPS, 5, &place), -ENODEV);
}

static void connection_is_replaced_and_unbound(void **)
{
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, 5), 0);
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2002, 6), 0);
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, 7), 0);
	assert_int_equal(listener(0x2001), 7);
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, -1), 0);
	assert_int_equal(listener(0x2001), -1);
	assert_int_equal(listener(0x2002), 6);
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, -1), 0);
}

static void what_the_host_refuses_is_not_bound(void **)
{
	struct vmbus_event_place place = {.flag = 1};

	enable(0);
	refuse_bind = true;
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, 5), -EIO);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), -EIO);
	assert_int_equal(place.enabled, 0);
	refuse_bind = false;
	assert_int_equal(hv_synic_rebind(synic), 0);
	assert_int_equal(listener(0x2001), -1);
	assert_int_equal(n_bound(0, 5), 0);
}

static void reset_turns_all_off_and_keeps_bindings(void **)
{
	struct vmbus_event_place place = {.flag = 1};

	enable(0);
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, 5), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 6, &place), 0);
	while (post(0, 1) == 0)
		;
	injected[0] = 0;
	hv_synic_reset(synic);
	assert_int_equal(place.enabled, 0);
	assert_false(watched[0]);
	assert_int_equal(injected[0], 0);
	assert_int_equal(n_room, 1);
	// New processors know of no binding.
	memset(connections, 0, sizeof(connections));
	memset(interrupts, 0, sizeof(interrupts));
	assert_int_equal(hv_synic_rebind(synic), 0);
	assert_int_equal(listener(0x2001), 5);
	assert_int_equal(n_bound(0, 6), 1);
	memset(at(SIMP(0)), 0xee, GUEST_PAGE_SIZE);
	enable(0);
	assert_int_equal(place.enabled, 1);
	assert_int_equal(post(0, 2), 0);
	assert_false(take(SIMP(0), 2));
}

static void rebinding_says_what_failed(void **)
{
	assert_int_equal(hv_synic_ops.bind_connection(synic, 0x2001, 5), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 6, NULL), 0);
	memset(connections, 0, sizeof(connections));
	memset(interrupts, 0, sizeof(interrupts));
	refuse_bind = true;
	assert_int_equal(hv_synic_rebind(synic), -EIO);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		rule(place_follows_the_register),
		rule(each_change_sets_the_flag_and_interrupts_once),
		rule(flags_of_nothing_are_not_set),
		rule(interrupt_moves_and_is_bound_once),
		rule(connection_is_replaced_and_unbound),
		rule(what_the_host_refuses_is_not_bound),
		rule(reset_turns_all_off_and_keeps_bindings),
		rule(rebinding_says_what_failed),
	};

	return cmocka_run_group_tests_name("hv_synic", tests, NULL, NULL);
}
