/* SPDX-License-Identifier: BSD-3-Clause */
// Structured log lines on stderr: `level area: message key=value …`, as vswitchd's.
#pragma once

#include <stdbool.h>

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO };

void log_line(enum log_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Before what a guest can cause as often as it likes. False: there has been enough for now, which
// is counted and told later.
bool log_may_say(void);

#define log_error(area, ...) log_line(LOG_LVL_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...)  log_line(LOG_LVL_WARN, area, __VA_ARGS__)
#define log_info(area, ...)  log_line(LOG_LVL_INFO, area, __VA_ARGS__)
