/* SPDX-License-Identifier: BSD-3-Clause */
// Guests coming and going on a vhost port. All but init and fini runs on rte_vhost's thread,
// or on the main thread while it unregisters the socket.
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "log.h"

bool vhost_fences = true;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vhost_port *ports;

void vhost_fences_init(void)
{
	vhost_fences =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
}

// The port of a device id; it cannot go while a callback runs: close() unregisters first.
static struct vhost_port *port_of(int vid)
{
	char path[VSW_PATH_SIZE];
	struct vhost_port *v;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return NULL;
	pthread_mutex_lock(&lock);
	for (v = ports; v != NULL; v = v->next)
		if (strcmp(v->path, path) == 0)
			break;
	pthread_mutex_unlock(&lock);
	return v;
}

static struct vhost_port *port_served(int vid)
{
	struct vhost_port *v = port_of(vid);

	return v != NULL && atomic_load(&v->connection) == vid ? v : NULL;
}

static void poke(struct vhost_port *v)
{
	uint64_t one = 1;

	for (uint16_t q = 0; q < v->port->n_rx_queues; q++)
		if (write(v->poke_fd[q], &one, sizeof(one)) < 0)
			continue; // full: it is being woken
}

static void wait_for(const struct vhost_slot *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		while (atomic_load_explicit(&slots[i].busy, memory_order_acquire))
			sched_yield();
}

// When this returns no worker uses the device, and none will.
static void device_retract(struct vhost_port *v)
{
	atomic_store(&v->vid, -1);
	if (!vhost_fences)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	wait_for(v->rx, RTE_DIM(v->rx));
	wait_for(v->tx, RTE_DIM(v->tx));
}

static uint32_t caps_of(uint64_t features)
{
	uint32_t caps = PORT_TX_MULTI | PORT_TX_SHARED;

	if (!(features & 1ull << VIRTIO_NET_F_GUEST_CSUM))
		return caps;
	caps |= PORT_TX_CSUM;
	if (features & 1ull << VIRTIO_NET_F_GUEST_TSO4)
		caps |= PORT_TX_TSO4;
	if (features & 1ull << VIRTIO_NET_F_GUEST_TSO6)
		caps |= PORT_TX_TSO6;
	return caps;
}

// The duplicate keeps the fd's number ours. Edge-triggered: each kick makes the epoll readable
// once and nobody ever has to read the guest's eventfd.
static void kick_attach(struct vhost_port *v, int vid, uint16_t vring)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	struct rte_vhost_vring info;
	uint16_t q = vring / 2 % v->port->n_rx_queues;
	int fd;

	if (v->kick_fd[vring] >= 0 || rte_vhost_get_vhost_vring(vid, vring, &info) != 0 ||
		info.kickfd < 0)
		return;
	fd = fcntl(info.kickfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (epoll_ctl(v->epoll_fd[q], EPOLL_CTL_ADD, fd, &ev) != 0) {
		close(fd);
		return;
	}
	v->kick_fd[vring] = fd;
}

static void kick_detach(struct vhost_port *v, uint16_t vring)
{
	uint16_t q = vring / 2 % v->port->n_rx_queues;

	if (v->kick_fd[vring] < 0)
		return;
	epoll_ctl(v->epoll_fd[q], EPOLL_CTL_DEL, v->kick_fd[vring], NULL);
	close(v->kick_fd[vring]);
	v->kick_fd[vring] = -1;
}

static uint16_t pairs(const bool *enabled)
{
	uint16_t n = 0;

	while (n < VHOST_PAIRS_MAX && enabled[2 * n])
		n++;
	return n;
}

// A vring's even number is for frames to the guest. May be called with rte_vhost's queue locks
// held: nothing here waits for a worker.
static void vring_set(struct vhost_port *v, int vid, uint16_t vring, bool on)
{
	v->enabled[vring] = on;
	if (vring % 2 == 1) {
		if (on)
			kick_attach(v, vid, vring);
		else
			kick_detach(v, vring);
	}
	atomic_store(&v->n_to_guest, pairs(v->enabled));
	atomic_store(&v->n_from_guest, pairs(v->enabled + 1));
	poke(v);
}

// The port, if this connection is the one it serves or can become it. A guest that restarts
// may be here before the end of its last connection is noticed, so a second connection is not
// turned away, it just gets nothing as long as the first is there.
static struct vhost_port *serve(int vid)
{
	struct vhost_port *v = port_of(vid);
	struct rte_vhost_vring info;
	int none = -1;

	if (v == NULL || atomic_load(&v->connection) == vid)
		return v;
	if (!atomic_compare_exchange_strong(&v->connection, &none, vid))
		return NULL;
	// What it said before went unheard. A vring that is off gives and takes nothing.
	for (uint16_t i = 0; i < RTE_MIN(rte_vhost_get_vring_num(vid), 2 * VHOST_PAIRS_MAX); i++)
		if (rte_vhost_get_vhost_vring(vid, i, &info) == 0 && info.desc != NULL)
			vring_set(v, vid, i, true);
	return v;
}

static int new_connection(int vid)
{
	serve(vid);
	return 0;
}

static void destroy_connection(int vid)
{
	struct vhost_port *v = port_served(vid);

	if (v == NULL)
		return;
	for (uint16_t i = 0; i < 2 * VHOST_PAIRS_MAX; i++)
		if (v->enabled[i])
			vring_set(v, vid, i, false);
	atomic_store(&v->connection, -1);
}

static int new_device(int vid)
{
	struct vhost_port *v = serve(vid);
	uint64_t features = 0;
	uint32_t caps;

	if (v == NULL || rte_vhost_get_negotiated_features(vid, &features) != 0)
		return -1;
	caps = caps_of(features);
	atomic_store(&v->features, features);
	atomic_store(&v->caps, caps);
	// Workers read it once a burst; tx_burst catches a frame resolved for the last guest.
	__atomic_store_n(&v->port->tx_caps, caps, __ATOMIC_RELAXED);
	atomic_store(&v->vid, vid);
	poke(v);
	// Debug: a guest can do this as often as it likes. Links are reported by the main thread.
	log_debug("vhost", "port %s: guest connected, features %#lx", v->port->cfg.name, features);
	return 0;
}

static void destroy_device(int vid)
{
	struct vhost_port *v = port_served(vid);

	if (v == NULL || atomic_load(&v->vid) != vid)
		return;
	device_retract(v);
	log_debug("vhost", "port %s: guest gone", v->port->cfg.name);
}

static int vring_state_changed(int vid, uint16_t vring, int enable)
{
	struct vhost_port *v = serve(vid);

	if (v != NULL && vring < 2 * VHOST_PAIRS_MAX)
		vring_set(v, vid, vring, enable != 0);
	return 0;
}

const struct rte_vhost_device_ops vhost_callbacks = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.vring_state_changed = vring_state_changed,
	.new_connection = new_connection,
	.destroy_connection = destroy_connection,
};

// False: a port has that path already (rte_vhost would take it twice).
static bool publish(struct vhost_port *v)
{
	struct vhost_port *p;

	pthread_mutex_lock(&lock);
	for (p = ports; p != NULL; p = p->next)
		if (strcmp(p->path, v->path) == 0)
			break;
	if (p == NULL) {
		v->next = ports;
		ports = v;
	}
	pthread_mutex_unlock(&lock);
	return p == NULL;
}

int vhost_device_init(struct vhost_port *v)
{
	for (uint16_t i = 0; i < 2 * VHOST_PAIRS_MAX; i++)
		v->kick_fd[i] = -1;
	for (uint16_t q = 0; q < VSW_MAX_QUEUES; q++)
		v->epoll_fd[q] = v->poke_fd[q] = -1;
	for (uint16_t q = 0; q < v->port->n_rx_queues; q++) {
		struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

		v->epoll_fd[q] = epoll_create1(EPOLL_CLOEXEC);
		v->poke_fd[q] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (v->epoll_fd[q] < 0 || v->poke_fd[q] < 0 ||
			epoll_ctl(v->epoll_fd[q], EPOLL_CTL_ADD, v->poke_fd[q], &ev) != 0) {
			int ret = -errno;

			vhost_device_fini(v);
			return ret;
		}
		v->port->queue[q].rx_fd = v->epoll_fd[q];
	}
	if (!publish(v)) {
		vhost_device_fini(v);
		return -EEXIST;
	}
	return 0;
}

void vhost_device_fini(struct vhost_port *v)
{
	pthread_mutex_lock(&lock);
	for (struct vhost_port **p = &ports; *p != NULL; p = &(*p)->next) {
		if (*p == v) {
			*p = v->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	for (uint16_t i = 0; i < 2 * VHOST_PAIRS_MAX; i++)
		kick_detach(v, i);
	for (uint16_t q = 0; q < v->port->n_rx_queues; q++) {
		if (v->epoll_fd[q] >= 0)
			close(v->epoll_fd[q]);
		if (v->poke_fd[q] >= 0)
			close(v->poke_fd[q]);
		v->port->queue[q].rx_fd = -1;
	}
}
