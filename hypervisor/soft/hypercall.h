/* SPDX-License-Identifier: BSD-3-Clause */
// HvPostMessage between a guest's thread and the bus's: as on a processor, the call returns when
// the bus has dealt with it.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/proto.h>

struct hypercall {
	pthread_mutex_t lock;
	pthread_cond_t done;
	int fd; // readable when one waits
	bool waits, closed;
	uint32_t connection_id;
	size_t len;
	int ret;
	uint8_t msg[VMBUS_MESSAGE_MAX];
};

int hypercall_init(struct hypercall *h); // 0 or -errno
void hypercall_fini(struct hypercall *h);

// One guest thread at a time. What the bus said, or -ECANCELED after hypercall_close().
int hypercall_post(struct hypercall *h, uint32_t connection_id, const void *msg, size_t len);
// The bus's thread: has what waits dealt with.
void hypercall_run(struct hypercall *h,
	int (*handle)(void *arg, uint32_t connection_id, const void *msg, size_t len), void *arg);
void hypercall_close(struct hypercall *h); // nobody deals with them any more
