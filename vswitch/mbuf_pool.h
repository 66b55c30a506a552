/* SPDX-License-Identifier: BSD-3-Clause */
// Packet buffers: one pool per NUMA node, made at start.
#pragma once

#include <stdint.h>

#include <rte_mempool.h>

// n: buffers per node. 0 or -errno.
int mbuf_pools_create(uint32_t n);
void mbuf_pools_destroy(void);

struct rte_mempool *mbuf_pool(int socket_id); // of that node, or any
uint32_t mbuf_in_use(void);
uint32_t mbuf_total(void);
