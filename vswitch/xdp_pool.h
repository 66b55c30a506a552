/* SPDX-License-Identifier: BSD-3-Clause */
// Packet buffers of an AF_XDP port. Main thread, but for xdp_pool_given().
//
// DPDK's driver gives the kernel "number of buffers times their size" from the pool's first
// page on, but other pools leave gaps at page borders, so that the kernel refuses the buffers
// behind that, frame by frame. Here each buffer is one page, headers included.
//
// And when it is closed the driver forgets the buffers that the kernel still had. They are told
// from those that other ports still have by the mark that these got on their way in.
#pragma once

#include <rte_mbuf.h>

#define XDP_POOL_GIVEN 0 // any port but RTE_MBUF_PORT_INVALID, which allocation sets

struct rte_mempool *xdp_pool_create(unsigned n, int socket_id); // NULL: no memory

// Once the driver is closed. Frees the pool as soon as other ports have freed its frames; what
// has to wait is looked at again in every later call of create and retire. NULL is welcome.
void xdp_pool_retire(struct rte_mempool *pool);
unsigned xdp_pools_waiting(void);

// For every burst that leaves the driver for the switch.
static inline void xdp_pool_given(struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		pkts[i]->port = XDP_POOL_GIVEN;
}
