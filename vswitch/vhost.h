/* SPDX-License-Identifier: BSD-3-Clause */
// Inside port type vhost: what rte_vhost's thread, the workers and the main thread share.
//
// A device is a connected guest whose driver runs. It comes and goes on rte_vhost's thread,
// which frees its memory as soon as vhost_device_gone() returns. A worker that is about to use
// the device says so in its own slot first; whoever takes the device away clears vid and waits
// until every slot is seen empty. The order of the worker's store and load is enforced from
// the other side by membarrier(2), so that a burst pays for two plain accesses only.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "port.h"
#include "worker.h"

#define VHOST_PAIRS_MAX 128 // queue pairs that rte_vhost lets a guest have

struct vhost_slot {
	_Atomic bool busy;
} __rte_cache_aligned;

struct vhost_port {
	_Atomic int vid; // the device, -1: none
	// Pairs 0..n-1 whose vring of that direction the guest has enabled
	_Atomic uint16_t n_from_guest, n_to_guest;
	_Atomic uint32_t caps; // PORT_TX_* that this guest understands
	struct vhost_slot rx[VSW_MAX_QUEUES], tx[VSW_MAX_WORKERS];

	_Atomic uint64_t malformed; // frames whose metadata contradicted them

	// rte_vhost's thread, once the port is open
	struct vsw_port *port;
	struct vhost_port *next; // under the list's lock
	_Atomic int connection;  // device id of the connection we serve, -1: none
	_Atomic uint64_t features;
	bool enabled[2 * VHOST_PAIRS_MAX];
	_Atomic int kick_fd[2 * VHOST_PAIRS_MAX]; // our duplicates
	int epoll_fd[VSW_MAX_QUEUES];             // rx_fd of a queue
	int poke_fd[VSW_MAX_QUEUES];              // wakes its worker when something changed
	char path[VSW_PATH_SIZE];
};

extern bool vhost_fences; // no membarrier(2) here: workers fence themselves

// The device, or -1. vhost_leave() must follow at once in either case.
static inline int vhost_enter(const struct vhost_port *v, struct vhost_slot *slot)
{
	atomic_store_explicit(&slot->busy, true, memory_order_relaxed);
	if (unlikely(vhost_fences))
		atomic_thread_fence(memory_order_seq_cst);
	else
		atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(&v->vid, memory_order_acquire);
}

static inline void vhost_leave(struct vhost_slot *slot)
{
	atomic_store_explicit(&slot->busy, false, memory_order_release);
}

// vhost_device.c: connections, devices and their kicks
void vhost_fences_init(void);
// Opens the wake-up fds and makes the port known to the callbacks. 0 or -errno;
// -EEXIST: another port has that socket.
int vhost_device_init(struct vhost_port *v);
void vhost_device_fini(struct vhost_port *v);
struct rte_vhost_device_ops;
extern const struct rte_vhost_device_ops vhost_callbacks;

// vhost_socket.c: the socket file
// Makes sure that path can be bound: 0 or a vsw_fail().
int vhost_socket_prepare(const struct port_config *cfg, struct vsw_error *err);
int vhost_socket_own(const struct port_config *cfg, struct vsw_error *err);
