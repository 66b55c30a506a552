/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BURST          64 // lines of a guest's in a period
#define PERIOD_SECONDS 10

static const char *const names[] = {"error", "warn", "info"};
static const int syslog_prio[] = {3, 4, 6};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static time_t period;
static unsigned n_said, n_left_out;

// No strftime(): that looks at the time zone's file, which the sandbox does not let it.
static size_t put_time(char *line, size_t size)
{
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	return snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000);
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	char line[1024];
	size_t n;
	va_list ap;

	if (getenv("JOURNAL_STREAM") != NULL)
		n = snprintf(line, sizeof(line), "<%d>", syslog_prio[level]);
	else
		n = put_time(line, sizeof(line));
	n += snprintf(line + n, sizeof(line) - n, "%s %s: ", names[level], area);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	// One write per line, so that lines of several processes do not mix.
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

bool log_may_say(void)
{
	struct timespec now;
	unsigned left_out = 0;
	bool may;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (now.tv_sec / PERIOD_SECONDS != period) {
		period = now.tv_sec / PERIOD_SECONDS;
		left_out = n_left_out;
		n_said = n_left_out = 0;
	}
	may = n_said < BURST;
	n_said += may;
	n_left_out += !may;
	pthread_mutex_unlock(&lock);
	if (left_out > 0)
		log_warn("log", "%u lines that the guest caused were left out", left_out);
	return may;
}
