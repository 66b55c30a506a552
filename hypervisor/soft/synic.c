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

#define MAX_BINDINGS  256
#define SLOT_SIZE     256u
#define MESSAGE_TYPE  1u
#define EVENT_WORDS   (SLOT_SIZE / sizeof(uint64_t))
#define FLAG_PENDING  1u
#define MAX_INTERRUPT 16

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

struct vp {
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
	struct vp vp[];
};

static void raise_vp(struct vp *vp)
{
	const uint64_t one = 1;

	if (write(vp->raise_fd, &one, sizeof(one)) < 0)
		return; // full: it is raised
}

// Edge-triggered, so that nobody has to read what was written.
static int watch(struct vp *vp, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(vp->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int vp_init(struct vp *vp)
{
	vp->epoll = epoll_create1(EPOLL_CLOEXEC);
	vp->raise_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vp->epoll < 0 || vp->raise_fd < 0)
		return -errno;
	return watch(vp, vp->raise_fd);
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
static void deliver(struct vp *vp)
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
	raise_vp(vp);
}

static int post_message(void *synic, uint32_t vp_index, const void *msg, size_t len)
{
	struct synic *s = synic;
	struct vp *vp;
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

static int bind_connection(void *synic, uint32_t connection_id, int kick_fd)
{
	struct synic *s = synic;
	unsigned i = 0;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	while (i < s->n_connections && s->connection[i].id != connection_id)
		i++;
	if (kick_fd < 0 && i < s->n_connections)
		s->connection[i] = s->connection[--s->n_connections];
	else if (kick_fd >= 0 && i == MAX_BINDINGS)
		ret = -ENOSPC;
	else if (kick_fd >= 0) {
		s->connection[i] = (struct connection){.id = connection_id, .fd = kick_fd};
		if (i == s->n_connections)
			s->n_connections++;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

// With the lock. What was not sent while the place changed is made good: a signal to look again.
static void set_event(const struct vp *vp, uint32_t flag)
{
	if (vp->events != NULL && flag <= VMBUS_MAX_RELID)
		atomic_fetch_or(&vp->events[flag / 64], 1ull << flag % 64);
}

// With the lock, the only writer.
static void tell_place(struct synic *s, const struct interrupt *in, bool bound)
{
	struct vmbus_event_place *place = in->place;
	uint32_t seq;

	if (place == NULL)
		return;
	seq = atomic_load_explicit(&place->seq, memory_order_relaxed) | 1;
	atomic_store_explicit(&place->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(
		&place->enabled, bound && s->vp[in->vp].siefp != 0, memory_order_relaxed);
	atomic_store_explicit(&place->gpa, bound ? s->vp[in->vp].siefp : 0, memory_order_relaxed);
	atomic_store_explicit(&place->target_vp, bound ? in->vp : 0, memory_order_relaxed);
	atomic_store_explicit(&place->seq, seq + 1, memory_order_release);
}

// With the lock. The descriptor may have been closed already.
static void unbind(struct synic *s, unsigned i)
{
	struct interrupt *in = &s->interrupt[i];

	epoll_ctl(s->vp[in->vp].epoll, EPOLL_CTL_DEL, in->fd, NULL);
	tell_place(s, in, false);
	*in = s->interrupt[--s->n_interrupts];
}

static int bind_interrupt(void *synic, uint32_t vp, int call_fd, struct vmbus_event_place *place)
{
	struct synic *s = synic;
	struct interrupt *in;
	int ret = 0;

	if (vp >= s->n_vps && vp != UINT32_MAX)
		return -ENODEV;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = s->n_interrupts; i-- > 0;)
		if (s->interrupt[i].fd == call_fd ||
			(place != NULL && s->interrupt[i].place == place))
			unbind(s, i);
	if (vp == UINT32_MAX)
		goto out;
	ret = s->n_interrupts == MAX_BINDINGS ? -ENOSPC : watch(&s->vp[vp], call_fd);
	if (ret < 0)
		goto out;
	in = &s->interrupt[s->n_interrupts++];
	*in = (struct interrupt){.fd = call_fd, .vp = vp, .place = place};
	tell_place(s, in, true);
	if (place != NULL)
		set_event(&s->vp[vp], atomic_load_explicit(&place->flag, memory_order_relaxed));
	// Flags that were set for an interrupt that got lost on the way would keep all later
	// ones away.
	raise_vp(&s->vp[vp]);
out:
	pthread_mutex_unlock(&s->lock);
	return ret;
}

const struct synic_ops soft_synic_ops = {
	.post_message = post_message,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
};

static void tell_places_of(struct synic *s, uint32_t vp)
{
	for (unsigned i = 0; i < s->n_interrupts; i++) {
		struct interrupt *in = &s->interrupt[i];

		if (in->vp != vp)
			continue;
		tell_place(s, in, true);
		if (in->place != NULL)
			set_event(&s->vp[vp], in->place->flag);
	}
	raise_vp(&s->vp[vp]);
}

int synic_enable(struct synic *s, uint32_t vp_index, uint64_t simp, uint64_t siefp)
{
	uint8_t *messages = guest_mem_at(s->mem, simp, GUEST_PAGE_SIZE);
	uint8_t *events = guest_mem_at(s->mem, siefp, GUEST_PAGE_SIZE);
	struct vp *vp;

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
	tell_places_of(s, vp_index);
	deliver(vp);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void synic_disable(struct synic *s, uint32_t vp_index)
{
	struct vp *vp = &s->vp[vp_index];

	pthread_mutex_lock(&s->lock);
	vp->simp = vp->siefp = 0;
	vp->slot = NULL;
	vp->events = NULL;
	vp->n = 0;
	tell_places_of(s, vp_index);
	pthread_mutex_unlock(&s->lock);
}

int synic_fd(const struct synic *s, uint32_t vp)
{
	return s->vp[vp].epoll;
}

unsigned synic_ack(struct synic *s, uint32_t vp)
{
	struct epoll_event ev[MAX_INTERRUPT];
	int n = epoll_wait(s->vp[vp].epoll, ev, MAX_INTERRUPT, 0);

	return n > 0 ? n : 0;
}

// The guest ends a message: the next one may come.
static void end_of_message(struct synic *s, struct vp *vp)
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
	struct vp *vp = &s->vp[vp_index];
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
	struct vp *vp = &s->vp[vp_index];
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

int synic_signal(struct synic *s, uint32_t connection_id)
{
	const uint64_t one = 1;
	int ret = -ENOENT;

	// The lock keeps the descriptor from being closed meanwhile.
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n_connections; i++)
		if (s->connection[i].id == connection_id)
			ret = write(s->connection[i].fd, &one, sizeof(one)) < 0 ? -errno : 0;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void synic_raise(struct synic *s, uint32_t vp)
{
	raise_vp(&s->vp[vp]);
}
