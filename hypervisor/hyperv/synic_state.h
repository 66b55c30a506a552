/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of the interrupt controller share.
#pragma once

#include <pthread.h>

#include "synic.h"

#define MAX_BINDINGS 256

struct queued {
	uint8_t len;
	uint8_t msg[VMBUS_MESSAGE_MAX];
};

struct synic_vp {
	uint64_t simp, siefp;         // page addresses and bit 0, or 0: off, or nowhere
	struct hv_message_slot *slot; // NULL: nothing can be delivered
	_Atomic uint32_t *flags;
	bool watched, refused; // somebody's message, as the queue was full
	unsigned first, n;
	struct queued queue[HV_SYNIC_QUEUE];
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

struct hv_synic {
	pthread_mutex_t lock; // all
	struct guest_mem *mem;
	const struct hv_synic_host *host;
	void *host_arg;
	unsigned n_interrupts, n_connections;
	struct interrupt interrupt[MAX_BINDINGS];
	struct connection connection[MAX_BINDINGS];
	uint32_t n_vps;
	struct synic_vp vp[];
};

int hv_synic_bind_connection(void *synic, uint32_t connection_id, int kick_fd);
int hv_synic_bind_interrupt(void *synic, uint32_t vp, int call_fd, struct vmbus_event_place *place);
// With the lock: the event flags of the VP are elsewhere, or nowhere.
void hv_synic_move_places(struct hv_synic *s, uint32_t vp);
