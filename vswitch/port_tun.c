/* SPDX-License-Identifier: BSD-3-Clause */
// Ports of type host (the host's own interface on the switch) and tap (one for a container, a
// namespace or QEMU): the same tap device, seen from the other side.
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_ether.h>

#include <linux/if_tun.h>

#include "rx_window.h"
#include "tun_device.h"
#include "vnet_hdr.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#endif

#define TX_SEGS_MAX 64

struct tun_port {
	struct tun_device dev;
	_Atomic bool gone; // the interface was deleted under us
	// Read for statistics only
	_Atomic uint64_t rx_malformed;
	_Atomic uint64_t tx_refused;
	uint64_t kernel_dropped_before; // by the interface, until we opened it
	uint64_t kernel_dropped;
};

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

// A deleted interface leaves an fd that reports an error for ever and would keep a worker
// awake. Something that never becomes readable takes its place and number.
static void fall_silent(struct tun_port *tun, int fd)
{
	int silent = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	atomic_store_explicit(&tun->gone, true, memory_order_relaxed);
	if (silent < 0)
		return;
	dup3(silent, fd, O_CLOEXEC);
	close(silent);
}

static uint16_t rx_burst(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct tun_port *tun = port->priv;
	struct rx_window *win = rx_window_of(port->pool);
	struct virtio_net_hdr hdr;
	uint16_t got = 0;
	ssize_t len;

	if (unlikely(win == NULL))
		return 0;
	while (got < n && rx_window_ready(win)) {
		len = readv(
			tun->dev.fd[queue], rx_window_iov(win, &hdr, sizeof(hdr)), 1 + win->need);
		if (len < (ssize_t)(sizeof(hdr) + RTE_ETHER_HDR_LEN)) {
			if (len < 0 && errno == EBADFD)
				fall_silent(tun, tun->dev.fd[queue]);
			else if (len >= 0 || (errno != EAGAIN && errno != EINTR))
				count(&tun->rx_malformed);
			break;
		}
		pkts[got] = rx_window_take(win, len - sizeof(hdr));
		if (likely(vnet_hdr_to_mbuf(&hdr, pkts[got]) == 0)) {
			got++;
		} else {
			rte_pktmbuf_free(pkts[got]);
			count(&tun->rx_malformed);
		}
	}
	return got;
}

// 0 or -errno
static int write_frame(int fd, const struct rte_mbuf *m)
{
	struct iovec iov[1 + TX_SEGS_MAX];
	struct virtio_net_hdr hdr;
	int n = 1;

	if (unlikely(m->nb_segs > TX_SEGS_MAX))
		return -EINVAL;
	vnet_hdr_from_mbuf(&hdr, m);
	iov[0] = (struct iovec){.iov_base = &hdr, .iov_len = sizeof(hdr)};
	for (; m != NULL; m = m->next)
		iov[n++] = (struct iovec){
			.iov_base = rte_pktmbuf_mtod(m, void *), .iov_len = m->data_len};
	return writev(fd, iov, n) < 0 ? -errno : 0;
}

static uint16_t tx_burst(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct tun_port *tun = port->priv;
	int fd = tun->dev.fd[queue % tun->dev.n_queues];
	uint16_t sent;
	int ret;

	if (unlikely(atomic_load_explicit(&tun->gone, memory_order_relaxed)))
		return 0;
	for (sent = 0; sent < n; sent++) {
		ret = write_frame(fd, pkts[sent]);
		// This one frame the kernel does not like; what is behind it may be better.
		if (unlikely(ret == -EINVAL))
			count(&tun->tx_refused);
		else if (unlikely(ret < 0))
			break;
	}
	rte_pktmbuf_free_bulk(pkts, sent);
	return sent;
}

static void read_mac(struct vsw_port *port)
{
	struct tun_port *tun = port->priv;
	struct kernel_link link;

	if (kernel_link_get(tun->dev.nl, NULL, tun->dev.index, &link) < 0)
		return;
	memcpy(port->mac, link.mac, sizeof(port->mac));
	tun->kernel_dropped_before = link.tx_dropped;
}

static int set_admin(struct vsw_port *port, bool up, struct vsw_error *err)
{
	struct tun_port *tun = port->priv;
	int ret = tun_device_set_carrier(&tun->dev, up);

	// No carrier to set: the interface was deleted behind our back.
	if (ret == -ENOTTY || ret == -EBADFD)
		return 0;
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot set the carrier of '%s': %s",
			port->cfg.ifname, strerror(-ret));
	return 0;
}

static int open_tun(struct vsw_port *port, struct vsw_error *err)
{
	const struct port_config *cfg = &port->cfg;
	struct tun_spec spec = {
		.ifname = cfg->ifname,
		.netns = cfg->type == PORT_HOST ? "" : cfg->netns,
		.port = cfg->name,
		.mac = cfg->mac,
		.mtu = cfg->mtu != 0 ? cfg->mtu : 1500,
		.queues = cfg->queues != 0 ? cfg->queues : 1,
	};
	struct tun_port *tun;
	int ret;

	if (cfg->ifname[0] == '\0' || spec.queues > VSW_MAX_QUEUES)
		return vsw_fail(err, VSW_E_INVALID, "set --ifname and at most 16 queues",
			"port '%s' has no interface name or too many queues", cfg->name);
	if (!rx_window_fits(port->pool))
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "packet buffers are too small");
	tun = calloc(1, sizeof(*tun));
	if (tun == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	ret = tun_device_open(&tun->dev, &spec, err);
	if (ret == 0) {
		port->priv = tun;
		ret = cfg->link_down ? set_admin(port, false, err) : 0;
		if (ret < 0)
			tun_device_close(&tun->dev, tun->dev.reused);
	}
	if (ret < 0) {
		port->priv = NULL;
		free(tun);
		return ret;
	}
	port->n_rx_queues = spec.queues;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_FD;
	port->is_local = cfg->type == PORT_HOST;
	port->tx_caps = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_MULTI | PORT_TX_SHARED;
	if (tun->dev.offloads & TUN_F_USO4)
		port->tx_caps |= PORT_TX_USO;
	for (uint16_t i = 0; i < spec.queues; i++)
		port->queue[i].rx_fd = tun->dev.fd[i];
	read_mac(port);
	return 0;
}

static void close_tun(struct vsw_port *port, bool keep)
{
	struct tun_port *tun = port->priv;

	tun_device_close(&tun->dev, keep);
	free(tun);
	port->priv = NULL;
}

static int set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *err)
{
	struct tun_port *tun = port->priv;
	int ret = kernel_link_set_mtu(tun->dev.nl, tun->dev.index, mtu);

	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot set MTU %u on interface '%s': %s",
			mtu, port->cfg.ifname, strerror(-ret));
	return 0;
}

static int set_mac(struct vsw_port *port, const uint8_t mac[6], struct vsw_error *err)
{
	struct tun_port *tun = port->priv;
	int ret = kernel_link_set_mac(tun->dev.nl, tun->dev.index, mac);

	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL,
			"cannot set the MAC address of interface '%s': %s", port->cfg.ifname,
			strerror(-ret));
	memcpy(port->mac, mac, sizeof(port->mac));
	return 0;
}

static void get_link(struct vsw_port *port, struct port_link *link)
{
	struct tun_port *tun = port->priv;
	struct netns_id netns = tun->dev.netns;
	struct kernel_link kernel;
	bool there = true;

	*link = (struct port_link){};
	if (port->cfg.netns[0] != '\0' && !port->is_local)
		there = netns_identify(port->cfg.netns, &netns, NULL) == 0;
	// The one without its name may live on in processes; a new one of that name has no device.
	link->lost = there && (netns.dev != tun->dev.netns.dev || netns.ino != tun->dev.netns.ino);
	if (!there || link->lost)
		snprintf(link->reason, sizeof(link->reason), "its network namespace was deleted");
	else if (tun_device_is_gone(&tun->dev))
		snprintf(link->reason, sizeof(link->reason), "interface %s was deleted",
			port->cfg.ifname);
	else if (kernel_link_get(tun->dev.nl, NULL, tun->dev.index, &kernel) < 0)
		snprintf(link->reason, sizeof(link->reason), "interface %s was moved",
			port->cfg.ifname);
	else if (!(kernel.flags & IFF_UP))
		snprintf(link->reason, sizeof(link->reason), "interface %s is down", kernel.name);
	else if (!kernel.carrier)
		snprintf(link->reason, sizeof(link->reason), "interface %s has no carrier",
			kernel.name);
	else
		link->up = true;
	link->lost |= tun_device_is_gone(&tun->dev);
}

static void describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	struct tun_port *tun = port->priv;
	char malformed[24];

	add(arg, "interface",
		!tun->dev.reused ? "created"
		: tun->dev.ours  ? "attached again"
				 : "found, made by somebody else");
	add(arg, "offloads",
		port->tx_caps & PORT_TX_USO ? "checksum tso4 tso6 uso" : "checksum tso4 tso6");
	snprintf(malformed, sizeof(malformed), "%lu", (unsigned long)tun->rx_malformed);
	add(arg, "rx_malformed", malformed);
}

static void lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	struct tun_port *tun = port->priv;
	struct kernel_link link;

	if (kernel_link_get(tun->dev.nl, NULL, tun->dev.index, &link) == 0)
		tun->kernel_dropped = link.tx_dropped - tun->kernel_dropped_before;
	*rx_missed = tun->kernel_dropped + tun->rx_malformed;
	*tx_lost = tun->tx_refused;
}

const struct vsw_port_ops port_host_ops = {
	.type = "host",
	.open = open_tun,
	.close = close_tun,
	.rx_burst = rx_burst,
	.tx_burst = tx_burst,
	.set_mtu = set_mtu,
	.set_mac = set_mac,
	.set_admin = set_admin,
	.get_link = get_link,
	.describe = describe,
	.lost = lost,
};

const struct vsw_port_ops port_tap_ops = {
	.type = "tap",
	.open = open_tun,
	.close = close_tun,
	.rx_burst = rx_burst,
	.tx_burst = tx_burst,
	.set_mtu = set_mtu,
	.set_mac = set_mac,
	.set_admin = set_admin,
	.get_link = get_link,
	.describe = describe,
	.lost = lost,
};
