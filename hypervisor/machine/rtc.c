/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtc.h"

#include <time.h>

enum {
	RTC_SECONDS = 0,
	RTC_MINUTES = 2,
	RTC_HOURS = 4,
	RTC_WEEKDAY = 6,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 10,
	RTC_B = 11,
	RTC_D = 13,
	RTC_CENTURY = 0x32,
};

#define A_RATE     0x26u // 32.768 kHz, 1024 interrupts a second if there were any
#define A_UPDATING 0x80u
#define B_SET      0x80u
#define B_BINARY   0x04u
#define B_24H      0x02u
#define D_VALID    0x80u
#define HOUR_PM    0x80u

// How long before each second it is said that the clock is about to change.
#define UPDATE_NS 244000

struct moment {
	unsigned second, minute, hour, weekday, day, month, year, century;
	long ns;
};

// By hand: the C library would open the time zone's file, which a sandbox forbids.
static struct moment now(void)
{
	struct moment m = {};
	struct timespec ts;
	unsigned days, era, of_era, year, of_year, shifted;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec < 0)
		ts.tv_sec = 0;
	m.ns = ts.tv_nsec;
	m.second = ts.tv_sec % 60;
	m.minute = ts.tv_sec / 60 % 60;
	m.hour = ts.tv_sec / 3600 % 24;
	days = ts.tv_sec / 86400;
	m.weekday = (days + 4) % 7 + 1; // 1 is Sunday

	// Years that begin in March, in eras of 400 of them, since March of the year 0.
	days += 719468;
	era = days / 146097;
	of_era = days % 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	shifted = (5 * of_year + 2) / 153;
	m.day = of_year - (153 * shifted + 2) / 5 + 1;
	m.month = shifted < 10 ? shifted + 3 : shifted - 9;
	year += era * 400 + (m.month <= 2);
	m.year = year % 100;
	m.century = year / 100;
	return m;
}

static uint8_t number(uint8_t b, unsigned value)
{
	return (b & B_BINARY) ? value : value / 10 << 4 | value % 10;
}

static uint8_t hours(uint8_t b, unsigned hour)
{
	if (b & B_24H)
		return number(b, hour);
	return number(b, hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? HOUR_PM : 0);
}

static uint8_t read_register(uint8_t index, uint8_t b)
{
	const struct moment m = now();

	switch (index) {
	case RTC_SECONDS: return number(b, m.second);
	case RTC_MINUTES: return number(b, m.minute);
	case RTC_HOURS: return hours(b, m.hour);
	case RTC_WEEKDAY: return number(b, m.weekday);
	case RTC_DAY: return number(b, m.day);
	case RTC_MONTH: return number(b, m.month);
	case RTC_YEAR: return number(b, m.year);
	case RTC_CENTURY: return number(b, m.century);
	case RTC_A:
		// A guest that does not see it has so long to read a whole moment.
		return A_RATE |
		       (m.ns >= 1000000000 - UPDATE_NS && (b & B_SET) == 0 ? A_UPDATING : 0);
	case RTC_B: return b;
	case RTC_D: return D_VALID;
	default: return 0;
	}
}

void rtc_access(struct rtc *rtc, unsigned reg, bool write, uint8_t *value)
{
	// Two processors that do this at once get what they get on a real one.
	uint8_t index = __atomic_load_n(&rtc->index, __ATOMIC_RELAXED);
	uint8_t b = __atomic_load_n(&rtc->mode, __ATOMIC_RELAXED) ^ B_24H;

	if (reg == 0 && write)
		__atomic_store_n(&rtc->index, *value & 0x7f, __ATOMIC_RELAXED); // bit 7: NMI
	else if (reg == 0)
		*value = 0xff;
	else if (!write)
		*value = read_register(index, b);
	else if (index == RTC_B)
		__atomic_store_n(&rtc->mode, *value ^ B_24H, __ATOMIC_RELAXED);
}
