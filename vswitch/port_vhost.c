/* SPDX-License-Identifier: BSD-3-Clause */
// Port type vhost: a guest's virtio-net by vhost-user, through the rte_vhost library. Both
// directions copy, so the guest's memory is never held.
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_log.h>
#include <rte_version.h>
#include <rte_vhost.h>

#include "log.h"
#include "offload.h"
#include "vhost.h"

// Before, a guest could make the checksum code read out of bounds (CVE-2024-11614).
static_assert(RTE_VERSION >= RTE_VERSION_NUM(22, 11, 7, 0), "DPDK 22.11.7 or newer");

#define BURST_OF_LIBRARY 32 // it takes no more at once

// rte_vhost says that a sum is unfinished and that a frame is to be cut; the rest is found in
// our own copy of the frame. Frames that are not what they claim to be are dropped.
static uint16_t adopt(struct vhost_port *v, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (unlikely(m->ol_flags != 0 && offload_from_rx(m) != 0)) {
			rte_pktmbuf_free(m);
			atomic_fetch_add_explicit(&v->malformed, 1, memory_order_relaxed);
			continue;
		}
		pkts[k++] = m;
	}
	return k;
}

// A guest may have more queue pairs than the port has queues: each queue serves every n-th.
static uint16_t vhost_rx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct vhost_port *v = port->priv;
	uint16_t stride = port->n_rx_queues, got = 0;
	int vid = vhost_enter(v, &v->rx[queue]);

	if (likely(vid >= 0)) {
		uint16_t n_pairs = atomic_load_explicit(&v->n_from_guest, memory_order_relaxed);

		for (uint16_t p = queue; p < n_pairs; p += stride) {
			uint16_t part;

			do {
				part = rte_vhost_dequeue_burst(vid, 2 * p + 1, port->pool,
					pkts + got, RTE_MIN(n - got, BURST_OF_LIBRARY));
				got += part;
			} while (part == BURST_OF_LIBRARY && got < n);
		}
	}
	vhost_leave(&v->rx[queue]);
	return adopt(v, pkts, got);
}

// Frames with work: the library writes into their headers, so shared ones are copied; what
// this guest does not understand goes to the end. Returns how many may be sent.
static uint16_t sort_out(struct vsw_port *port, struct rte_mbuf **pkts, uint16_t n, uint32_t caps)
{
	uint16_t i = 0;

	while (i < n) {
		struct rte_mbuf *m = pkts[i];
		bool fits = offload_fits(m, caps);

		if (fits && m->ol_flags & OFFLOAD_WORK &&
			(rte_mbuf_refcnt_read(m) > 1 || !RTE_MBUF_DIRECT(m))) {
			struct rte_mbuf *copy = rte_pktmbuf_copy(m, port->pool, 0, UINT32_MAX);

			fits = copy != NULL;
			if (fits) {
				rte_pktmbuf_free(m);
				pkts[i] = copy;
			}
		}
		if (fits) {
			i++;
			continue;
		}
		memmove(pkts + i, pkts + i + 1, (n - i - 1u) * sizeof(*pkts));
		pkts[--n] = m;
	}
	return n;
}

static uint16_t vhost_tx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct vhost_port *v = port->priv;
	uint64_t work = 0;
	uint16_t sent = 0;
	int vid;

	for (uint16_t i = 0; i < n; i++)
		work |= pkts[i]->ol_flags;
	vid = vhost_enter(v, &v->tx[queue]);
	if (likely(vid >= 0)) {
		uint16_t n_pairs = atomic_load_explicit(&v->n_to_guest, memory_order_relaxed);
		uint16_t vring = n_pairs > 1 ? 2 * (queue % n_pairs) : 0;

		if (unlikely(work & OFFLOAD_WORK))
			n = sort_out(port, pkts, n,
				atomic_load_explicit(&v->caps, memory_order_relaxed));
		while (n_pairs > 0 && sent < n) {
			uint16_t part = RTE_MIN(n - sent, BURST_OF_LIBRARY);
			uint16_t done = rte_vhost_enqueue_burst(vid, vring, pkts + sent, part);

			sent += done;
			if (done < part)
				break;
		}
	}
	vhost_leave(&v->tx[queue]);
	rte_pktmbuf_free_bulk(pkts, sent);
	return sent;
}

static bool vhost_arm(struct vsw_port *port, uint16_t queue)
{
	struct vhost_port *v = port->priv;
	int vid = vhost_enter(v, &v->rx[queue]);
	bool quiet = true;

	if (vid >= 0) {
		uint16_t n_pairs = atomic_load_explicit(&v->n_from_guest, memory_order_relaxed);

		for (uint16_t p = queue; p < n_pairs; p += port->n_rx_queues)
			rte_vhost_enable_guest_notification(vid, 2 * p + 1, 1);
		// The guest reads "notify me" after its frames are out, or we see the frames.
		atomic_thread_fence(memory_order_seq_cst);
		for (uint16_t p = queue; p < n_pairs && quiet; p += port->n_rx_queues)
			// Without a kick the guest cannot wake anybody: its queue is polled.
			quiet = rte_vhost_rx_queue_count(vid, 2 * p + 1) == 0 &&
			        v->kick_fd[2 * p + 1] >= 0;
	}
	vhost_leave(&v->rx[queue]);
	return quiet;
}

static void vhost_disarm(struct vsw_port *port, uint16_t queue)
{
	struct vhost_port *v = port->priv;
	struct epoll_event ev[8];
	int vid = vhost_enter(v, &v->rx[queue]);

	if (vid >= 0) {
		uint16_t n_pairs = atomic_load_explicit(&v->n_from_guest, memory_order_relaxed);

		for (uint16_t p = queue; p < n_pairs; p += port->n_rx_queues)
			rte_vhost_enable_guest_notification(vid, 2 * p + 1, 0);
	}
	vhost_leave(&v->rx[queue]);
	epoll_wait(v->epoll_fd[queue], ev, RTE_DIM(ev), 0);
}

static int register_socket(const struct vsw_port *port, struct vsw_error *err)
{
	const struct port_config *cfg = &port->cfg;
	// One pair unless asked for more; fragmentation offload nowhere.
	uint64_t unwanted = 1ull << VIRTIO_NET_F_HOST_UFO | 1ull << VIRTIO_NET_F_GUEST_UFO;
	uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
	const char *path = cfg->vhost.path;
	mode_t mask;
	int ret;

	if (cfg->vhost.mode == VHOST_CLIENT)
		flags |= RTE_VHOST_USER_CLIENT;
	if (port->n_rx_queues == 1)
		unwanted |= 1ull << VIRTIO_NET_F_MQ;
	if (rte_vhost_driver_register(path, flags) != 0)
		return vsw_fail(err, VSW_E_LIMIT, "delete vhost ports that are no longer used",
			"port '%s': rte_vhost takes no further socket", cfg->name);
	// Nobody may connect before the file has its owner and mode.
	mask = umask(0177);
	if (rte_vhost_driver_disable_features(path, unwanted) != 0 ||
		rte_vhost_driver_callback_register(path, &vhost_callbacks) != 0 ||
		rte_vhost_driver_start(path) != 0)
		ret = vsw_fail(err, VSW_E_DEVICE, "the daemon's log has DPDK's own words",
			"port '%s': vhost socket '%s' cannot be opened", cfg->name, path);
	else
		ret = cfg->vhost.mode == VHOST_SERVER ? vhost_socket_own(cfg, err) : 0;
	umask(mask);
	if (ret != 0)
		rte_vhost_driver_unregister(path);
	return ret;
}

static void set_up_library(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	vhost_fences_init();
	// A guest must not be able to write our log.
	rte_log_set_level_pattern("lib.vhost.data", RTE_LOG_EMERG);
	rte_log_set_level_pattern("lib.vhost.config", RTE_LOG_ERR);
}

static int vhost_open(struct vsw_port *port, struct vsw_error *err)
{
	size_t size = RTE_ALIGN_CEIL(sizeof(struct vhost_port), RTE_CACHE_LINE_SIZE);
	struct vhost_port *v;
	int ret;

	ret = vhost_socket_prepare(&port->cfg, err);
	if (ret != 0)
		return ret;
	set_up_library();
	v = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	if (v == NULL)
		return vsw_fail(
			err, VSW_E_INTERNAL, NULL, "port '%s': out of memory", port->cfg.name);
	memset(v, 0, size);
	v->vid = v->connection = -1;
	v->port = port;
	snprintf(v->path, sizeof(v->path), "%s", port->cfg.vhost.path);
	port->priv = v;
	port->n_rx_queues = RTE_MAX(port->cfg.queues, 1);
	// rte_vhost locks a vring while it copies, so any number of workers may send.
	port->n_tx_queues = RTE_MAX(workers_count(), 1u);
	port->wake = PORT_WAKE_ARMED;
	// Until a guest says what it can.
	port->tx_caps = PORT_TX_MULTI | PORT_TX_SHARED;
	ret = vhost_device_init(v);
	if (ret == -EEXIST) {
		ret = vsw_fail(err, VSW_E_BUSY, "choose another --vhost-socket",
			"port '%s': another port has the vhost socket '%s'", port->cfg.name,
			v->path);
		goto err_device;
	}
	if (ret != 0) {
		ret = vsw_fail(err, VSW_E_LIMIT, "raise the limit of open files",
			"port '%s': no wake-up descriptors: %s", port->cfg.name, strerror(-ret));
		goto err_device;
	}
	ret = register_socket(port, err);
	if (ret != 0)
		goto err_socket;
	return 0;

err_socket:
	vhost_device_fini(v);
err_device:
	port->priv = NULL;
	free(v);
	return ret;
}

static void vhost_close(struct vsw_port *port, bool)
{
	struct vhost_port *v = port->priv;

	rte_vhost_driver_unregister(v->path);
	vhost_device_fini(v);
	port->priv = NULL;
	free(v);
}

static int vhost_set_mtu(struct vsw_port *, uint16_t, struct vsw_error *)
{
	return 0; // the switch holds frames to it; the guest has its own
}

static void vhost_get_link(struct vsw_port *port, struct port_link *link)
{
	const struct vhost_port *v = port->priv;

	*link = (struct port_link){.up = atomic_load(&v->vid) >= 0};
	if (!link->up)
		snprintf(link->reason, sizeof(link->reason), "%s",
			atomic_load(&v->connection) >= 0 ? "guest connected, its driver is not up"
							 : "no guest connected");
}

static void vhost_describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	const struct vhost_port *v = port->priv;
	uint64_t f = atomic_load(&v->features);
	char text[128];

	add(arg, "guest", atomic_load(&v->vid) >= 0 ? "connected" : "none");
	if (atomic_load(&v->vid) < 0)
		return;
	snprintf(text, sizeof(text), "%u from guest, %u to guest", atomic_load(&v->n_from_guest),
		atomic_load(&v->n_to_guest));
	add(arg, "queue_pairs", text);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s",
		f & 1ull << VIRTIO_NET_F_MRG_RXBUF ? "mergeable " : "",
		f & 1ull << VIRTIO_NET_F_CSUM ? "csum " : "",
		f & 1ull << VIRTIO_NET_F_HOST_TSO4 ? "tso " : "",
		f & 1ull << VIRTIO_NET_F_GUEST_CSUM ? "guest_csum " : "",
		f & 1ull << VIRTIO_NET_F_GUEST_TSO4 ? "guest_tso4 " : "",
		f & 1ull << VIRTIO_NET_F_GUEST_TSO6 ? "guest_tso6 " : "");
	add(arg, "offloads", text);
}

static void vhost_lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	const struct vhost_port *v = port->priv;

	*rx_missed = atomic_load_explicit(&v->malformed, memory_order_relaxed);
	*tx_lost = 0;
}

const struct vsw_port_ops port_vhost_ops = {
	.type = "vhost",
	.open = vhost_open,
	.close = vhost_close,
	.rx_burst = vhost_rx,
	.tx_burst = vhost_tx,
	.arm = vhost_arm,
	.disarm = vhost_disarm,
	.set_mtu = vhost_set_mtu,
	.get_link = vhost_get_link,
	.describe = vhost_describe,
	.lost = vhost_lost,
};
