/* SPDX-License-Identifier: BSD-3-Clause */
#include "mbuf_pool.h"

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#define CACHE 256

static struct rte_mempool *pools[RTE_MAX_NUMA_NODES];

int mbuf_pools_create(uint32_t n)
{
	unsigned lcore;

	RTE_LCORE_FOREACH(lcore)
	{
		const unsigned socket = rte_lcore_to_socket_id(lcore);
		char name[RTE_MEMPOOL_NAMESIZE];

		if (socket >= RTE_MAX_NUMA_NODES || pools[socket] != NULL)
			continue;
		snprintf(name, sizeof(name), "packets%u", socket);
		pools[socket] = rte_pktmbuf_pool_create(
			name, n, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
		if (pools[socket] == NULL)
			return -rte_errno;
	}
	return 0;
}

void mbuf_pools_destroy(void)
{
	for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++) {
		rte_mempool_free(pools[i]);
		pools[i] = NULL;
	}
}

struct rte_mempool *mbuf_pool(int socket_id)
{
	if (socket_id >= 0 && socket_id < RTE_MAX_NUMA_NODES && pools[socket_id] != NULL)
		return pools[socket_id];
	for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++)
		if (pools[i] != NULL)
			return pools[i];
	return NULL;
}

uint32_t mbuf_in_use(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++)
		n += pools[i] != NULL ? rte_mempool_in_use_count(pools[i]) : 0;
	return n;
}

uint32_t mbuf_total(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++)
		n += pools[i] != NULL ? pools[i]->size : 0;
	return n;
}
