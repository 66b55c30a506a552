/* SPDX-License-Identifier: BSD-3-Clause */
// Several threads post, the guest empties slots and ends messages: none is lost, none comes
// twice, each poster's stay in order. Signals reach the guest while their channel moves.
//
//   posters ──▶ hv_synic ──▶ slot ──▶ guest, a thread a VP
//                  ▲  watched: epoll ◀── end of message (an eventfd, as KVM's)
//                main
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <hypervisor/hyperv/synic.h>
#include <hypervisor/vmbus/channel.h>

#include "vmbus_memory.h"

#define N_VPS     2u
#define N_POSTERS 3u
#define N_MSGS    4000u // of each poster to each VP
#define N_SIGNALS 20000u
#define SPINS     300u
#define PATIENCE  20000 // ms without anything: it is lost
#define ON        1ull
#define SLOT      512u

struct slot {
	_Atomic uint32_t type;
	uint8_t size;
	_Atomic uint8_t flags;
	uint16_t reserved;
	uint64_t port;
	uint32_t payload[60];
};

struct message {
	uint32_t poster, number;
};

static struct guest_mem mem;
static struct hv_synic *synic;
static int interrupt_fd[N_VPS]; // epoll: what is injected, and what is bound
static int inject_fd[N_VPS], eom_fd[N_VPS], watch_epoll, room_fd;
static atomic_bool stop;
static atomic_uint faults; // cmocka's asserts are for its own thread
static atomic_uint n_taken[N_POSTERS];

static void fault(void)
{
	atomic_fetch_add(&faults, 1);
}

static uint64_t simp(uint32_t vp)
{
	return (1 + 2ull * vp) * GUEST_PAGE_SIZE;
}

static uint64_t siefp(uint32_t vp)
{
	return (2 + 2ull * vp) * GUEST_PAGE_SIZE;
}

// ---- the host

static void inject(void *, uint32_t vp)
{
	eventfd_write(inject_fd[vp], 1);
}

static void watch_slot(void *, uint32_t vp, bool on)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = vp};

	if (epoll_ctl(watch_epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, eom_fd[vp], &ev) < 0)
		fault();
}

static int bind_connection(void *, uint32_t, int)
{
	return 0;
}

static int bind_interrupt(void *, uint32_t vp, int fd, bool on)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

	return epoll_ctl(interrupt_fd[vp], on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &ev);
}

static void room(void *)
{
	eventfd_write(room_fd, 1);
}

static const struct hv_synic_host host = {
	.inject = inject,
	.watch_slot = watch_slot,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
	.room = room,
};

static void *run_main(void *)
{
	struct epoll_event ev[N_VPS];
	eventfd_t count;

	while (!atomic_load(&stop)) {
		int n = epoll_wait(watch_epoll, ev, N_VPS, 50);

		for (int i = 0; i < n; i++) {
			eventfd_read(eom_fd[ev[i].data.u32], &count);
			hv_synic_slot_freed(synic, ev[i].data.u32);
		}
	}
	return NULL;
}

static int setup(void **)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

	make_memory(&mem, 8);
	atomic_store(&stop, false);
	atomic_store(&faults, 0);
	for (uint32_t i = 0; i < N_POSTERS; i++)
		atomic_store(&n_taken[i], 0);
	watch_epoll = epoll_create1(0);
	room_fd = eventfd(0, EFD_NONBLOCK);
	synic = hv_synic_create(&mem, N_VPS, &host, NULL);
	assert_non_null(synic);
	for (uint32_t i = 0; i < N_VPS; i++) {
		interrupt_fd[i] = epoll_create1(0);
		inject_fd[i] = eventfd(0, EFD_NONBLOCK);
		eom_fd[i] = eventfd(0, EFD_NONBLOCK);
		epoll_ctl(interrupt_fd[i], EPOLL_CTL_ADD, inject_fd[i], &ev);
		hv_synic_msr(synic, i, ON, siefp(i) | ON, simp(i) | ON);
	}
	return 0;
}

static int teardown(void **)
{
	hv_synic_destroy(synic);
	for (uint32_t i = 0; i < N_VPS; i++) {
		close(interrupt_fd[i]);
		close(inject_fd[i]);
		close(eom_fd[i]);
	}
	close(room_fd);
	close(watch_epoll);
	guest_mem_clear(&mem);
	return 0;
}

// ---- messages

// Mostly a few at a time, so that what is lost is not made good by what comes next; now and then
// as many as the queue does not hold.
static void await_taken(uint32_t poster, uint32_t number)
{
	if (number % 3 != 0 || number % 512 > 384)
		return;
	while (atomic_load(&n_taken[poster]) < (number + 1) * N_VPS && atomic_load(&faults) == 0)
		sched_yield();
}

static void *run_poster(void *arg)
{
	struct message m = {.poster = (uintptr_t)arg};
	struct pollfd wait = {.fd = room_fd, .events = POLLIN};
	eventfd_t count;

	for (m.number = 0; m.number < N_MSGS; m.number++) {
		for (uint32_t vp = 0; vp < N_VPS; vp++)
			while (hv_synic_ops.post_message(synic, vp, &m, sizeof(m)) == -EAGAIN) {
				// Others may take the news away: look again now and then.
				poll(&wait, 1, 5);
				eventfd_read(room_fd, &count);
			}
		await_taken(m.poster, m.number);
	}
	return NULL;
}

// An interrupt: edges, taken as KVM's guest takes them. False: none for too long.
static bool await_interrupt(uint32_t vp)
{
	struct epoll_event ev[4];

	return epoll_wait(interrupt_fd[vp], ev, 4, PATIENCE) > 0;
}

static unsigned take_messages(uint32_t vp, uint32_t next[N_POSTERS])
{
	struct slot *slot = (struct slot *)guest_mem_at(&mem, simp(vp) + SLOT, sizeof(*slot));
	struct message m;
	uint32_t type;
	unsigned n = 0;

	while ((type = atomic_load_explicit(&slot->type, memory_order_acquire)) != 0) {
		if (slot->size != sizeof(m))
			fault();
		memcpy(&m, slot->payload, sizeof(m));
		if (m.poster >= N_POSTERS || next[m.poster]++ != m.number)
			fault();
		else
			atomic_fetch_add(&n_taken[m.poster], 1);
		n++;
		atomic_compare_exchange_strong(&slot->type, &type, 0);
		if ((atomic_load(&slot->flags) & 1) != 0)
			eventfd_write(eom_fd[vp], 1);
	}
	return n;
}

static void *run_guest(void *arg)
{
	uint32_t vp = (uintptr_t)arg, next[N_POSTERS] = {}, n = 0;

	while (n < N_POSTERS * N_MSGS) {
		if (!await_interrupt(vp)) {
			fault();
			break;
		}
		// Some look again for a while, as busy guests do: slots are freed at any moment.
		for (unsigned i = 0; i < SPINS; i++)
			n += take_messages(vp, next);
	}
	return NULL;
}

static void no_message_is_lost_or_comes_twice(void **)
{
	pthread_t posters[N_POSTERS], guests[N_VPS], main_thread;

	pthread_create(&main_thread, NULL, run_main, NULL);
	for (uintptr_t i = 0; i < N_VPS; i++)
		pthread_create(&guests[i], NULL, run_guest, (void *)i);
	for (uintptr_t i = 0; i < N_POSTERS; i++)
		pthread_create(&posters[i], NULL, run_poster, (void *)i);
	for (uint32_t i = 0; i < N_VPS; i++)
		pthread_join(guests[i], NULL);
	for (uint32_t i = 0; i < N_POSTERS && atomic_load(&faults) == 0; i++)
		pthread_join(posters[i], NULL);
	atomic_store(&stop, true);
	pthread_join(main_thread, NULL);
	assert_int_equal(atomic_load(&faults), 0);
}

// ---- signals

static struct vmbus_event_place place;
static struct vmbus_channel channel;
static _Atomic uint32_t ring; // stands for one: what the guest must see at the end

static void *run_worker(void *)
{
	for (uint32_t i = 1; i <= N_SIGNALS; i++) {
		atomic_store(&ring, i);
		channel.signal(&channel);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *run_mover(void *)
{
	for (uint32_t i = 0; !atomic_load(&stop); i++)
		if (hv_synic_ops.bind_interrupt(synic, i % N_VPS, channel.call_fd, &place) != 0)
			fault();
	return NULL;
}

// Looks at the ring only when interrupted, with the channel's flag set.
static void *run_signalled(void *arg)
{
	struct pollfd fds[N_VPS];
	_Atomic uint32_t *flags;
	struct epoll_event ev[4];
	uint32_t seen = 0;

	for (uint32_t i = 0; i < N_VPS; i++)
		fds[i] = (struct pollfd){.fd = interrupt_fd[i], .events = POLLIN};
	while (seen != N_SIGNALS) {
		if (poll(fds, N_VPS, PATIENCE) <= 0) {
			fault();
			break;
		}
		for (uint32_t i = 0; i < N_VPS; i++) {
			if (epoll_wait(interrupt_fd[i], ev, 4, 0) <= 0)
				continue;
			flags = (_Atomic uint32_t *)guest_mem_at(&mem, siefp(i) + SLOT, 256);
			if ((atomic_exchange(&flags[place.flag / 32], 0) & 1u << place.flag % 32) !=
				0)
				seen = atomic_load(&ring);
		}
	}
	*(uint32_t *)arg = seen;
	return NULL;
}

static void no_signal_is_lost_while_its_channel_moves(void **)
{
	pthread_t worker, mover, guest;
	uint32_t seen = 0;

	place = (struct vmbus_event_place){.flag = 77};
	channel = (struct vmbus_channel){
		.mem = &mem,
		.call_fd = eventfd(0, EFD_NONBLOCK),
		.place = &place,
		.signal = vmbus_channel_interrupt,
	};
	atomic_store(&ring, 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic, 0, channel.call_fd, &place), 0);
	pthread_create(&guest, NULL, run_signalled, &seen);
	pthread_create(&mover, NULL, run_mover, NULL);
	pthread_create(&worker, NULL, run_worker, NULL);
	pthread_join(worker, NULL);
	atomic_store(&stop, true);
	pthread_join(mover, NULL);
	pthread_join(guest, NULL);
	assert_int_equal(atomic_load(&faults), 0);
	assert_int_equal(seen, N_SIGNALS);
	close(channel.call_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_message_is_lost_or_comes_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_signal_is_lost_while_its_channel_moves, setup, teardown),
	};

	return cmocka_run_group_tests_name("hv_synic_race", tests, NULL, NULL);
}
