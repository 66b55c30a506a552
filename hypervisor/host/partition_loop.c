/* SPDX-License-Identifier: BSD-3-Clause */
// What the main thread waits for.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "partition_state.h"

#define EVENTS_PER_TURN 32

// In an event's data: an index into watch[], and its generation above; or one of these.
#define DATA_WAKE (UINT32_MAX)
#define DATA_SLOT 0x10000u // + VP

uint64_t loop_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static struct watch *find(struct partition *p, int fd)
{
	for (unsigned i = 0; i < PARTITION_MAX_WATCHES; i++)
		if (p->watch[i].fd == fd)
			return &p->watch[i];
	return NULL;
}

static int control(struct partition *p, int op, struct watch *w, uint32_t events)
{
	struct epoll_event ev = {
		.events = events,
		.data.u64 = (uint64_t)w->generation << 32 | (w - p->watch),
	};

	return epoll_ctl(p->epoll, op, w->fd, &ev) < 0 ? -errno : 0;
}

int partition_watch(struct partition *p, int fd, uint32_t events,
	void (*ready)(void *arg, uint32_t events), void *arg)
{
	struct watch *w = find(p, -1);
	int ret;

	if (w == NULL)
		return -ENOSPC;
	*w = (struct watch){.fd = fd, .generation = ++p->n_generations, .ready = ready, .arg = arg};
	ret = control(p, EPOLL_CTL_ADD, w, events);
	if (ret < 0)
		w->fd = -1;
	return ret;
}

int partition_rewatch(struct partition *p, int fd, uint32_t events)
{
	struct watch *w = fd < 0 ? NULL : find(p, fd);

	return w == NULL ? -ENOENT : control(p, EPOLL_CTL_MOD, w, events);
}

void partition_unwatch(struct partition *p, int fd)
{
	struct watch *w = fd < 0 ? NULL : find(p, fd);

	if (w == NULL)
		return;
	epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
	w->fd = -1;
}

// ---- slots of messages

int loop_add_slots(struct partition *p)
{
	for (uint32_t vp = 0; vp < p->opt->cpus; vp++) {
		struct epoll_event ev = {.data.u64 = DATA_SLOT + vp};

		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, vm_slot_fd(p->vm, vp), &ev) < 0)
			return -errno;
	}
	return 0;
}

void loop_remove_slots(struct partition *p)
{
	for (uint32_t vp = 0; vp < p->opt->cpus; vp++)
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, vm_slot_fd(p->vm, vp), NULL);
}

void loop_watch_slot(struct partition *p, uint32_t vp, bool on)
{
	struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.u64 = DATA_SLOT + vp};
	int fd = vm_slot_fd(p->vm, vp);

	// What was freed just before we look is looked at, too.
	if (on)
		eventfd_write(fd, 1);
	epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &ev);
}

static void slot_is_ready(struct partition *p, uint32_t vp)
{
	eventfd_t count;

	if (p->vm == NULL || eventfd_read(vm_slot_fd(p->vm, vp), &count) < 0)
		return;
	hv_synic_slot_freed(p->synic, vp);
}

// ---- turns

static void dispatch(struct partition *p, const struct epoll_event *ev)
{
	uint32_t data = ev->data.u64, generation = ev->data.u64 >> 32;
	eventfd_t count;

	if (data == DATA_WAKE) {
		eventfd_read(p->wake_fd, &count);
	} else if (data >= DATA_SLOT) {
		slot_is_ready(p, data - DATA_SLOT);
	} else {
		const struct watch *w = &p->watch[data];

		// May have been taken away by an event before this one.
		if (w->fd >= 0 && w->generation == generation)
			w->ready(w->arg, ev->events);
	}
}

int loop_turn(struct partition *p, int timeout_ms)
{
	struct epoll_event ev[EVENTS_PER_TURN];
	int n = epoll_wait(p->epoll, ev, EVENTS_PER_TURN, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		dispatch(p, &ev[i]);
	return 0;
}

void partition_want(struct partition *p, enum partition_want want)
{
	atomic_fetch_or(&p->wants, want);
	eventfd_write(p->wake_fd, 1);
}

// The signals are blocked by who started us, before any thread was made.
static int make_signal_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int loop_create(struct partition *p)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = DATA_WAKE};

	for (unsigned i = 0; i < PARTITION_MAX_WATCHES; i++)
		p->watch[i].fd = -1;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	p->signal_fd = make_signal_fd();
	if (p->epoll < 0 || p->wake_fd < 0 || p->timer_fd < 0 || p->signal_fd < 0)
		return -errno;
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake_fd, &ev) < 0 ? -errno : 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void loop_destroy(struct partition *p)
{
	close_fd(p->signal_fd);
	close_fd(p->timer_fd);
	close_fd(p->wake_fd);
	close_fd(p->epoll);
}
