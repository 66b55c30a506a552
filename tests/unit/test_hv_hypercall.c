/* SPDX-License-Identifier: BSD-3-Clause */
// Hypercalls that reach us: what is passed on, and what a guest hears otherwise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <hypervisor/hyperv/hypercall.h>

#include "vmbus_memory.h"

#define PAGES 4
#define POST  0x5cull
#define EVENT 0x5dull
#define FAST  (1ull << 16)

static struct guest_mem mem;
static int answer;
static unsigned n_posts;
static uint32_t got_id;
static uint8_t got[240];
static size_t got_len;

static int on_post(void *arg, uint32_t connection_id, const void *msg, size_t len)
{
	assert_ptr_equal(arg, &answer);
	// Private: the guest cannot reach it any more.
	for (unsigned i = 0; i < mem.n; i++)
		assert_false((const uint8_t *)msg >= mem.region[i].host &&
			     (const uint8_t *)msg < mem.region[i].host + mem.region[i].size);
	n_posts++;
	got_id = connection_id;
	got_len = len;
	memcpy(got, msg, len);
	return answer;
}

static const struct hv_hypercall_ops ops = {on_post};

static int setup(void **)
{
	make_memory(&mem, PAGES);
	answer = 0;
	n_posts = 0;
	return 0;
}

static int teardown(void **)
{
	guest_mem_clear(&mem);
	return 0;
}

static void put(uint64_t gpa, uint32_t id, uint32_t type, uint32_t size)
{
	uint32_t head[4] = {id, 0, type, size};
	uint8_t *to = guest_mem_at(&mem, gpa, 256);

	assert_non_null(to);
	memcpy(to, head, sizeof(head));
	for (unsigned i = 0; i < 240; i++)
		to[16 + i] = i;
}

static uint64_t call(uint64_t input, uint64_t first)
{
	const uint64_t params[2] = {first, 0};

	return hv_hypercall(&mem, &ops, &answer, input, params);
}

static void message_is_passed_on_whole(void **)
{
	static const uint32_t sizes[] = {0, 1, 40, 239, 240};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(4096, 4, 1, sizes[i]);
		assert_int_equal(call(POST, 4096), HV_STATUS_SUCCESS);
		assert_int_equal(n_posts, i + 1);
		assert_int_equal(got_id, 4);
		assert_int_equal(got_len, sizes[i]);
		for (unsigned k = 0; k < sizes[i]; k++)
			assert_int_equal(got[k], k);
	}
}

static void input_may_end_with_its_page(void **)
{
	put(2 * 4096 - 256, 4, 1, 240);
	assert_int_equal(call(POST, 2 * 4096 - 256), HV_STATUS_SUCCESS);
	put(PAGES * 4096 - 256, 4, 1, 240);
	assert_int_equal(call(POST, PAGES * 4096 - 256), HV_STATUS_SUCCESS);
	assert_int_equal(n_posts, 2);
}

static void input_must_be_aligned_in_one_page_of_memory(void **)
{
	static const uint64_t bad[] = {1, 4, 4096 + 7, 4096 - 8, 4096 - 248, PAGES * 4096,
		PAGES * 4096 - 248, 1ull << 40, UINT64_MAX - 255, UINT64_MAX & ~7ull, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(call(POST, bad[i]), HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(n_posts, 0);
}

static void size_is_at_most_240(void **)
{
	static const uint32_t bad[] = {241, 256, 4096, 0x80000000, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(0, 4, 1, bad[i]);
		assert_int_equal(call(POST, 0), HV_STATUS_INVALID_PARAMETER);
	}
	assert_int_equal(n_posts, 0);
}

static void type_is_not_0_nor_the_hypervisor_s(void **)
{
	static const uint32_t bad[] = {0, 0x80000000, 0x80000010, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(0, 4, bad[i], 40);
		assert_int_equal(call(POST, 0), HV_STATUS_INVALID_PARAMETER);
	}
	assert_int_equal(n_posts, 0);
}

static void a_message_does_not_fit_into_registers(void **)
{
	assert_int_equal(call(POST | FAST, 4096), HV_STATUS_INVALID_INPUT);
	assert_int_equal(n_posts, 0);
}

static void neither_call_repeats_or_has_a_variable_header(void **)
{
	put(0, 4, 1, 40);
	for (unsigned bit = 17; bit < 64; bit++) {
		assert_int_equal(call(POST | 1ull << bit, 0), HV_STATUS_INVALID_INPUT);
		assert_int_equal(call(EVENT | FAST | 1ull << bit, 0), HV_STATUS_INVALID_INPUT);
	}
	assert_int_equal(n_posts, 0);
}

static void statuses_are_those_linux_reacts_to(void **)
{
	static const struct {
		int ret;
		uint64_t status;
	} pairs[] = {
		{0, HV_STATUS_SUCCESS},
		{-EAGAIN, HV_STATUS_INSUFFICIENT_BUFFERS}, // tries again
		{-ENOMEM, HV_STATUS_INSUFFICIENT_MEMORY},  // tries again
		{-ENXIO, HV_STATUS_INVALID_CONNECTION_ID}, // the next lower version
		{-EINVAL, HV_STATUS_INVALID_PARAMETER},    // final
		{-EPERM, HV_STATUS_INVALID_PARAMETER},
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		put(0, 4, 1, 40);
		answer = pairs[i].ret;
		assert_int_equal(call(POST, 0), pairs[i].status);
	}
}

static void a_signal_that_reaches_us_has_no_listener(void **)
{
	assert_int_equal(call(EVENT | FAST, 0x2001), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(call(EVENT, 4096), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(n_posts, 0);
}

static void other_calls_are_unknown(void **)
{
	for (uint64_t code = 0; code < 0x10000; code++)
		if (code != POST && code != EVENT)
			assert_int_equal(call(code, 0), HV_STATUS_INVALID_CODE);
	assert_int_equal(call(UINT64_MAX, 0), HV_STATUS_INVALID_CODE);
	assert_int_equal(n_posts, 0);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(message_is_passed_on_whole),
		rule(input_may_end_with_its_page),
		rule(input_must_be_aligned_in_one_page_of_memory),
		rule(size_is_at_most_240),
		rule(type_is_not_0_nor_the_hypervisor_s),
		rule(a_message_does_not_fit_into_registers),
		rule(neither_call_repeats_or_has_a_variable_header),
		rule(statuses_are_those_linux_reacts_to),
		rule(a_signal_that_reaches_us_has_no_listener),
		rule(other_calls_are_unknown),
	};

	return cmocka_run_group_tests_name("hv_hypercall", tests, NULL, NULL);
}
