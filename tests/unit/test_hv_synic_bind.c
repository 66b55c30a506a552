/* SPDX-License-Identifier: BSD-3-Clause */
// Rules of the synthetic interrupt controller: places of event flags, bindings.
#include "hv_synic_fixture.h"

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

// What it replaces goes on: the guest hears that nothing has changed.
static void refused_move_leaves_the_interrupt_where_it_was(void **)
{
	struct vmbus_event_place place = {.flag = 77}, other = {.flag = 78};

	enable(0);
	enable(1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, 5, &place), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 6, &other), 0);
	injected[0] = 0;
	memset(at(SIEFP(0)), 0, GUEST_PAGE_SIZE);
	refuse_binds = 1;
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), -ENOMEM);
	assert_int_equal(n_bound(0, 5), 1);
	assert_int_equal(n_bound(1, 5), 0);
	assert_int_equal(place.target_vp, 0);
	assert_int_equal(place.enabled, 1);
	assert_true(place.gpa == SIEFP(0));
	// What was not sent meanwhile is made good.
	assert_true(flag_is_set(SIEFP(0), 77));
	assert_int_equal(injected[0], 1);
	// Another descriptor that is refused does not take the place either.
	refuse_binds = 1;
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 7, &place), -ENOMEM);
	assert_int_equal(n_bound(0, 5), 1);
	assert_int_equal(n_bound(1, 7), 0);
	assert_int_equal(n_bound(1, 6), 1);
	// The host that takes neither is left with what it has.
	refuse_binds = 2;
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), -ENOMEM);
	assert_int_equal(n_bound(0, 5) + n_bound(1, 5), 0);
	assert_int_equal(place.enabled, 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 1, 5, &place), 0);
	assert_int_equal(n_bound(1, 5), 1);
	assert_int_equal(place.target_vp, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(place_follows_the_register),
		rule(each_change_sets_the_flag_and_interrupts_once),
		rule(flags_of_nothing_are_not_set),
		rule(interrupt_moves_and_is_bound_once),
		rule(connection_is_replaced_and_unbound),
		rule(what_the_host_refuses_is_not_bound),
		rule(refused_move_leaves_the_interrupt_where_it_was),
		rule(reset_turns_all_off_and_keeps_bindings),
		rule(rebinding_says_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
