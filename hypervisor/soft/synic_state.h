/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of the interrupt controller share.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "synic.h"

#define MAX_BINDINGS 256
#define SLOT_SIZE    256u

// One slot of the message page.
struct message_slot {
	_Atomic uint32_t type; // 0: free
	uint8_t size;
	_Atomic uint8_t flags;
	uint16_t reserved;
	uint64_t port;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};
static_assert(sizeof(struct message_slot) == SLOT_SIZE);

struct queued {
	uint8_t len;
	uint8_t msg[VMBUS_MESSAGE_MAX];
};

struct synic_vp {
	int epoll, raise_fd;
	uint64_t simp, siefp; // 0: off
	struct message_slot *slot;
	_Atomic uint64_t *events;
	unsigned first, n;
	struct queued queue[SYNIC_QUEUE];
};

struct interrupt {
	int fd;
	uint32_t vp;
	struct vmbus_event_place *place;
};

struct connection {
	uint32_t id;
	int fd;
};

struct synic {
	pthread_mutex_t lock; // all but what the VP's thread does in the pages
	struct guest_mem *mem;
	void (*room)(void *arg);
	void *room_arg;
	unsigned n_interrupts, n_connections;
	struct interrupt interrupt[MAX_BINDINGS];
	struct connection connection[MAX_BINDINGS];
	uint32_t n_vps;
	struct synic_vp vp[];
};

void synic_raise_vp(struct synic_vp *vp);
// Edge-triggered, so that nobody has to read what was written.
int synic_watch(struct synic_vp *vp, int fd);
int synic_post_message(void *synic, uint32_t vp, const void *msg, size_t len);
// With the lock: all places that are on this VP are told anew.
void synic_tell_places(struct synic *s, uint32_t vp);
