/* SPDX-License-Identifier: BSD-3-Clause */
// A worker's life: poll while there is work, sleep when there is none.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

#include "datapath.h"

#define IDLE_MICROSECONDS 30      // polling on for this long is cheaper than being woken up
#define TIMER_NANOSECONDS 2000000 // for queues that cannot wake anybody
#define EVENTS            64
#define EPOLL_EVERY       16 // loops between looks at idle fds while polled queues are busy

static uint16_t poll_queue(struct worker *w, struct vsw_port *port, uint16_t queue)
{
	uint16_t n = port->ops->rx_burst(port, queue, w->rx.out.pkt, VSW_BURST);

	if (n == 0)
		return 0;
	stage_done(w, STAGE_RX);
	switch_input(w, port, n);
	w->stats.packets += n;
	return n;
}

// Frames that crossed: runs for one port leave together.
static void send_crossed(struct worker *w, const struct crossing *items, unsigned n)
{
	struct rte_mbuf *pkts[VSW_BURST];
	unsigned done = 0;

	while (done < n) {
		const uint16_t id = items[done].port;
		struct vsw_port *dst = port_of(id);
		unsigned k = 0;

		while (done < n && items[done].port == id)
			pkts[k++] = items[done++].m;
		if (likely(dst != NULL))
			port_transmit(w, dst, pkts, k, sum_bytes(pkts, k));
		else
			for (unsigned i = 0; i < k; i++)
				drop(&w->ctr[id], DROP_PORT_GONE, pkts[i]);
	}
}

// Everything that was in the rings when we looked: detaching a port waits for that.
static uint16_t poll_rings(struct worker *w)
{
	struct crossing items[VSW_BURST];
	uint16_t total = 0;

	for (unsigned from = 0; from < vsw_n_workers; from++) {
		struct rte_ring *ring = w->in[from];
		unsigned left = ring != NULL ? rte_ring_count(ring) : 0;

		while (left > 0) {
			unsigned n = rte_ring_sc_dequeue_burst_elem(ring, items, sizeof(items[0]),
				RTE_MIN(left, (unsigned)VSW_BURST), NULL);

			if (n == 0)
				break;
			left -= n;
			total += n;
			send_crossed(w, items, n);
		}
	}
	w->stats.ring_in += total;
	return total;
}

static uint16_t poll_set(struct worker *w, const struct poll_set *set)
{
	uint16_t total = 0;

	for (uint16_t i = 0; i < set->n; i++)
		total += poll_queue(w, set->q[i].port, set->q[i].queue);
	return total;
}

static uint16_t serve_events(struct worker *w, const struct epoll_event *ev, int n)
{
	uint16_t total = 0;
	uint64_t count;

	for (int i = 0; i < n; i++) {
		struct vsw_port *port;

		if (ev[i].data.u64 == EVENT_WAKE) {
			if (read(w->wake_fd, &count, sizeof(count)) < 0)
				continue;
			continue;
		}
		port = port_of(ev[i].data.u64 >> 16);
		// An armed queue's event only ends the sleep: the poll set has it.
		if (port != NULL && port->wake == PORT_WAKE_FD)
			total += poll_queue(w, port, ev[i].data.u64 & 0xffff);
	}
	return total;
}

static uint16_t poll_fds(struct worker *w)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(w->epfd, ev, EVENTS, 0);

	return n > 0 ? serve_events(w, ev, n) : 0;
}

static bool arm_all(struct worker *w, const struct poll_set *set)
{
	bool quiet = true;

	for (uint16_t i = 0; i < set->n; i++) {
		struct vsw_port *port = set->q[i].port;
		const uint16_t q = set->q[i].queue;
		struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};

		if (port->wake != PORT_WAKE_ARMED)
			continue;
		if (port->ops->arm != NULL && !port->ops->arm(port, q))
			quiet = false;
		ev.data.u64 = event_of(port, q);
		epoll_ctl(w->epfd, EPOLL_CTL_MOD, port->queue[q].rx_fd, &ev);
	}
	return quiet;
}

static void disarm_all(struct worker *w, const struct poll_set *set)
{
	for (uint16_t i = 0; i < set->n; i++) {
		struct vsw_port *port = set->q[i].port;
		const uint16_t q = set->q[i].queue;

		if (port->wake == PORT_WAKE_ARMED && port->ops->disarm != NULL)
			port->ops->disarm(port, q);
	}
}

static bool rings_empty(const struct worker *w)
{
	for (unsigned from = 0; from < vsw_n_workers; from++)
		if (w->in[from] != NULL && !rte_ring_empty(w->in[from]))
			return false;
	return true;
}

// Sleeps until a queue, a ring or the main thread has something. Returns the frames served
// straight from the wake-up. The poll set is held over the sleep by no one: the main thread
// wakes us after it has replaced it.
static uint16_t sleep_until_work(struct worker *w)
{
	struct epoll_event ev[EVENTS];
	const struct timespec slice = {.tv_nsec = TIMER_NANOSECONDS};
	const struct poll_set *set;
	uint64_t start = rte_rdtsc();
	uint16_t total = 0;
	int n = 0;

	atomic_store_explicit(&w->sleeping, true, memory_order_relaxed);
	// Pairs with the fence in egress.c's wake(): either we see the frame or it sees us.
	atomic_thread_fence(memory_order_seq_cst);
	// This round's set may be gone, and the wake-up that came with the new one, or with the
	// end, read by poll_fds() already.
	set = atomic_load_explicit(&w->set, memory_order_acquire);
	if (!atomic_load_explicit(&w->stop, memory_order_acquire) && arm_all(w, set) &&
		rings_empty(w)) {
		const bool timed = set->n_timer > 0;

		rte_rcu_qsbr_thread_offline(vsw_rcu, w->index);
		n = epoll_pwait2(w->epfd, ev, EVENTS, timed ? &slice : NULL, NULL);
		rte_rcu_qsbr_thread_online(vsw_rcu, w->index);
		w->stats.sleeps++;
		w->stats.sleep_cycles += rte_rdtsc() - start;
		// While offline the set may have been replaced and the old one freed.
		set = atomic_load_explicit(&w->set, memory_order_acquire);
	}
	atomic_store_explicit(&w->sleeping, false, memory_order_relaxed);
	disarm_all(w, set);
	if (unlikely(w->profile))
		w->tsc_stage = rte_rdtsc();
	if (n > 0)
		total = serve_events(w, ev, n);
	return total;
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	const uint64_t patience = rte_get_tsc_hz() / 1000000 * IDLE_MICROSECONDS;
	uint64_t last = rte_rdtsc(), idle_since = last;
	unsigned since_epoll = 0;
	bool fds_busy = true;

	prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0);
	rte_rcu_qsbr_thread_register(vsw_rcu, w->index);
	rte_rcu_qsbr_thread_online(vsw_rcu, w->index);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		const struct poll_set *set = atomic_load_explicit(&w->set, memory_order_acquire);
		uint32_t n;
		uint64_t now;

		if (unlikely(w->profile))
			w->tsc_stage = rte_rdtsc();
		n = poll_set(w, set);
		n += poll_rings(w);
		// Idle fds are looked at less often while polled queues keep us busy.
		if (set->n_fd > 0 && (n == 0 || fds_busy || ++since_epoll >= EPOLL_EVERY)) {
			uint16_t k = poll_fds(w);

			fds_busy = k > 0;
			since_epoll = 0;
			n += k;
		}
		rte_rcu_qsbr_quiescent(vsw_rcu, w->index);
		now = rte_rdtsc();
		w->stats.loops++;
		if (n > 0) {
			w->stats.busy_loops++;
			w->stats.busy_cycles += now - last;
			idle_since = now;
		} else {
			w->stats.idle_cycles += now - last;
			if (!w->poll && now - idle_since > patience) {
				n = sleep_until_work(w);
				set = atomic_load_explicit(&w->set, memory_order_acquire);
				if (n > 0) {
					fds_busy = true;
					idle_since = rte_rdtsc();
				} else if (set->n_timer == 0) {
					idle_since = rte_rdtsc();
				}
				now = rte_rdtsc();
			}
		}
		last = now;
	}
	rte_rcu_qsbr_thread_offline(vsw_rcu, w->index);
	rte_rcu_qsbr_thread_unregister(vsw_rcu, w->index);
	return 0;
}
