/* SPDX-License-Identifier: BSD-3-Clause */
#include "xdp_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "log.h"

#define MAX_RETIRED 64

static struct rte_mempool *retired[MAX_RETIRED];

static void free_memory(struct rte_mempool_memhdr *, void *memory)
{
	rte_memzone_free(memory);
}

static void free_returned_pools(void)
{
	for (unsigned i = 0; i < MAX_RETIRED; i++)
		if (retired[i] != NULL && rte_mempool_full(retired[i])) {
			rte_mempool_free(retired[i]);
			retired[i] = NULL;
		}
}

unsigned xdp_pools_waiting(void)
{
	unsigned n = 0;

	free_returned_pools();
	for (unsigned i = 0; i < MAX_RETIRED; i++)
		n += retired[i] != NULL;
	return n;
}

struct rte_mempool *xdp_pool_create(unsigned n, int socket_id)
{
	const uint32_t size = getpagesize();
	const uint32_t elt = size - RTE_MEMPOOL_ALIGN; // the pool's own header takes a line
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = elt - sizeof(struct rte_mbuf)};
	static unsigned serial;
	const struct rte_memzone *memory;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	free_returned_pools();
	snprintf(name, sizeof(name), "xdp%u", serial++);
	// No caches: buffers in another thread's cache could not be told from forgotten ones.
	pool = rte_mempool_create_empty(
		name, n, elt, 0, sizeof(private), socket_id, RTE_MEMPOOL_F_NO_SPREAD);
	if (pool == NULL)
		return NULL;
	memory = rte_memzone_reserve_aligned(name, (size_t)n * size, socket_id, 0, size);
	if (memory == NULL)
		goto fail;
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0 ||
		rte_mempool_populate_iova(pool, memory->addr, memory->iova, memory->len,
			free_memory, (void *)(uintptr_t)memory) != (int)n) {
		// What was populated is freed with the pool.
		if (pool->nb_mem_chunks == 0)
			rte_memzone_free(memory);
		goto fail;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;

fail:
	rte_mempool_free(pool);
	return NULL;
}

struct reclaim {
	const char *first_page;
	bool *returned; // by page
	void **objects; // that belong into the pool
	unsigned n;
};

static void take_forgotten(struct rte_mempool *, void *arg, void *object, unsigned)
{
	struct reclaim *r = arg;
	const struct rte_mbuf *m = object;

	// One that a port frees meanwhile has its mark.
	if (!r->returned[((char *)object - r->first_page) / getpagesize()] &&
		m->port == RTE_MBUF_PORT_INVALID)
		r->objects[r->n++] = object;
}

static void reclaim(struct rte_mempool *pool)
{
	struct reclaim r = {
		.first_page = STAILQ_FIRST(&pool->mem_list)->addr,
		.returned = calloc(pool->size, sizeof(*r.returned)),
		.objects = calloc(pool->size, sizeof(*r.objects)),
	};

	unsigned twice = 0;
	void *object;

	if (r.returned == NULL || r.objects == NULL)
		goto out;
	while (rte_mempool_get(pool, &object) == 0) {
		bool *returned = &r.returned[((char *)object - r.first_page) / getpagesize()];

		if (*returned) {
			twice++;
			continue;
		}
		*returned = true;
		r.objects[r.n++] = object;
	}
	if (twice > 0)
		log_warn("port", "%u packet buffers came back twice from the AF_XDP driver", twice);
	rte_mempool_obj_iter(pool, take_forgotten, &r);
	rte_mempool_put_bulk(pool, r.objects, r.n);
out:
	free(r.returned);
	free(r.objects);
}

void xdp_pool_retire(struct rte_mempool *pool)
{
	free_returned_pools();
	if (pool == NULL)
		return;
	reclaim(pool);
	if (rte_mempool_full(pool)) {
		rte_mempool_free(pool);
		return;
	}
	for (unsigned i = 0; i < MAX_RETIRED; i++)
		if (retired[i] == NULL) {
			retired[i] = pool;
			return;
		}
	log_error("port", "%u packet buffers stay with other ports for ever",
		rte_mempool_in_use_count(pool));
}
