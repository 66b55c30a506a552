/* SPDX-License-Identifier: BSD-3-Clause */
// The clock on PORT_RTC: says what time it is (UTC), no alarms.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rtc {
	uint8_t index;
};

void rtc_access(struct rtc *rtc, unsigned reg, bool write, uint8_t *value); // reg 0 or 1
