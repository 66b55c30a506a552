/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include <hypervisor/machine/layout.h>
#include <hypervisor/machine/power.h>

#define STATUS  PORT_PM_EVENT
#define ENABLE  (PORT_PM_EVENT + 2)
#define CONTROL PORT_PM_CONTROL
#define BUTTON  0x0100u

struct lines {
	struct power *power;
	bool level;
	unsigned offs, resets;
};

static void on_interrupt(void *arg, bool level)
{
	struct lines *l = arg;

	assert_int_not_equal(level, l->level);
	l->level = level;
}

static void on_off(void *arg)
{
	struct lines *l = arg;

	power_button(l->power); // no lock is held
	l->offs++;
}

static void on_reset(void *arg)
{
	struct lines *l = arg;

	power_reset(l->power);
	l->resets++;
}

static const struct power_ops ops = {on_interrupt, on_off, on_reset};

static uint32_t get(struct lines *l, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	assert_true(power_access(l->power, port, false, (uint8_t *)&value, size));
	return value;
}

static void put(struct lines *l, uint16_t port, uint32_t value, unsigned size)
{
	assert_true(power_access(l->power, port, true, (uint8_t *)&value, size));
}

static int begin(void **state)
{
	static struct lines lines;

	lines = (struct lines){};
	lines.power = power_create(&ops, &lines);
	*state = &lines;
	return lines.power == NULL;
}

static int end(void **state)
{
	struct lines *l = *state;

	power_destroy(l->power);
	return 0;
}

static void the_button_interrupts_until_it_is_answered(void **state)
{
	struct lines *l = *state;

	put(l, ENABLE, BUTTON, 2);
	assert_false(l->level);
	power_button(l->power);
	assert_true(l->level);
	assert_int_equal(get(l, STATUS, 2), BUTTON);
	assert_int_equal(get(l, STATUS, 4), BUTTON << 16 | BUTTON);
	put(l, STATUS, 0, 2); // only ones clear
	assert_true(l->level);
	put(l, STATUS, 0xffff, 2);
	assert_false(l->level);
	assert_int_equal(get(l, STATUS, 2), 0);
	// Answered: it does not come again.
	put(l, ENABLE, 0, 2);
	put(l, ENABLE, BUTTON, 2);
	assert_false(l->level);
}

static void a_press_before_the_guest_listens_is_kept(void **state)
{
	struct lines *l = *state;

	power_button(l->power);
	assert_false(l->level);
	put(l, STATUS, BUTTON, 2);
	assert_int_equal(get(l, STATUS, 2), 0);
	put(l, ENABLE, BUTTON, 2);
	assert_true(l->level);
	put(l, STATUS, BUTTON, 2);
	assert_false(l->level);
	power_button(l->power);
	power_reset(l->power);
	assert_false(l->level);
	put(l, ENABLE, BUTTON, 2);
	assert_false(l->level);
}

static void registers_are_read_and_written_by_the_byte_too(void **state)
{
	struct lines *l = *state;

	put(l, ENABLE + 1, BUTTON >> 8, 1);
	put(l, ENABLE, 0x20, 1);
	assert_int_equal(get(l, ENABLE, 2), BUTTON | 0x20);
	power_button(l->power);
	assert_int_equal(get(l, STATUS + 1, 1), BUTTON >> 8);
	put(l, STATUS + 1, BUTTON >> 8, 1);
	assert_false(l->level);
	put(l, CONTROL, 0, 1);
	put(l, CONTROL + 1, 0x20 | POWER_TYPE_S5 << 2, 1);
	assert_int_equal(l->offs, 1);
}

static void only_the_sleep_of_s5_is_off(void **state)
{
	struct lines *l = *state;

	assert_int_equal(get(l, CONTROL, 2), 1); // in ACPI mode
	for (unsigned type = 0; type < 8; type++) {
		put(l, CONTROL, type << 10, 2);
		assert_int_equal(get(l, CONTROL, 2), type << 10 | 1);
		assert_int_equal(l->offs, 0);
	}
	for (unsigned type = 0; type < 8; type++)
		if (type != POWER_TYPE_S5)
			put(l, CONTROL, type << 10 | 0x2000, 2);
	assert_int_equal(l->offs, 0);
	put(l, CONTROL, POWER_TYPE_S5 << 10 | 0x2001, 2);
	assert_int_equal(l->offs, 1);
	assert_int_equal(get(l, CONTROL, 2) & 0x2000, 0);
}

static void the_timer_counts_3_579_545_in_a_second(void **state)
{
	struct lines *l = *state;
	struct timespec from, to, pause = {.tv_nsec = 50000000};
	uint32_t a, b;
	int64_t ns, ticks;

	clock_gettime(CLOCK_MONOTONIC, &from);
	a = get(l, PORT_PM_TIMER, 4);
	nanosleep(&pause, NULL);
	b = get(l, PORT_PM_TIMER, 4);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = (to.tv_sec - from.tv_sec) * 1000000000ll + to.tv_nsec - from.tv_nsec;
	ticks = b - a;
	assert_true(ticks >= 50 * 3579);
	assert_true(ticks <= ns * 3579545 / 1000000000 + 1);
	put(l, PORT_PM_TIMER, 0, 4); // cannot be written
	assert_true(get(l, PORT_PM_TIMER, 4) - b < 3579545);
}

static void there_are_two_ways_to_reset(void **state)
{
	struct lines *l = *state;

	put(l, PORT_RESET, 0x02, 1);
	assert_int_equal(get(l, PORT_RESET, 1), 0x02);
	assert_int_equal(l->resets, 0);
	put(l, PORT_RESET, 0x06, 1);
	assert_int_equal(l->resets, 1);
	assert_int_equal(get(l, PORT_RESET, 1), 0);
	assert_int_equal(get(l, PORT_I8042, 1), 0); // ready
	put(l, PORT_I8042, 0xd1, 1);
	assert_int_equal(l->resets, 1);
	put(l, PORT_I8042, 0xfe, 1);
	assert_int_equal(l->resets, 2);
}

static void other_ports_are_not_its_own(void **state)
{
	static const uint16_t own[] = {PORT_RESET, PORT_I8042};
	struct lines *l = *state;
	uint8_t data[4];
	unsigned n = 0;

	for (unsigned port = 0; port < 0x10000; port++) {
		memset(data, 0x55, sizeof(data));
		if (power_access(l->power, port, false, data, 4))
			n++;
		else
			assert_int_equal(data[0], 0x55);
	}
	assert_int_equal(n, 12 + sizeof(own) / sizeof(own[0]));
	assert_int_equal(get(l, CONTROL + 2, 2), 0xffff);
	assert_int_equal(get(l, PORT_PM_TIMER + 3, 4) >> 8, 0xffffff);
}

#define rule(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(the_button_interrupts_until_it_is_answered),
		rule(a_press_before_the_guest_listens_is_kept),
		rule(registers_are_read_and_written_by_the_byte_too),
		rule(only_the_sleep_of_s5_is_off),
		rule(the_timer_counts_3_579_545_in_a_second),
		rule(there_are_two_ways_to_reset),
		rule(other_ports_are_not_its_own),
	};

	return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
