/* SPDX-License-Identifier: BSD-3-Clause */
// The clock on PORT_RTC: says what time it is (UTC), no alarms; it cannot be set. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// All zeros after power on or reset.
struct rtc {
	uint8_t index;
	uint8_t mode; // status register B, exclusive or 24-hour mode
};

void rtc_access(struct rtc *rtc, unsigned reg, bool write, uint8_t *value); // reg 0 or 1
