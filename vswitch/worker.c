/* SPDX-License-Identifier: BSD-3-Clause */
// Workers as the main thread sees them: started, stopped, given queues, waited for.
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "datapath.h"
#include "mbuf_pool.h"

#define RING_SLOTS  2048 // frames between two workers
#define PATIENCE_MS 20   // with a worker that may hang
#define SPIN_US     20   // until one has passed by
#define NAP_NS      50000

const char *const worker_stage_names[6] = {"rx", "ingress", "lookup", "forward", "egress", "tx"};

struct worker *vsw_workers[VSW_MAX_WORKERS];
unsigned vsw_n_workers;
_Atomic(struct vsw_port *) vsw_ports[VSW_MAX_PORTS + 1];
struct rte_rcu_qsbr *vsw_rcu;

#define NOBODY 0xff

// Which worker polls a port's queue.
static uint8_t owners[VSW_MAX_PORTS + 1][VSW_MAX_QUEUES];
static uint64_t last_busy[VSW_MAX_WORKERS], last_total[VSW_MAX_WORKERS];
static double loads[VSW_MAX_WORKERS];
static uint64_t last_loops[VSW_MAX_WORKERS];
static void (*rescue)(void);
// The workers' sets once more: leak checkers do not look into DPDK's memory.
static const struct poll_set *sets[VSW_MAX_WORKERS];

static void wake(struct worker *w)
{
	uint64_t one = 1;

	if (write(w->wake_fd, &one, sizeof(one)) < 0)
		return; // full: awake already
}

static void free_worker(struct worker *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < VSW_MAX_WORKERS; i++) {
		struct crossing item;

		while (w->in[i] != NULL &&
			rte_ring_sc_dequeue_elem(w->in[i], &item, sizeof(item)) == 0)
			rte_pktmbuf_free(item.m);
		rte_ring_free(w->in[i]);
	}
	if (w->offload != NULL)
		offload_destroy(w->offload);
	if (w->epfd >= 0)
		close(w->epfd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	free((void *)(uintptr_t)w->set);
	rte_free(w->ctr);
	rte_free(w);
}

static struct worker *make_worker(
	unsigned index, unsigned lcore, const struct worker_options *options)
{
	const int socket = rte_lcore_to_socket_id(lcore);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = EVENT_WAKE};
	struct worker *w = rte_zmalloc_socket("worker", sizeof(*w), RTE_CACHE_LINE_SIZE, socket);

	if (w == NULL)
		return NULL;
	w->index = index;
	w->lcore = lcore;
	w->poll = options->poll;
	w->profile = options->profile;
	w->pool = mbuf_pool(socket);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->ctr = rte_zmalloc_socket(
		"counters", sizeof(*w->ctr) * (VSW_MAX_PORTS + 1), RTE_CACHE_LINE_SIZE, socket);
	w->set = sets[index] = calloc(1, sizeof(struct poll_set));
	w->offload = offload_create(w->pool, socket);
	if (w->wake_fd < 0 || w->epfd < 0 || w->ctr == NULL || w->set == NULL ||
		w->offload == NULL || epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->wake_fd, &ev) < 0)
		goto fail;
	for (unsigned from = 0; from < options->n_workers; from++) {
		char name[RTE_RING_NAMESIZE];

		if (from == index)
			continue;
		snprintf(name, sizeof(name), "w%u-w%u", from, index);
		w->in[from] = rte_ring_create_elem(name, sizeof(struct crossing), RING_SLOTS,
			socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (w->in[from] == NULL)
			goto fail;
	}
	return w;
fail:
	free_worker(w);
	return NULL;
}

int workers_start(const struct worker_options *options)
{
	size_t size = rte_rcu_qsbr_get_memsize(VSW_MAX_WORKERS);
	int ret = -ENOMEM;

	if (options->n_workers == 0 || options->n_workers > VSW_MAX_WORKERS)
		return -EINVAL;
	vsw_rcu = rte_zmalloc("rcu", size, RTE_CACHE_LINE_SIZE);
	if (vsw_rcu == NULL)
		return -ENOMEM;
	rte_rcu_qsbr_init(vsw_rcu, VSW_MAX_WORKERS);
	for (unsigned i = 0; i < options->n_workers; i++) {
		vsw_workers[i] = make_worker(i, options->lcores[i], options);
		if (vsw_workers[i] == NULL)
			goto fail;
	}
	vsw_n_workers = options->n_workers;
	for (unsigned i = 0; i < vsw_n_workers && !options->no_threads; i++) {
		ret = rte_eal_remote_launch(worker_run, vsw_workers[i], vsw_workers[i]->lcore);
		if (ret < 0)
			goto fail;
	}
	return 0;
fail:
	workers_stop();
	return ret;
}

void workers_stop(void)
{
	for (unsigned i = 0; i < vsw_n_workers; i++) {
		atomic_store(&vsw_workers[i]->stop, true);
		wake(vsw_workers[i]);
	}
	for (unsigned i = 0; i < vsw_n_workers; i++)
		rte_eal_wait_lcore(vsw_workers[i]->lcore);
	vsw_n_workers = 0;
	for (unsigned i = 0; i < VSW_MAX_WORKERS; i++) {
		free_worker(vsw_workers[i]);
		vsw_workers[i] = NULL;
	}
	rte_free(vsw_rcu);
	vsw_rcu = NULL;
}

unsigned workers_count(void)
{
	return vsw_n_workers;
}

void workers_set_rescue(void (*fn)(void))
{
	rescue = fn;
}

// Called again and again while the main thread waits for workers.
static void be_patient(uint64_t *until)
{
	const uint64_t now = rte_rdtsc();

	if (*until != 0 && now < *until)
		return;
	if (*until != 0 && rescue != NULL)
		rescue();
	*until = now + rte_get_tsc_hz() / 1000 * PATIENCE_MS;
}

// A worker that polls passes by within microseconds. One that does not may be waiting for this
// very processor: it is left to others, by a sleep, as a yield goes back to whoever is ahead.
void workers_synchronize(void)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	const uint64_t token = rte_rcu_qsbr_start(vsw_rcu);
	const uint64_t spin = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * SPIN_US;
	uint64_t until = 0;

	while (rte_rcu_qsbr_check(vsw_rcu, token, false) == 0) {
		be_patient(&until);
		if (rte_rdtsc() < spin)
			rte_pause();
		else
			nanosleep(&nap, NULL);
	}
}

static unsigned least_loaded(void)
{
	unsigned best = 0;

	for (unsigned i = 1; i < vsw_n_workers; i++)
		if (vsw_workers[i]->stats.n_queues < vsw_workers[best]->stats.n_queues)
			best = i;
	return best;
}

// Replaces w's poll set by one without `out` and, if `in` is not NULL, with a queue of it.
// -ENOMEM leaves the old one. Not from DPDK's memory: ports must go when that is used up.
static int change_set(
	struct worker *w, const struct vsw_port *out, struct vsw_port *in, uint16_t queue)
{
	const struct poll_set *old = w->set;
	struct poll_set *set = calloc(1, sizeof(*set) + (old->n + 1) * sizeof(set->q[0]));

	if (set == NULL)
		return -ENOMEM;
	set->n_fd = old->n_fd;
	for (uint16_t i = 0; i < old->n; i++) {
		if (old->q[i].port == out)
			continue;
		set->n_timer += old->q[i].port->wake == PORT_WAKE_TIMER;
		set->q[set->n++] = old->q[i];
	}
	if (in != NULL && in->wake == PORT_WAKE_FD) {
		set->n_fd++;
	} else if (in != NULL) {
		set->n_timer += in->wake == PORT_WAKE_TIMER;
		set->q[set->n].port = in;
		set->q[set->n++].queue = queue;
	}
	if (out != NULL && out->wake == PORT_WAKE_FD)
		for (uint16_t q = 0; q < out->n_rx_queues; q++)
			set->n_fd -= owners[out->id][q] == w->index;
	sets[w->index] = set;
	atomic_store_explicit(&w->set, set, memory_order_release);
	wake(w);
	workers_synchronize();
	free((void *)(uintptr_t)old);
	return 0;
}

static int give_queue(struct worker *w, struct vsw_port *port, uint16_t queue)
{
	struct epoll_event ev = {.data.u64 = event_of(port, queue)};
	int fd = port->queue[queue].rx_fd;
	int ret;

	if (port->wake != PORT_WAKE_TIMER && fd >= 0) {
		ev.events = port->wake == PORT_WAKE_FD ? EPOLLIN : 0;
		if (epoll_ctl(w->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
			return -errno;
	}
	ret = change_set(w, NULL, port, queue);
	if (ret < 0) {
		if (port->wake != PORT_WAKE_TIMER && fd >= 0)
			epoll_ctl(w->epfd, EPOLL_CTL_DEL, fd, NULL);
		return ret;
	}
	owners[port->id][queue] = w->index;
	w->stats.n_queues++;
	return 0;
}

static void take_queues(struct vsw_port *port, uint16_t n)
{
	for (uint16_t q = 0; q < n; q++) {
		struct worker *w = vsw_workers[owners[port->id][q]];

		if (port->wake != PORT_WAKE_TIMER && port->queue[q].rx_fd >= 0)
			epoll_ctl(w->epfd, EPOLL_CTL_DEL, port->queue[q].rx_fd, NULL);
		w->stats.n_queues--;
	}
	for (unsigned i = 0; i < vsw_n_workers; i++) {
		bool has = false;

		for (uint16_t q = 0; q < n; q++)
			has |= owners[port->id][q] == i;
		// Without memory the set stays as it is: try until there is some.
		while (has && change_set(vsw_workers[i], port, NULL, 0) < 0)
			usleep(1000);
	}
	memset(owners[port->id], NOBODY, sizeof(owners[0]));
}

static void free_stages(uint16_t id)
{
	for (unsigned i = 0; i < vsw_n_workers; i++) {
		struct tx_burst *b = atomic_exchange(&vsw_workers[i]->stage[id], NULL);

		rte_free(b);
	}
}

int workers_attach(struct vsw_port *port)
{
	uint16_t q = 0;
	int ret = -ENOMEM;

	for (unsigned i = 0; i < vsw_n_workers; i++) {
		struct tx_burst *b = rte_zmalloc_socket(
			"stage", sizeof(*b), RTE_CACHE_LINE_SIZE, port->socket_id);

		if (b == NULL)
			goto fail;
		atomic_store_explicit(&vsw_workers[i]->stage[port->id], b, memory_order_release);
	}
	memset(owners[port->id], NOBODY, sizeof(owners[0]));
	// Who transmits also has the first queue: what has one each way is one worker's alone.
	port->tx_owner = least_loaded();
	atomic_store_explicit(&vsw_ports[port->id], port, memory_order_release);
	for (; q < port->n_rx_queues; q++) {
		ret = give_queue(vsw_workers[q == 0 ? port->tx_owner : least_loaded()], port, q);
		if (ret < 0)
			goto fail;
	}
	return 0;
fail:
	take_queues(port, q);
	atomic_store(&vsw_ports[port->id], NULL);
	workers_synchronize();
	free_stages(port->id);
	return ret;
}

// Returns when what the rings hold now has been taken out.
static void wait_for_rings(void)
{
	for (unsigned to = 0; to < vsw_n_workers; to++) {
		for (unsigned from = 0; from < vsw_n_workers; from++) {
			struct rte_ring *ring = vsw_workers[to]->in[from];
			uint32_t tail = ring != NULL ? ring->prod.tail : 0;
			uint64_t until = 0;

			while (ring != NULL && (int32_t)(tail - ring->cons.tail) > 0) {
				be_patient(&until);
				wake(vsw_workers[to]);
				usleep(50);
			}
		}
	}
}

void workers_detach(struct vsw_port *port)
{
	take_queues(port, port->n_rx_queues);
	atomic_store_explicit(&vsw_ports[port->id], NULL, memory_order_release);
	workers_synchronize();
	wait_for_rings();
	workers_synchronize();
	free_stages(port->id);
}

int workers_owner(const struct vsw_port *port, uint16_t queue)
{
	return queue < port->n_rx_queues ? owners[port->id][queue] : -EINVAL;
}

void workers_tick(void)
{
	for (unsigned i = 0; i < vsw_n_workers; i++) {
		const struct worker_stats *s = &vsw_workers[i]->stats;
		uint64_t total = rte_rdtsc();

		// Neither asleep nor at work for a whole second: it hangs.
		if (s->loops == last_loops[i] && rescue != NULL &&
			!atomic_load_explicit(&vsw_workers[i]->sleeping, memory_order_relaxed))
			rescue();
		last_loops[i] = s->loops;
		if (last_total[i] != 0 && total > last_total[i])
			loads[i] = RTE_MIN(1.0,
				(double)(s->busy_cycles - last_busy[i]) / (total - last_total[i]));
		last_busy[i] = s->busy_cycles;
		last_total[i] = total;
	}
}

void workers_get_stats(unsigned worker, struct worker_stats *stats)
{
	*stats = vsw_workers[worker]->stats;
	stats->cpu = rte_lcore_to_cpu_id(vsw_workers[worker]->lcore);
	stats->load = loads[worker];
}
