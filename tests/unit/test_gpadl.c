/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists: what makes one, and where its bytes are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "vmbus_memory.h"

#define PAGE    GUEST_PAGE_SIZE
#define N_PAGES (GPADL_MAX_PAGES + 2)

static struct guest_mem mem;
static uint64_t pfn[N_PAGES]; // 0, 1, 2 …
static struct gpadl g;

static int setup(void **)
{
	make_memory(&mem, N_PAGES);
	for (uint32_t i = 0; i < N_PAGES; i++)
		pfn[i] = i;
	return 0;
}

static int teardown(void **)
{
	gpadl_fini(&g);
	guest_mem_clear(&mem);
	return 0;
}

static int init(uint32_t offset, uint32_t count, uint32_t n)
{
	gpadl_fini(&g);
	return gpadl_init(&g, &mem, 0xe1e10, offset, count, pfn, n);
}

static void pages_are_copied(void **)
{
	assert_int_equal(init(0, 4 * PAGE, 4), 0);
	pfn[1] = 77;
	assert_int_equal(g.id, 0xe1e10);
	assert_int_equal(g.n_pages, 4);
	assert_int_equal(g.pfn[1], 1);
	assert_ptr_equal(g.page[1], mem.region[0].host + PAGE);
	assert_int_equal(g.in_use, 0);
}

static void count_and_offset_must_fit_the_pages(void **)
{
	assert_int_equal(init(0, 0, 0), -EINVAL);
	assert_int_equal(init(0, 0, 1), -EINVAL);
	assert_int_equal(init(0, 1, 0), -EINVAL);
	assert_int_equal(init(0, 1, 1), 0);
	assert_int_equal(init(0, 1, 2), -EINVAL);
	assert_int_equal(init(0, PAGE, 1), 0);
	assert_int_equal(init(0, PAGE + 1, 1), -EINVAL);
	assert_int_equal(init(0, PAGE + 1, 2), 0);
	assert_int_equal(init(PAGE - 1, 1, 1), 0);
	assert_int_equal(init(PAGE - 1, 2, 1), -EINVAL);
	assert_int_equal(init(PAGE - 1, 2, 2), 0);
	assert_int_equal(init(PAGE, 1, 1), -EINVAL);
	assert_int_equal(init(PAGE, PAGE, 2), -EINVAL);
	assert_int_equal(init(UINT32_MAX, 1, 1), -EINVAL);
	// Sums that do not fit in 32 bits.
	assert_int_equal(init(0, UINT32_MAX, 1), -EINVAL);
	assert_int_equal(init(4095, UINT32_MAX, 1), -EINVAL);
	assert_int_equal(init(0, UINT32_MAX, 1u << 20), -E2BIG);
}

static void too_many_pages_are_refused(void **)
{
	assert_int_equal(init(0, GPADL_MAX_PAGES * PAGE, GPADL_MAX_PAGES), 0);
	assert_int_equal(init(0, (GPADL_MAX_PAGES + 1) * PAGE, GPADL_MAX_PAGES + 1), -E2BIG);
	assert_int_equal(init(0, 1, UINT32_MAX), -E2BIG);
}

static void page_that_is_no_memory_is_refused(void **)
{
	static const uint64_t bad[] = {N_PAGES, 1ull << 30, 1ull << 40, 1ull << 52, 1ull << 63,
		(1ull << 52) + 1, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (int at = 0; at < 3; at++) {
			pfn[at] = bad[i];
			assert_int_equal(init(0, 3 * PAGE, 3), -EFAULT);
			assert_null(g.pfn);
			assert_null(g.page);
			pfn[at] = at;
		}
	}
}

static void pages_in_a_row_have_a_base(void **)
{
	uint32_t run = 0;

	assert_int_equal(init(100, 3 * PAGE - 200, 3), 0);
	assert_ptr_equal(g.base, mem.region[0].host + 100);
	assert_ptr_equal(gpadl_at(&g, 8000, 4000, &run), mem.region[0].host + 8100);
	assert_int_equal(run, 4000);
	assert_int_equal(init(4000, 50, 1), 0);
	assert_ptr_equal(g.base, mem.region[0].host + 4000);
}

static void scattered_pages_have_none(void **)
{
	uint32_t run = 0;

	pfn[1] = 5;
	assert_int_equal(init(100, 3 * PAGE - 200, 3), 0);
	assert_null(g.base);
	assert_ptr_equal(gpadl_at(&g, 0, 9000, &run), mem.region[0].host + 100);
	assert_int_equal(run, PAGE - 100);
	assert_ptr_equal(gpadl_at(&g, PAGE - 100, 9000, &run), mem.region[0].host + 5 * PAGE);
	assert_int_equal(run, PAGE);
	assert_ptr_equal(gpadl_at(&g, PAGE - 101, 1, &run), mem.region[0].host + PAGE - 1);
	assert_int_equal(run, 1);
	assert_ptr_equal(
		gpadl_at(&g, 2 * PAGE - 100 + 8, 16, &run), mem.region[0].host + 2 * PAGE + 8);
	assert_int_equal(run, 16);
}

static void order_is_the_list_s(void **)
{
	// Backwards, and one page twice: a guest may do that.
	pfn[0] = 2;
	pfn[1] = 1;
	pfn[2] = 1;
	assert_int_equal(init(0, 3 * PAGE, 3), 0);
	assert_null(g.base);
	assert_ptr_equal(g.page[1], g.page[2]);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(pages_are_copied),
		rule(count_and_offset_must_fit_the_pages),
		rule(too_many_pages_are_refused),
		rule(page_that_is_no_memory_is_refused),
		rule(pages_in_a_row_have_a_base),
		rule(scattered_pages_have_none),
		rule(order_is_the_list_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
