/* SPDX-License-Identifier: BSD-3-Clause */
// A SINT that is masked for a while: what is raised meanwhile is lost, as KVM loses it, and what is
// in the pages is raised again.
#include <sys/eventfd.h>

#include <hypervisor/vmbus/channel.h>

#include "hv_synic_fixture.h"

#define RELID 77u

// What was raised before is lost, as the SINT was masked: how many the unmasking raises.
static unsigned raised(uint32_t vp)
{
	memset(injected, 0, sizeof(injected));
	hv_synic_unmasked(synic, vp);
	return injected[vp];
}

static void nothing_there_raises_nothing(void **)
{
	enable(0);
	assert_int_equal(raised(0), 0);
}

static void event_flag_is_raised_once(void **)
{
	enable(0);
	enable(1);
	*at(SIEFP(0) + SLOT + 255) = 0x80;
	assert_int_equal(raised(1), 0);
	assert_int_equal(raised(0), 1);
	assert_int_equal(injected[1], 0);
	*at(SIEFP(0) + SLOT + 255) = 0; // taken
	assert_int_equal(raised(0), 0);
}

static void message_is_raised_once(void **)
{
	enable(0);
	assert_int_equal(post(0, 7), 0);
	assert_int_equal(raised(0), 1);
	assert_false(take(SIMP(0), 7));
	assert_int_equal(raised(0), 0);
}

// Whoever finds the flag set raises nothing: without the one at the unmasking none would ever come.
static void channel_goes_on(void **)
{
	struct vmbus_event_place place = {.flag = RELID};
	struct vmbus_channel channel = {.mem = &mem, .place = &place};

	channel.call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enable(0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, channel.call_fd, &place), 0);
	memset(at(SIEFP(0) + SLOT), 0, HV_SYNIC_FLAGS_SIZE);
	vmbus_channel_interrupt(&channel);
	assert_int_equal(channel.n_signals, 1); // and is lost
	vmbus_channel_interrupt(&channel);
	assert_int_equal(channel.n_spared, 1);
	assert_int_equal(raised(0), 1);
	close(channel.call_fd);
}

static void other_sints_do_not_count(void **)
{
	enable(0);
	memset(at(SIEFP(0)), 0xee, SLOT);
	memset(at(SIEFP(0) + SLOT + 256), 0xee, GUEST_PAGE_SIZE - SLOT - 256);
	memset(at(SIMP(0)), 0xee, SLOT);
	assert_int_equal(raised(0), 0);
}

static void what_is_off_raises_nothing(void **)
{
	memset(at(0), 0xee, PAGES * GUEST_PAGE_SIZE);
	assert_int_equal(raised(0), 0);
	hv_synic_unmasked(synic, N_VPS);
	assert_int_equal(injected[0], 0);
}

// In either order: the SINT unmasked, and the controller turned on over what its pages hold.
static void turning_it_on_raises_what_is_there(void **)
{
	enable(0);
	assert_int_equal(post(0, 7), 0);
	hv_synic_msr(synic, 0, 0, SIEFP(0) | ON, SIMP(0) | ON);
	assert_int_equal(raised(0), 0);
	hv_synic_msr(synic, 0, ON, SIEFP(0) | ON, SIMP(0) | ON);
	assert_int_equal(injected[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(nothing_there_raises_nothing),
		rule(event_flag_is_raised_once),
		rule(message_is_raised_once),
		rule(channel_goes_on),
		rule(other_sints_do_not_count),
		rule(what_is_off_raises_nothing),
		rule(turning_it_on_raises_what_is_there),
	};

	return cmocka_run_group_tests_name("hv_synic_sint", tests, NULL, NULL);
}
