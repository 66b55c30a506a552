/* SPDX-License-Identifier: BSD-3-Clause */
#include "synic.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "synic_state.h"

#define MESSAGE_TYPE   1u
#define EVENT_WORDS    (SLOT_SIZE / sizeof(uint64_t))
#define FLAG_PENDING   1u
#define MAX_INTERRUPTS 16

void synic_raise_vp(struct synic_vp *vp)
{
	const uint64_t one = 1;

	if (write(vp->raise_fd, &one, sizeof(one)) < 0)
		return; // full: it is raised
}

int synic_watch(struct synic_vp *vp, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(vp->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int vp_init(struct synic_vp *vp)
{
	vp->epoll = epoll_create1(EPOLL_CLOEXEC);
	vp->raise_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vp->epoll < 0 || vp->raise_fd < 0)
		return -errno;
	return synic_watch(vp, vp->raise_fd);
}

struct synic *synic_create(struct guest_mem *mem, uint32_t n_vps)
{
	struct synic *s = calloc(1, sizeof(*s) + n_vps * sizeof(s->vp[0]));
	int ret = 0;

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->mem = mem;
	s->n_vps = n_vps;
	for (uint32_t i = 0; i < n_vps; i++)
		s->vp[i].epoll = s->vp[i].raise_fd = -1;
	for (uint32_t i = 0; i < n_vps && ret == 0; i++)
		ret = vp_init(&s->vp[i]);
	if (ret == 0)
		return s;
	synic_destroy(s);
	errno = -ret;
	return NULL;
}

void synic_destroy(struct synic *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->n_vps; i++) {
		if (s->vp[i].epoll >= 0)
			close(s->vp[i].epoll);
		if (s->vp[i].raise_fd >= 0)
			close(s->vp[i].raise_fd);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void synic_on_room(struct synic *s, void (*room)(void *arg), void *arg)
{
	s->room = room;
	s->room_arg = arg;
}

// With the lock: puts the next message into the slot if that is free.
static void deliver(struct synic_vp *vp)
{
	const struct queued *q = &vp->queue[vp->first];
	struct message_slot *slot = vp->slot;

	if (slot == NULL || vp->n == 0)
		return;
	if (atomic_load_explicit(&slot->type, memory_order_acquire) != 0) {
		atomic_fetch_or(&slot->flags, FLAG_PENDING);
		atomic_thread_fence(memory_order_seq_cst);
		// Busy: the guest has seen the flag, or will, and ends the message.
		if (atomic_load(&slot->type) != 0)
			return;
	}
	memcpy(slot->payload, q->msg, q->len);
	slot->size = q->len;
	slot->port = 0;
	atomic_store(&slot->flags, vp->n > 1 ? FLAG_PENDING : 0);
	atomic_store_explicit(&slot->type, MESSAGE_TYPE, memory_order_release);
	vp->first = (vp->first + 1) % SYNIC_QUEUE;
	vp->n--;
	synic_raise_vp(vp);
}

int synic_post_message(void *synic, uint32_t vp_index, const void *msg, size_t len)
{
	struct synic *s = synic;
	struct synic_vp *vp;
	struct queued *q;
	int ret = 0;

	if (vp_index >= s->n_vps)
		return -ENODEV;
	if (len > VMBUS_MESSAGE_MAX)
		return -EINVAL;
	vp = &s->vp[vp_index];
	pthread_mutex_lock(&s->lock);
	if (vp->n == SYNIC_QUEUE) {
		ret = -EAGAIN;
	} else {
		q = &vp->queue[(vp->first + vp->n++) % SYNIC_QUEUE];
		memcpy(q->msg, msg, len);
		q->len = len;
	}
	deliver(vp);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

int synic_enable(struct synic *s, uint32_t vp_index, uint64_t simp, uint64_t siefp)
{
	uint8_t *messages = guest_mem_at(s->mem, simp, GUEST_PAGE_SIZE);
	uint8_t *events = guest_mem_at(s->mem, siefp, GUEST_PAGE_SIZE);
	struct synic_vp *vp;

	if (vp_index >= s->n_vps || messages == NULL || events == NULL || simp == 0 || siefp == 0 ||
		(simp | siefp) % GUEST_PAGE_SIZE != 0)
		return -EINVAL;
	vp = &s->vp[vp_index];
	pthread_mutex_lock(&s->lock);
	// What the pages held before would look like a slot in use.
	memset(messages, 0, GUEST_PAGE_SIZE);
	memset(events, 0, GUEST_PAGE_SIZE);
	vp->simp = simp;
	vp->siefp = siefp;
	vp->slot = (struct message_slot *)messages + VMBUS_SINT;
	vp->events = (_Atomic uint64_t *)(events + VMBUS_SINT * SLOT_SIZE);
	synic_tell_places(s, vp_index);
	deliver(vp);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void synic_disable(struct synic *s, uint32_t vp_index)
{
	struct synic_vp *vp = &s->vp[vp_index];

	pthread_mutex_lock(&s->lock);
	vp->simp = vp->siefp = 0;
	vp->slot = NULL;
	vp->events = NULL;
	vp->n = 0;
	synic_tell_places(s, vp_index);
	pthread_mutex_unlock(&s->lock);
}

int synic_fd(const struct synic *s, uint32_t vp)
{
	return s->vp[vp].epoll;
}

unsigned synic_ack(struct synic *s, uint32_t vp)
{
	struct epoll_event ev[MAX_INTERRUPTS];
	int n = epoll_wait(s->vp[vp].epoll, ev, MAX_INTERRUPTS, 0);

	return n > 0 ? n : 0;
}

// The guest ends a message: the next one may come.
static void end_of_message(struct synic *s, struct synic_vp *vp)
{
	bool was_full;

	pthread_mutex_lock(&s->lock);
	was_full = vp->n == SYNIC_QUEUE;
	deliver(vp);
	pthread_mutex_unlock(&s->lock);
	if (was_full && s->room != NULL)
		s->room(s->room_arg);
}

unsigned synic_take_message(struct synic *s, uint32_t vp_index, void *msg)
{
	struct synic_vp *vp = &s->vp[vp_index];
	struct message_slot *slot = vp->slot;
	unsigned len;

	if (slot == NULL || atomic_load_explicit(&slot->type, memory_order_acquire) == 0)
		return 0;
	len = slot->size < VMBUS_MESSAGE_MAX ? slot->size : VMBUS_MESSAGE_MAX;
	memcpy(msg, slot->payload, len);
	atomic_store(&slot->type, 0);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&slot->flags) & FLAG_PENDING)
		end_of_message(s, vp);
	return len;
}

unsigned synic_take_events(
	struct synic *s, uint32_t vp_index, void (*event)(void *arg, uint32_t flag), void *arg)
{
	struct synic_vp *vp = &s->vp[vp_index];
	unsigned n = 0;

	for (unsigned i = 0; vp->events != NULL && i < EVENT_WORDS; i++) {
		uint64_t bits;

		if (atomic_load_explicit(&vp->events[i], memory_order_relaxed) == 0)
			continue;
		for (bits = atomic_exchange(&vp->events[i], 0); bits != 0; bits &= bits - 1) {
			uint32_t flag = i * 64 + __builtin_ctzll(bits);

			if (flag == 0)
				continue;
			n++;
			if (event != NULL)
				event(arg, flag);
		}
	}
	return n;
}

void synic_raise(struct synic *s, uint32_t vp)
{
	synic_raise_vp(&s->vp[vp]);
}
