/* SPDX-License-Identifier: BSD-3-Clause */
// The sockets of DPDK's AF_XDP driver, which it does not show: a level-triggered fd to sleep
// on, readable while a queue has frames. Main thread.
#pragma once

#include <stdint.h>

#define XDP_SOCKETS_MAX 64

struct xdp_sockets {
	unsigned n;
	int fd[XDP_SOCKETS_MAX]; // the driver's to close, see xdp_sockets_close()
};

// All that the process has open now.
void xdp_sockets_find(struct xdp_sockets *found);
// Those of `now` that `before` has not.
void xdp_sockets_new(const struct xdp_sockets *before, struct xdp_sockets *now);
// An fd of our own that is readable while any of them is. -errno.
int xdp_sockets_watch(const struct xdp_sockets *sockets);
// Once the device is gone: closes those that the driver has left open. Some builds do, and the
// NIC's queues would stay taken as long as the process lives.
void xdp_sockets_close(struct xdp_sockets *sockets);
// Adds up the frames that the kernel could not hand over, and those it would not send.
void xdp_sockets_lost(const struct xdp_sockets *sockets, uint64_t *rx, uint64_t *tx);
