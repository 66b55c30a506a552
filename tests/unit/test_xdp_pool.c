/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mempool.h>

#include <vswitch/xdp_pool.h>

#include "eal.h"

#define N 100

// What DPDK's driver tells the kernel of a pool: pages from the first one on.
static void has_no_gaps(void **)
{
	struct rte_mempool *pool = xdp_pool_create(N, SOCKET_ID_ANY);
	struct rte_mbuf *m[N];
	uintptr_t first;

	assert_non_null(pool);
	first = (uintptr_t)STAILQ_FIRST(&pool->mem_list)->addr;
	assert_int_equal(first % getpagesize(), 0);
	assert_int_equal(pool->nb_mem_chunks, 1);
	assert_int_equal(
		rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL), getpagesize());
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, N), 0);
	for (int i = 0; i < N; i++) {
		uintptr_t offset = (uintptr_t)m[i] - pool->header_size - first;

		assert_int_equal(offset % getpagesize(), 0);
		assert_true(offset < (uintptr_t)N * getpagesize());
		assert_true(rte_pktmbuf_tailroom(m[i]) >= 3498 + 14 + 8 + 256);
	}
	assert_null(rte_pktmbuf_alloc(pool));
	rte_pktmbuf_free_bulk(m, N);
	xdp_pool_retire(pool);
	assert_int_equal(xdp_pools_waiting(), 0);
}

static void gets_back_what_the_driver_forgot(void **)
{
	// Pools that leak would not fit into the memory this test has.
	for (int round = 0; round < 50; round++) {
		struct rte_mempool *pool = xdp_pool_create(N * 40, SOCKET_ID_ANY);
		struct rte_mbuf *m[N];

		assert_non_null(pool);
		// Received once, freed by another port, then given to the kernel again.
		assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, N), 0);
		xdp_pool_given(m, N);
		rte_pktmbuf_free_bulk(m, N);
		for (int i = 0; i < 20; i++)
			assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, N), 0);
		xdp_pool_retire(pool);
		assert_int_equal(xdp_pools_waiting(), 0);
	}
}

static void waits_for_frames_on_their_way(void **)
{
	struct rte_mempool *pool = xdp_pool_create(N, SOCKET_ID_ANY);
	struct rte_mbuf *given[N / 2], *forgotten[N / 4];

	assert_non_null(pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, given, N / 2), 0);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, forgotten, N / 4), 0);
	xdp_pool_given(given, N / 2);
	xdp_pool_retire(pool);
	assert_int_equal(xdp_pools_waiting(), 1);
	assert_int_equal(rte_mempool_in_use_count(pool), N / 2);
	rte_pktmbuf_free_bulk(given, N / 2 - 1);
	assert_int_equal(xdp_pools_waiting(), 1);
	rte_pktmbuf_free(given[N / 2 - 1]);
	assert_int_equal(xdp_pools_waiting(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_no_gaps),
		cmocka_unit_test(gets_back_what_the_driver_forgot),
		cmocka_unit_test(waits_for_frames_on_their_way),
	};

	if (eal_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
