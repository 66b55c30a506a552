/* SPDX-License-Identifier: BSD-3-Clause */
// Interrupting a guest: its event flag first, the eventfd only if that was clear.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/eventfd.h>

#include <hypervisor/vmbus/channel.h>

#include "vmbus_memory.h"

#define SIEFP (3 * GUEST_PAGE_SIZE)
#define FLAGS 512 // of SINT 2, in that page

static struct guest_mem mem;
static struct vmbus_event_place place;
static struct vmbus_channel channel;

static int setup(void **)
{
	make_memory(&mem, 8);
	memset(&place, 0, sizeof(place));
	place.enabled = 1;
	place.gpa = SIEFP;
	place.flag = 77;
	channel = (struct vmbus_channel){
		.mem = &mem,
		.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.place = &place,
		.signal = vmbus_channel_interrupt,
	};
	return 0;
}

static int teardown(void **)
{
	close(channel.call_fd);
	guest_mem_clear(&mem);
	return 0;
}

static uint8_t *flag_byte(uint32_t flag)
{
	return guest_mem_at(&mem, SIEFP + FLAGS + flag / 8, 1);
}

// How often the eventfd was written.
static uint64_t calls(void)
{
	uint64_t n = 0;

	return read(channel.call_fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static uint32_t bytes_set(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 8 * GUEST_PAGE_SIZE; i++)
		n += *guest_mem_at(&mem, i, 1) != 0;
	return n;
}

static void flag_is_bit_of_sint_2(void **)
{
	static const uint32_t flags[] = {1, 7, 8, 31, 32, 63, 64, 77, 1000, 2047};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		place.flag = flags[i];
		channel.signal(&channel);
		assert_int_equal(*flag_byte(flags[i]), 1 << flags[i] % 8);
		assert_int_equal(bytes_set(), 1);
		assert_int_equal(calls(), 1);
		*flag_byte(flags[i]) = 0;
	}
	assert_int_equal(channel.n_signals, sizeof(flags) / sizeof(*flags));
	assert_int_equal(channel.n_spared, 0);
}

static void flag_set_already_spares_the_interrupt(void **)
{
	channel.signal(&channel);
	channel.signal(&channel);
	channel.signal(&channel);
	assert_int_equal(calls(), 1);
	assert_int_equal(channel.n_signals, 1);
	assert_int_equal(channel.n_spared, 2);
	*flag_byte(77) = 0; // the guest has looked
	channel.signal(&channel);
	assert_int_equal(calls(), 1);
	assert_int_equal(channel.n_signals, 2);
}

static void other_flags_are_left_alone(void **)
{
	*flag_byte(77) = 0xdf; // all but 77's
	channel.signal(&channel);
	assert_int_equal(*flag_byte(77), 0xff);
	assert_int_equal(calls(), 1);
}

static void disabled_place_does_nothing(void **)
{
	place.enabled = 0;
	channel.signal(&channel);
	assert_int_equal(calls(), 0);
	assert_int_equal(bytes_set(), 0);
	assert_int_equal(channel.n_signals + channel.n_spared, 0);
}

static void no_place_signals_by_the_eventfd_alone(void **)
{
	channel.place = NULL;
	channel.signal(&channel);
	channel.signal(&channel);
	assert_int_equal(calls(), 2);
	assert_int_equal(bytes_set(), 0);
	assert_int_equal(channel.n_signals, 2);
}

static void bad_place_touches_nothing(void **)
{
	static const struct {
		uint64_t gpa;
		uint32_t flag;
	} bad[] = {
		{SIEFP, 0},
		{SIEFP, 2048},
		{SIEFP, UINT32_MAX},
		{SIEFP + 8, 77},
		{8 * GUEST_PAGE_SIZE, 77},
		{UINT64_MAX - 4095, 77},
		{UINT64_MAX, 77},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		place.gpa = bad[i].gpa;
		place.flag = bad[i].flag;
		channel.signal(&channel);
		assert_int_equal(calls(), 0);
		assert_int_equal(bytes_set(), 0);
	}
	assert_int_equal(channel.n_signals, 0);
}

static void place_being_written_for_ever_does_not_stop_us(void **)
{
	place.seq = 1;
	channel.signal(&channel);
	assert_int_equal(calls(), 0);
	assert_int_equal(bytes_set(), 0);
	place.seq = 2;
	channel.signal(&channel);
	assert_int_equal(calls(), 1);
}

static void full_eventfd_does_not_block(void **)
{
	uint64_t most = UINT64_MAX - 1;

	assert_int_equal(write(channel.call_fd, &most, sizeof(most)), sizeof(most));
	channel.signal(&channel);
	assert_int_equal(calls(), UINT64_MAX - 1);
	assert_int_equal(channel.n_signals, 1);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(flag_is_bit_of_sint_2),
		rule(flag_set_already_spares_the_interrupt),
		rule(other_flags_are_left_alone),
		rule(disabled_place_does_nothing),
		rule(no_place_signals_by_the_eventfd_alone),
		rule(bad_place_touches_nothing),
		rule(place_being_written_for_ever_does_not_stop_us),
		rule(full_eventfd_does_not_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
