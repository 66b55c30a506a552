/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/time.h>
#include <time.h>

#include <hypervisor/machine/rtc.h>

static int64_t fixed_ns = -1; // since 1970; below 0: the true time

// In place of the C library's.
int clock_gettime(clockid_t, struct timespec *ts)
{
	struct timeval tv;

	if (fixed_ns >= 0) {
		*ts = (struct timespec){fixed_ns / 1000000000, fixed_ns % 1000000000};
		return 0;
	}
	gettimeofday(&tv, NULL);
	*ts = (struct timespec){tv.tv_sec, tv.tv_usec * 1000};
	return 0;
}

static uint8_t get(struct rtc *rtc, uint8_t index)
{
	uint8_t value;

	rtc_access(rtc, 0, true, &index);
	rtc_access(rtc, 1, false, &value);
	return value;
}

static void put(struct rtc *rtc, uint8_t index, uint8_t value)
{
	rtc_access(rtc, 0, true, &index);
	rtc_access(rtc, 1, true, &value);
}

static unsigned bcd(uint8_t value)
{
	assert_true((value & 0x0f) < 10 && value >> 4 < 10);
	return (value >> 4) * 10 + (value & 0x0f);
}

static void it_says_every_day_as_the_calendar_does(void **)
{
	struct rtc rtc = {};

	for (int64_t day = 0; day < 366 * 500; day++) {
		const time_t at = day * 86400 + day % 86400;
		struct tm tm;

		if (at > 9223372036ll)
			break; // 2262
		fixed_ns = at * 1000000000ll;
		gmtime_r(&at, &tm);
		assert_int_equal(bcd(get(&rtc, 0)), tm.tm_sec);
		assert_int_equal(bcd(get(&rtc, 2)), tm.tm_min);
		assert_int_equal(bcd(get(&rtc, 4)), tm.tm_hour);
		assert_int_equal(bcd(get(&rtc, 6)), tm.tm_wday + 1);
		assert_int_equal(bcd(get(&rtc, 7)), tm.tm_mday);
		assert_int_equal(bcd(get(&rtc, 8)), tm.tm_mon + 1);
		assert_int_equal(bcd(get(&rtc, 9)), tm.tm_year % 100);
		assert_int_equal(bcd(get(&rtc, 0x32)), 19 + tm.tm_year / 100);
	}
	fixed_ns = -1;
}

static void numbers_are_as_the_status_register_says(void **)
{
	struct rtc rtc = {};

	fixed_ns = 59 * 1000000000ll + (uint64_t)(23 * 3600 + 45 * 60) * 1000000000ll;
	assert_int_equal(get(&rtc, 0x0b), 0x02); // BCD, 24 hours
	assert_int_equal(get(&rtc, 0), 0x59);
	assert_int_equal(get(&rtc, 4), 0x23);
	put(&rtc, 0x0b, 0x06);
	assert_int_equal(get(&rtc, 0x0b), 0x06);
	assert_int_equal(get(&rtc, 0), 59);
	assert_int_equal(get(&rtc, 4), 23);
	put(&rtc, 0x0b, 0x00);
	assert_int_equal(get(&rtc, 4), 0x91); // 11 p.m.
	fixed_ns = 0;
	assert_int_equal(get(&rtc, 4), 0x12); // 12 a.m.
	fixed_ns = 12 * 3600 * 1000000000ll;
	assert_int_equal(get(&rtc, 4), 0x92);
	fixed_ns = -1;
}

static void a_moment_can_be_read_after_no_update_was_seen(void **)
{
	struct rtc rtc = {};

	fixed_ns = 999755999;
	assert_int_equal(get(&rtc, 0x0a), 0x26);
	fixed_ns = 999756000;
	assert_int_equal(get(&rtc, 0x0a), 0xa6);
	put(&rtc, 0x0b, 0x82); // it stands still to be set
	assert_int_equal(get(&rtc, 0x0a), 0x26);
	put(&rtc, 0x0b, 0x02);
	fixed_ns = 1000000000;
	assert_int_equal(get(&rtc, 0x0a), 0x26);
	fixed_ns = -1;
}

static void it_works_by_itself_and_cannot_be_set(void **)
{
	struct rtc rtc = {};
	uint8_t value = 0;

	assert_int_equal(get(&rtc, 0x0d), 0x80);
	assert_int_equal(get(&rtc, 0x0c), 0);
	put(&rtc, 9, 0x99);
	assert_int_not_equal(get(&rtc, 9), 0x99);
	assert_int_equal(get(&rtc, 0x32), 0x20);
	assert_int_equal(get(&rtc, 0x80 | 0x0d), 0x80); // bit 7 is the NMI's
	rtc_access(&rtc, 0, false, &value);
	assert_int_equal(value, 0xff);
	for (unsigned i = 0; i < 256; i++)
		get(&rtc, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_every_day_as_the_calendar_does),
		cmocka_unit_test(numbers_are_as_the_status_register_says),
		cmocka_unit_test(a_moment_can_be_read_after_no_update_was_seen),
		cmocka_unit_test(it_works_by_itself_and_cannot_be_set),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
