/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest may cost that brings nobody any frames. Other guests share the thread.
#include <time.h>

#include "vsp.h"

// Of the time, this part goes to control at most, and to garbage once as much again.
#define SHARE   100u
#define AHEAD   500000000ull // ns of waiting that may be saved up
#define MOST    50000u       // ns that one message can have taken: others may have run meanwhile
#define GARBAGE 1000u        // and a record that is none

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void charge(uint64_t *after, uint64_t now, uint64_t cost)
{
	if (*after + AHEAD < now)
		*after = now - AHEAD;
	*after += SHARE * cost;
}

bool budget_begin_control(const struct netvsp *vsp, uint64_t *start)
{
	*start = now_ns();
	return *start >= vsp->control_after;
}

void budget_end_control(struct netvsp *vsp, uint64_t start)
{
	uint64_t took = now_ns() - start;

	charge(&vsp->control_after, start, took < MOST ? took : MOST);
}

void budget_garbage(struct netvsp *vsp)
{
	charge(&vsp->garbage_after, now_ns(), GARBAGE);
}

bool budget_allows(struct netvsp *vsp)
{
	uint64_t now = now_ns();

	if (now < vsp->garbage_after)
		return false;
	if (vsp->garbage_after + AHEAD < now)
		vsp->garbage_after = 0; // long ago
	return true;
}
