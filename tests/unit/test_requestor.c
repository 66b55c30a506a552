/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <hypervisor/soft/requestor.h>

#define SIZE 8

static void the_last_back_is_the_first_out(void **)
{
	struct requestor r;
	uint64_t a, b, c, cookie;

	assert_int_equal(requestor_init(&r, SIZE), 0);
	a = requestor_get(&r, 10);
	b = requestor_get(&r, 11);
	assert_int_equal((uint32_t)a, 1);
	assert_int_equal((uint32_t)b, 2);
	assert_int_equal(requestor_put(&r, a, &cookie), 1);
	assert_int_equal(cookie, 10);
	c = requestor_get(&r, 12);
	assert_int_equal((uint32_t)c, 1);
	assert_int_not_equal(a, c);
	assert_int_equal(r.n_out, 2);
	requestor_fini(&r);
}

static void a_doubled_completion_hits_no_later_request(void **)
{
	struct requestor r;
	uint64_t a, b, cookie = 99;

	assert_int_equal(requestor_init(&r, SIZE), 0);
	a = requestor_get(&r, 1);
	assert_int_equal(requestor_put(&r, a, &cookie), 1);
	assert_int_equal(requestor_put(&r, a, &cookie), 0);
	b = requestor_get(&r, 2); // the same slot
	assert_int_equal(requestor_put(&r, a, &cookie), 0);
	assert_int_equal(r.n_out, 1);
	assert_int_equal(requestor_put(&r, b, &cookie), 1);
	assert_int_equal(cookie, 2);
	requestor_fini(&r);
}

static void ids_that_never_were_are_refused(void **)
{
	static const uint64_t bad[] = {0, 1, 2, SIZE, SIZE + 1, UINT32_MAX, UINT64_MAX, 1ull << 32,
		2ull << 32 | 1, 1ull << 32 | (SIZE + 1), 3ull << 32 | 1};
	struct requestor r;
	uint64_t cookie = 7;

	assert_int_equal(requestor_init(&r, SIZE), 0);
	assert_int_not_equal(requestor_get(&r, 1), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(requestor_put(&r, bad[i], &cookie), 0);
	assert_int_equal(cookie, 7);
	assert_int_equal(r.n_out, 1);
	requestor_fini(&r);
}

static void there_are_no_more_than_there_are(void **)
{
	struct requestor r;
	uint64_t id[SIZE], cookie;

	assert_int_equal(requestor_init(&r, SIZE), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SIZE; i++) {
			id[i] = requestor_get(&r, i);
			assert_int_not_equal(id[i], 0);
		}
		assert_int_equal(requestor_get(&r, 0), 0);
		assert_int_equal(r.n_out, SIZE);
		for (unsigned i = 0; i < SIZE; i++) {
			assert_int_equal(requestor_put(&r, id[i], &cookie), 1);
			assert_int_equal(cookie, i);
		}
		assert_int_equal(r.n_out, 0);
	}
	requestor_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_back_is_the_first_out),
		cmocka_unit_test(a_doubled_completion_hits_no_later_request),
		cmocka_unit_test(ids_that_never_were_are_refused),
		cmocka_unit_test(there_are_no_more_than_there_are),
	};

	return cmocka_run_group_tests_name("requestor", tests, NULL, NULL);
}
