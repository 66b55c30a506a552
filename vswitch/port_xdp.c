/* SPDX-License-Identifier: BSD-3-Clause */
// A kernel NIC by AF_XDP: DPDK's driver, opened on an interface that nic/hold.h has prepared.
#include "port_nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "ethdev.h"
#include "log.h"
#include <vswitch/nic/ethtool.h>
#include "offload.h"
#include "xdp_pool.h"
#include "xdp_socket.h"

#define POOL_PER_QUEUE 6143 // the driver's rings, and what is on its way elsewhere
#define FREED_S        2    // after which nobody waits for queues to be freed
#define RETRY_USEC     50000

struct xdp {
	struct ethdev dev;
	bool partial; // software peer: may leave checksums unfinished
	int watch;    // our epoll of the driver's sockets
	struct rte_mempool *pool;
	struct xdp_sockets sockets; // the driver's
};

static unsigned closed_index; // the interface that was closed last
static uint64_t closed_at;    // and when, in timer cycles

static int count_queues(const struct vsw_port *port, uint16_t *n, struct vsw_error *err)
{
	const char *remedy = "use --driver af-packet, which takes frames of every queue";
	struct ethtool_queues queues = {};
	uint32_t all;

	ethtool_get_queues(port->cfg.ifname, &queues);
	all = queues.combined + queues.rx;
	*n = queues.combined > 0 ? queues.combined : 1;
	// A queue without a socket would give its frames to the host.
	if (all > *n)
		return vsw_fail(err, VSW_E_UNSUPPORTED, remedy,
			"NIC '%s' has %u receive queues, of which AF_XDP reaches %u only",
			port->cfg.ifname, all, *n);
	if (*n > VSW_MAX_QUEUES)
		return vsw_fail(err, VSW_E_UNSUPPORTED, remedy,
			"NIC '%s' has %u queues and does not take fewer; a port has at most %u",
			port->cfg.ifname, *n, VSW_MAX_QUEUES);
	return 0;
}

static void set_up_wake(struct vsw_port *port, struct xdp *xdp)
{
	port->wake = PORT_WAKE_TIMER;
	if (xdp->sockets.n == 0) {
		log_warn("port", "%s: the driver's sockets are not to be found: it is polled",
			port->cfg.name);
		return;
	}
	// Which socket serves which queue is not to be known; with several each worker wakes for
	// all of them.
	xdp->watch = xdp_sockets_watch(&xdp->sockets);
	if (xdp->watch < 0)
		return;
	for (uint16_t q = 0; q < port->n_rx_queues; q++)
		port->queue[q].rx_fd = q == 0 ? xdp->watch : dup(xdp->watch);
	port->wake = PORT_WAKE_ARMED;
}

// On failure everything is as it was; the driver has lost buffers, so the pool goes as well.
static int start(struct vsw_port *port, struct xdp *xdp, uint16_t n, struct vsw_error *err)
{
	struct xdp_sockets before;
	char devargs[128];
	int ret;

	xdp->pool = xdp_pool_create(n * POOL_PER_QUEUE, port->socket_id);
	if (xdp->pool == NULL)
		return vsw_fail(err, VSW_E_LIMIT,
			"give the daemon huge pages, or use --driver af-packet",
			"port '%s': no memory for its %u packet buffers of %d bytes",
			port->cfg.name, n * POOL_PER_QUEUE, getpagesize());
	port->pool = xdp->pool;
	snprintf(devargs, sizeof(devargs),
		"net_af_xdp%u,iface=%s,start_queue=0,queue_count=%u,"
		"busy_budget=0",
		port->id, port->cfg.ifname, n);
	ret = ethdev_attach(devargs, &xdp->dev.id, err);
	if (ret < 0)
		goto fail;
	xdp_sockets_find(&before);
	ret = ethdev_start(port, &xdp->dev, n, n, err);
	if (ret < 0) {
		if (err != NULL && xdp->partial)
			snprintf(err->remedy, sizeof(err->remedy),
				"use --driver af-packet; AF_XDP on a veth needs an MTU of at most "
				"%u on its other end",
				NIC_XDP_MTU);
		goto fail_start;
	}
	xdp_sockets_find(&xdp->sockets);
	xdp_sockets_new(&before, &xdp->sockets);
	return 0;

fail_start:
	ethdev_detach(xdp->dev.id);
	xdp_sockets_find(&xdp->sockets);
	xdp_sockets_new(&before, &xdp->sockets);
	xdp_sockets_close(&xdp->sockets);
fail:
	xdp_pool_retire(xdp->pool);
	xdp->pool = NULL;
	return ret;
}

// The kernel frees the queues of a closed socket a grace period later: until then a NIC that was
// just unbound is busy, and the driver does not say that this was the reason.
static int start_patiently(
	struct vsw_port *port, struct xdp *xdp, uint16_t n, struct vsw_error *err)
{
	int ret = start(port, xdp, n, err);

	while (ret < 0 && closed_index == port_nic_index(port) &&
		rte_get_timer_cycles() - closed_at < FREED_S * rte_get_timer_hz()) {
		usleep(RETRY_USEC);
		ret = start(port, xdp, n, err);
	}
	return ret;
}

static int xdp_open(struct vsw_port *port, struct vsw_error *err)
{
	struct xdp *xdp = rte_zmalloc_socket("xdp", sizeof(*xdp), 0, port->socket_id);
	struct rte_mempool *shared = port->pool;
	uint16_t n;
	int ret;

	if (xdp == NULL)
		return vsw_fail(
			err, VSW_E_INTERNAL, NULL, "no memory for port '%s'", port->cfg.name);
	xdp->watch = -1;
	xdp->partial = port_nic_is_software(port);
	ret = count_queues(port, &n, err);
	if (ret < 0)
		goto fail;
	libbpf_set_print(NULL); // it writes to stderr past our log
	// One program, ours, attached in the same way whether or not a bpf file system is mounted.
	setenv("LIBXDP_SKIP_DISPATCHER", "1", 0);
	port->priv = xdp;
	ret = start_patiently(port, xdp, n, err);
	if (ret < 0)
		goto fail;
	set_up_wake(port, xdp);
	port->tx_caps |= PORT_TX_MULTI;
	return 0;

fail:
	port->priv = NULL;
	port->pool = shared;
	rte_free(xdp);
	return ret;
}

static void xdp_close(struct vsw_port *port, bool)
{
	struct xdp *xdp = port->priv;

	for (uint16_t q = 0; xdp->watch >= 0 && q < port->n_rx_queues; q++) {
		close(port->queue[q].rx_fd);
		port->queue[q].rx_fd = -1;
	}
	ethdev_stop(&xdp->dev);
	ethdev_detach(xdp->dev.id);
	xdp_sockets_close(&xdp->sockets);
	closed_index = port_nic_index(port);
	closed_at = rte_get_timer_cycles();
	xdp_pool_retire(xdp->pool);
	rte_free(xdp);
	port->priv = NULL;
}

static uint16_t xdp_rx_burst(
	struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct xdp *xdp = port->priv;

	n = ethdev_rx(&xdp->dev, queue, pkts, n);
	xdp_pool_given(pkts, n);
	if (xdp->partial)
		for (uint16_t i = 0; i < n; i++)
			offload_mark_partial(pkts[i]);
	return n;
}

// The driver sends single buffers and copies those of other pools: a chain is copied here, into
// a buffer that it sends as it is. What fits the MTU fits a buffer.
static bool flatten(struct rte_mempool *pool, struct rte_mbuf **pkt)
{
	struct rte_mbuf *flat = rte_pktmbuf_alloc(pool);
	char *to;

	if (flat == NULL)
		return false;
	to = rte_pktmbuf_append(flat, (uint16_t)RTE_MIN((*pkt)->pkt_len, UINT16_MAX));
	if (to == NULL) {
		rte_pktmbuf_free(flat);
		return false;
	}
	for (const struct rte_mbuf *m = *pkt; m != NULL; to += m->data_len, m = m->next)
		memcpy(to, rte_pktmbuf_mtod(m, const void *), m->data_len);
	rte_pktmbuf_free(*pkt);
	*pkt = flat;
	return true;
}

static uint16_t xdp_tx_burst(
	struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct xdp *xdp = port->priv;

	for (uint16_t i = 0; i < n; i++)
		if (unlikely(pkts[i]->nb_segs > 1) && !flatten(xdp->pool, &pkts[i])) {
			n = i;
			break;
		}
	return ethdev_tx(&xdp->dev, queue, pkts, n);
}

static void xdp_lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	const struct xdp *xdp = port->priv;

	*rx_missed = *tx_lost = 0;
	xdp_sockets_lost(&xdp->sockets, rx_missed, tx_lost);
}

const struct vsw_port_ops port_xdp_ops = {
	.type = "nic",
	.open = xdp_open,
	.close = xdp_close,
	.rx_burst = xdp_rx_burst,
	.tx_burst = xdp_tx_burst,
	// The fd is readable while there are frames: there is nothing to arm.
	.set_mtu = ethdev_set_mtu,
	.describe = ethdev_describe,
	.lost = xdp_lost,
};
