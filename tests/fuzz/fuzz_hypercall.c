/* SPDX-License-Identifier: BSD-3-Clause */
// Hypercalls with any value over any input page, which another processor of the guest may be
// rewriting all the while. What is passed on is bounded, private and does not change; a page that
// holds still gets exactly the status that its bytes deserve.
//
// Input: how the other processor writes, what the bus answers, then calls: how much of the page
// to set and with what, the input value, where the page is.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <hypervisor/hyperv/hypercall.h>

#include "guest_pages.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOW_PAGES  2u // at 0
#define HIGH       (4ull * GUEST_PAGE_SIZE)
#define HIGH_PAGES 2u
#define RACE       (8ull * GUEST_PAGE_SIZE) // the other processor's, always
#define INPUT_SIZE 256u

static struct guest_mem mem;
static pthread_t scribbler;
static _Atomic uint64_t pattern[2];

static unsigned n_posts;
static int answer;
static uint32_t got_id;
static uint8_t got[240];
static size_t got_len;

// ---- the other processor

static void *scribble(void *arg)
{
	_Atomic uint64_t *to = arg;

	for (unsigned round = 0;; round++) {
		for (unsigned i = 0; i < INPUT_SIZE / 8; i++)
			atomic_store_explicit(&to[i],
				atomic_load_explicit(
					&pattern[(i + round) % 2], memory_order_relaxed),
				memory_order_relaxed);
		if (round % 1024 == 0)
			usleep(50);
	}
	return NULL;
}

// ---- the bus

static int on_post(void *, uint32_t connection_id, const void *msg, size_t len)
{
	require(len <= sizeof(got));
	for (unsigned i = 0; i < mem.n; i++)
		require((const uint8_t *)msg < mem.region[i].host ||
			(const uint8_t *)msg >= mem.region[i].host + mem.region[i].size);
	memcpy(got, msg, len);
	got_id = connection_id;
	got_len = len;
	n_posts++;
	for (unsigned i = 0; i < 3; i++)
		require(memcmp(got, msg, len) == 0);
	return answer;
}

static const struct hv_hypercall_ops ops = {on_post};

// ---- what is right

static uint64_t expected_of_post(uint64_t gpa)
{
	const uint8_t *page = guest_mem_at(&mem, gpa, INPUT_SIZE);
	uint32_t head[4];

	if (gpa % 8 != 0 || gpa / GUEST_PAGE_SIZE != (gpa + INPUT_SIZE - 1) / GUEST_PAGE_SIZE ||
		page == NULL)
		return HV_STATUS_INVALID_ALIGNMENT;
	memcpy(head, page, sizeof(head));
	if (head[2] == 0 || head[2] > INT32_MAX || head[3] > 240)
		return HV_STATUS_INVALID_PARAMETER;
	require(n_posts == 1 && got_id == head[0] && got_len == head[3]);
	require(memcmp(got, page + 16, got_len) == 0);
	switch (answer) {
	case 0: return HV_STATUS_SUCCESS;
	case -EAGAIN: return HV_STATUS_INSUFFICIENT_BUFFERS;
	case -ENOMEM: return HV_STATUS_INSUFFICIENT_MEMORY;
	case -ENXIO: return HV_STATUS_INVALID_CONNECTION_ID;
	default: return HV_STATUS_INVALID_PARAMETER;
	}
}

static uint64_t expected(uint64_t input, uint64_t gpa)
{
	uint64_t code = input & 0xffff, flags = input >> 16;

	if (code != 0x5c && code != 0x5d)
		return HV_STATUS_INVALID_CODE;
	if (flags > 1 || (code == 0x5c && flags != 0))
		return HV_STATUS_INVALID_INPUT;
	return code == 0x5d ? HV_STATUS_INVALID_CONNECTION_ID : expected_of_post(gpa);
}

static void call(uint64_t input, uint64_t gpa)
{
	const uint64_t params[2] = {gpa, ~gpa};
	uint64_t status;

	n_posts = 0;
	status = hv_hypercall(&mem, &ops, NULL, input, params);
	require(n_posts <= 1);
	require(status <= HV_STATUS_INSUFFICIENT_BUFFERS);
	if (gpa / GUEST_PAGE_SIZE != RACE / GUEST_PAGE_SIZE) {
		require(status == expected(input, gpa));
		require(n_posts == 0 || status != HV_STATUS_INVALID_ALIGNMENT);
	}
}

static uint64_t next_input(struct input *in)
{
	uint8_t what = next(in);

	if (what < 128)
		return 0x5c | (uint64_t)(what & 1) << 16;
	if (what < 160)
		return 0x5d | (uint64_t)(what & 1) << 16;
	return next_value(in, 8);
}

static uint64_t next_gpa(struct input *in, bool still)
{
	uint8_t what = next(in);

	switch (what % 4) {
	case 0: return still ? HIGH : RACE;
	case 1: return next_value(in, 2);
	case 2: return HIGH + next_value(in, 2);
	default: return next_value(in, 8);
	}
}

static void step(struct input *in, bool still)
{
	unsigned offset = next(in) % 32, n = next(in) % 33;
	uint64_t input, gpa;
	uint8_t *page;

	input = next_input(in);
	gpa = next_gpa(in, still);
	page = guest_mem_at(&mem, gpa & ~7ull, INPUT_SIZE);
	if (page != NULL && gpa / GUEST_PAGE_SIZE != RACE / GUEST_PAGE_SIZE)
		for (unsigned i = 0; i < n; i++)
			page[(offset + i) % INPUT_SIZE] = next(in);
	call(input, gpa);
}

static void start(void)
{
	guest_pages(&mem, 0, LOW_PAGES);
	guest_pages(&mem, HIGH, HIGH_PAGES);
	guest_pages(&mem, RACE, 1);
	require(pthread_create(&scribbler, NULL, scribble, guest_mem_at(&mem, RACE, INPUT_SIZE)) ==
		0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int answers[] = {0, -EAGAIN, -ENXIO, -EINVAL, -ENOMEM, -EPERM};
	struct input in = {data, data + size};
	bool still;

	if (mem.n == 0)
		start();
	for (unsigned i = 0; i < 2; i++)
		memset(mem.region[i].host, 0, mem.region[i].size);
	still = next(&in) % 4 != 0;
	answer = answers[next(&in) % 6];
	for (unsigned i = 0; i < 2 && !still; i++)
		atomic_store(&pattern[i], next_value(&in, 8));
	while (in.at < in.end)
		step(&in, still);
	return 0;
}
