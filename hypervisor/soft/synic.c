/* SPDX-License-Identifier: BSD-3-Clause */
#include "synic.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENT_WORDS    (HV_SYNIC_FLAGS_SIZE / sizeof(uint64_t))
#define MAX_INTERRUPTS 16

struct synic_vp {
	int epoll, raise_fd;
	struct hv_message_slot *slot; // NULL: off
	_Atomic uint64_t *events;
};

struct synic {
	struct hv_synic *hv;
	struct guest_mem *mem;
	void (*room)(void *arg);
	void *room_arg;
	uint32_t n_vps;
	struct synic_vp vp[];
};

// ---- the host's side

static void inject(void *arg, uint32_t vp)
{
	synic_raise(arg, vp);
}

// The guest says so each time.
static void watch_slot(void *, uint32_t, bool)
{
}

// The controller's own table serves.
static int bind_connection(void *, uint32_t, int)
{
	return 0;
}

// Edge-triggered, so that nobody has to read what was written.
static int watch(struct synic_vp *vp, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(vp->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int bind_interrupt(void *arg, uint32_t vp, int fd, bool on)
{
	struct synic *s = arg;

	if (on)
		return watch(&s->vp[vp], fd);
	return epoll_ctl(s->vp[vp].epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

static void tell_room(void *arg)
{
	struct synic *s = arg;

	if (s->room != NULL)
		s->room(s->room_arg);
}

static const struct hv_synic_host host = {
	.inject = inject,
	.watch_slot = watch_slot,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
	.room = tell_room,
};

static int vp_init(struct synic_vp *vp)
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
	s->mem = mem;
	s->n_vps = n_vps;
	for (uint32_t i = 0; i < n_vps; i++)
		s->vp[i].epoll = s->vp[i].raise_fd = -1;
	s->hv = hv_synic_create(mem, n_vps, &host, s);
	if (s->hv == NULL)
		ret = -errno;
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
	hv_synic_destroy(s->hv);
	for (uint32_t i = 0; i < s->n_vps; i++) {
		if (s->vp[i].epoll >= 0)
			close(s->vp[i].epoll);
		if (s->vp[i].raise_fd >= 0)
			close(s->vp[i].raise_fd);
	}
	free(s);
}

struct hv_synic *synic_hv(const struct synic *s)
{
	return s->hv;
}

void synic_on_room(struct synic *s, void (*room)(void *arg), void *arg)
{
	s->room = room;
	s->room_arg = arg;
}

// ---- the guest's side

int synic_enable(struct synic *s, uint32_t vp, uint64_t simp, uint64_t siefp)
{
	uint8_t *messages = guest_mem_at(s->mem, simp, GUEST_PAGE_SIZE);
	uint8_t *events = guest_mem_at(s->mem, siefp, GUEST_PAGE_SIZE);

	if (vp >= s->n_vps || messages == NULL || events == NULL || simp == 0 || siefp == 0 ||
		(simp | siefp) % GUEST_PAGE_SIZE != 0)
		return -EINVAL;
	// Zeroed first, then seen by the guest's thread, then written to: as Linux does it.
	hv_synic_msr(s->hv, vp, 0, siefp | HV_SYNIC_ON, simp | HV_SYNIC_ON);
	s->vp[vp].slot = (struct hv_message_slot *)messages + VMBUS_SINT;
	s->vp[vp].events = (_Atomic uint64_t *)(events + VMBUS_SINT * HV_SYNIC_FLAGS_SIZE);
	hv_synic_msr(s->hv, vp, HV_SYNIC_ON, siefp | HV_SYNIC_ON, simp | HV_SYNIC_ON);
	return 0;
}

void synic_disable(struct synic *s, uint32_t vp)
{
	hv_synic_msr(s->hv, vp, 0, 0, 0);
	s->vp[vp].slot = NULL;
	s->vp[vp].events = NULL;
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

unsigned synic_take_message(struct synic *s, uint32_t vp, void *msg)
{
	struct hv_message_slot *slot = s->vp[vp].slot;
	unsigned len;

	if (slot == NULL || atomic_load_explicit(&slot->type, memory_order_acquire) == 0)
		return 0;
	len = slot->size < VMBUS_MESSAGE_MAX ? slot->size : VMBUS_MESSAGE_MAX;
	memcpy(msg, slot->payload, len);
	atomic_store(&slot->type, 0);
	atomic_thread_fence(memory_order_seq_cst);
	if ((atomic_load(&slot->flags) & HV_MESSAGE_PENDING) != 0)
		hv_synic_slot_freed(s->hv, vp); // as writing EOM would
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

int synic_signal(struct synic *s, uint32_t connection_id)
{
	return hv_synic_signal(s->hv, connection_id);
}

void synic_raise(struct synic *s, uint32_t vp)
{
	const uint64_t one = 1;

	if (write(s->vp[vp].raise_fd, &one, sizeof(one)) < 0)
		return; // full: it is raised
}
