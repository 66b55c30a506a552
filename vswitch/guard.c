/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define PATIENCE_NS 10000000

static timer_t timer;
static bool started;
static atomic_uint n_fired;

static void on_signal(int)
{
	atomic_fetch_add(&n_fired, 1);
}

int guard_start(void)
{
	// Without SA_RESTART: that is the point.
	const struct sigaction action = {.sa_handler = on_signal};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 1,
	};

	event.sigev_notify_thread_id = gettid();
	if (sigaction(event.sigev_signo, &action, NULL) < 0 ||
		timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return -errno;
	started = true;
	return 0;
}

void guard_stop(void)
{
	if (started)
		timer_delete(timer);
	started = false;
}

void guard_enter(void)
{
	// Again and again: a signal may come just before the call that blocks.
	const struct itimerspec soon = {
		.it_value.tv_nsec = PATIENCE_NS,
		.it_interval.tv_nsec = PATIENCE_NS,
	};

	atomic_store(&n_fired, 0);
	if (started)
		timer_settime(timer, 0, &soon, NULL);
}

bool guard_leave(void)
{
	const struct itimerspec never = {};

	if (started)
		timer_settime(timer, 0, &never, NULL);
	return atomic_load(&n_fired) > 0;
}
