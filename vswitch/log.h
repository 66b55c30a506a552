/* SPDX-License-Identifier: BSD-3-Clause */
// Structured log lines on stderr: `level area: message key=value …`, with the journal's
// <N> level prefix when stderr is the journal. Control threads only, never the data path.
#pragma once

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

void log_set_level(enum log_level level);
int log_level_parse(const char *name); // a log_level or -EINVAL
void log_line(enum log_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(area, ...) log_line(LOG_LVL_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...)  log_line(LOG_LVL_WARN, area, __VA_ARGS__)
#define log_info(area, ...)  log_line(LOG_LVL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_line(LOG_LVL_DEBUG, area, __VA_ARGS__)
