/* SPDX-License-Identifier: BSD-3-Clause */
// The guest's processors: a thread a VP. VP 0's brings the NIC up and down, each serves a queue.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "guest_pages.h"
#include "hypercall.h"
#include "options.h"
#include "synic.h"
#include "vsc.h"

struct guest;

struct vp {
	struct guest *guest;
	uint32_t index;
	int epoll;
	pthread_t thread;
	bool started;
	bool look; // the other end may want something else
};

struct guest {
	const struct options *opt;
	struct synic *synic;
	struct hypercall *hypercall;
	struct endpoint *ep;
	struct vsc *vsc;
	int ended_fd;               // readable when VP 0 has ended
	int status;                 // then: 0 or -errno
	_Atomic bool host_is_there; // the owner's to set: the provider is attached
	_Atomic bool stop;
	uint8_t refused_mac[6]; // that the host did not want
	int64_t deadline; // VP 0's, once it is told to stop: by then it is down, orderly or not
	_Atomic uint32_t n_attached; // how often the NIC came up
	// Queues above 0
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic uint32_t n_running; // 0: paused
	uint32_t n_serving;
	struct vp vp[VSC_MAX_QUEUES];
};

// Starts the threads. 0 or -errno.
int guest_start(struct guest *guest, const struct options *opt, struct guest_pages *pages,
	struct synic *synic, struct hypercall *hypercall, struct endpoint *ep);
// Has the NIC taken down in order, within a few seconds; ended_fd tells.
void guest_stop(struct guest *guest);
void guest_join(struct guest *guest); // and frees
