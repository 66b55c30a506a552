/* SPDX-License-Identifier: BSD-3-Clause */
// A kernel interface through packet sockets: works with every driver, carries GSO frames
// whole and any MTU.
#include "port.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_ether.h>
#include <rte_prefetch.h>

#include <libmnl/libmnl.h>

#include <vswitch/nic/ethtool.h>
#include <vswitch/nic/ingress_drop.h>

#include "kernel_link.h"
#include "packet_ring.h"
#include "rx_window.h"
#include "vnet_hdr.h"

#define TX_IOVS 256
#define TAG     4

struct packet_port {
	struct packet_ring ring[VSW_MAX_QUEUES];
	uint16_t n_rings;
	int index;
	struct mnl_socket *nl;
	// Read for statistics only
	_Atomic uint64_t rx_malformed;
	_Atomic uint64_t rx_cut; // no room for them in the socket's queue
	_Atomic uint64_t tx_refused;
};

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void copy_in(struct rte_mbuf *m, const uint8_t *from)
{
	for (; m != NULL; from += m->data_len, m = m->next)
		memcpy(rte_pktmbuf_mtod(m, void *), from, m->data_len);
}

// The kernel takes the outer tag out of the frame on its way in; its claims about the frame
// then count from the wrong place too.
static int put_tag_back(struct rte_mbuf *m, struct virtio_net_hdr *hdr,
	const struct tpacket2_hdr *slot, uint32_t status)
{
	uint16_t tpid =
		status & TP_STATUS_VLAN_TPID_VALID ? slot->tp_vlan_tpid : RTE_ETHER_TYPE_VLAN;
	uint8_t *data;

	if (m->data_len < RTE_ETHER_HDR_LEN)
		return -EINVAL;
	data = (uint8_t *)rte_pktmbuf_prepend(m, TAG);
	if (data == NULL)
		return -EINVAL;
	memmove(data, data + TAG, 2 * RTE_ETHER_ADDR_LEN);
	data[12] = tpid >> 8;
	data[13] = tpid & 0xff;
	data[14] = slot->tp_vlan_tci >> 8;
	data[15] = slot->tp_vlan_tci & 0xff;
	hdr->csum_start += TAG;
	hdr->hdr_len += TAG;
	return 0;
}

// The frame in a slot, or the one in the socket's queue that a slot stands for. NULL: lost.
static struct rte_mbuf *take(struct packet_port *pkt, struct packet_ring *ring,
	struct rx_window *win, struct tpacket2_hdr *slot, uint32_t status)
{
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;

	if (unlikely(status & TP_STATUS_COPY)) {
		ssize_t len = readv(ring->fd, rx_window_iov(win, &hdr, sizeof(hdr)), 1 + win->need);

		if (len < (ssize_t)(sizeof(hdr) + RTE_ETHER_HDR_LEN))
			goto cut;
		m = rx_window_take(win, len - sizeof(hdr));
	} else {
		const uint8_t *frame = (const uint8_t *)slot + slot->tp_mac;

		if (unlikely(slot->tp_snaplen != slot->tp_len || slot->tp_len < RTE_ETHER_HDR_LEN))
			goto cut;
		memcpy(&hdr, frame - sizeof(hdr), sizeof(hdr));
		m = rx_window_take(win, slot->tp_len);
		copy_in(m, frame);
	}
	if (likely((!(status & TP_STATUS_VLAN_VALID) || put_tag_back(m, &hdr, slot, status) == 0) &&
		    vnet_hdr_to_mbuf(&hdr, m) == 0))
		return m;
	rte_pktmbuf_free(m);
	count(&pkt->rx_malformed);
	return NULL;
cut:
	count(&pkt->rx_cut);
	return NULL;
}

static uint16_t rx_burst(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct packet_port *pkt = port->priv;
	struct packet_ring *ring = &pkt->ring[queue];
	struct rx_window *win = rx_window_of(port->pool);
	uint16_t got = 0, seen = 0;

	if (unlikely(win == NULL))
		return 0;
	for (; seen < n && rx_window_ready(win); seen++) {
		struct tpacket2_hdr *slot = packet_ring_head(ring);
		uint32_t status = packet_slot_status(slot);

		if (!(status & TP_STATUS_USER))
			break;
		rte_prefetch0((uint8_t *)slot + ring->slot_size);
		pkts[got] = take(pkt, ring, win, slot, status);
		got += pkts[got] != NULL;
		packet_ring_advance(ring);
	}
	if (unlikely(seen == 0)) {
		int error;
		socklen_t len = sizeof(error);

		// "The interface went down" keeps the socket readable until somebody asks.
		getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	return got;
}

struct tx_batch {
	struct mmsghdr msg[VSW_BURST];
	struct virtio_net_hdr hdr[VSW_BURST];
	struct iovec iov[TX_IOVS];
};

// As many frames as fit into the batch; at least one.
static unsigned fill(struct tx_batch *batch, struct rte_mbuf **pkts, unsigned n)
{
	unsigned n_iov = 0, i;

	for (i = 0; i < n && i < VSW_BURST; i++) {
		const struct rte_mbuf *m = pkts[i];
		struct iovec *iov = &batch->iov[n_iov];

		if (n_iov + 1 + m->nb_segs > TX_IOVS)
			break;
		vnet_hdr_from_mbuf(&batch->hdr[i], m);
		batch->iov[n_iov++] = (struct iovec){
			.iov_base = &batch->hdr[i], .iov_len = sizeof(batch->hdr[i])};
		for (; m != NULL; m = m->next)
			batch->iov[n_iov++] = (struct iovec){
				.iov_base = rte_pktmbuf_mtod(m, void *), .iov_len = m->data_len};
		batch->msg[i].msg_hdr =
			(struct msghdr){.msg_iov = iov, .msg_iovlen = &batch->iov[n_iov] - iov};
	}
	return i;
}

static bool is_about_frame(int error)
{
	return error == EINVAL || error == EMSGSIZE || error == EFAULT;
}

static uint16_t tx_burst(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct packet_port *pkt = port->priv;
	int fd = pkt->ring[queue % pkt->n_rings].fd;
	struct tx_batch batch;
	uint16_t sent = 0;

	while (sent < n) {
		unsigned filled = fill(&batch, pkts + sent, n - sent);
		int ret = filled > 0 ? sendmmsg(fd, batch.msg, filled, MSG_DONTWAIT) : -1;

		if (ret > 0) {
			sent += ret;
		} else if (filled == 0 || is_about_frame(errno)) {
			// This one the kernel does not take; what is behind it may be better.
			count(&pkt->tx_refused);
			sent++;
		} else {
			break;
		}
	}
	rte_pktmbuf_free_bulk(pkts, sent);
	return sent;
}

static int find_interface(struct packet_port *pkt, struct vsw_port *port, struct vsw_error *err)
{
	const char *ifname = port->cfg.ifname;
	struct kernel_link link;
	int ret;

	pkt->nl = kernel_link_open();
	if (pkt->nl == NULL)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "no netlink socket: %s", strerror(errno));
	ret = kernel_link_get(pkt->nl, ifname, 0, &link);
	if (ret == -ENODEV)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-nics",
			"interface '%s' does not exist", ifname);
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot look up interface '%s': %s",
			ifname, strerror(-ret));
	if (link.arp_type != ARPHRD_ETHER)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "see: vswitchctl list-nics",
			"interface '%s' is not an Ethernet interface", ifname);
	pkt->index = link.index;
	memcpy(port->mac, link.mac, sizeof(port->mac));
	return 0;
}

static int set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *err)
{
	struct packet_port *pkt = port->priv;
	struct kernel_link link;
	int ret = kernel_link_get(pkt->nl, NULL, pkt->index, &link);

	if (ret == 0 && link.mtu == mtu)
		return 0;
	if (ret == 0)
		ret = kernel_link_set_mtu(pkt->nl, pkt->index, mtu);
	if (ret == -EINVAL && link.max_mtu != 0 && link.max_mtu < mtu)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "choose a smaller MTU",
			"interface '%s' carries an MTU of at most %u, not %u", port->cfg.ifname,
			link.max_mtu, mtu);
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, "choose the interface's present MTU",
			"interface '%s' refuses an MTU of %u: %s", port->cfg.ifname, mtu,
			strerror(-ret));
	return 0;
}

static int open_rings(struct packet_port *pkt, uint16_t mtu, struct vsw_error *err)
{
	int group = 0, ret;

	for (uint16_t i = 0; i < pkt->n_rings; i++) {
		ret = packet_ring_open(&pkt->ring[i], mtu);
		if (ret < 0)
			goto fail;
		ret = packet_ring_bind(&pkt->ring[i], pkt->index, pkt->n_rings > 1, group);
		if (ret < 0)
			goto fail;
		group = ret;
	}
	return 0;
fail:
	return vsw_fail(err, ret == -EPERM ? VSW_E_PERMISSION : VSW_E_DEVICE,
		ret == -EPERM ? "run vswitchd with CAP_NET_RAW and CAP_NET_ADMIN" : NULL,
		"cannot open a packet socket: %s", strerror(-ret));
}

static void release(struct packet_port *pkt)
{
	for (uint16_t i = 0; i < pkt->n_rings; i++)
		packet_ring_close(&pkt->ring[i]);
	if (pkt->nl != NULL)
		mnl_socket_close(pkt->nl);
	free(pkt);
}

static int fail_drop(const char *ifname, int error, struct vsw_error *err)
{
	if (error == -EBUSY)
		return vsw_fail(err, VSW_E_BUSY,
			"see and delete it with: tc filter … dev … ingress",
			"a classifier of '%s' at ingress has our priority 1", ifname);
	return vsw_fail(err, VSW_E_DEVICE,
		"the kernel needs CONFIG_NET_CLS_ACT and CONFIG_NET_CLS_BPF",
		"cannot keep frames of '%s' from the host: %s", ifname, strerror(-error));
}

static int open_packet(struct vsw_port *port, struct vsw_error *err)
{
	const struct port_config *cfg = &port->cfg;
	uint16_t mtu = cfg->mtu != 0 ? cfg->mtu : RTE_ETHER_MTU;
	struct packet_port *pkt = calloc(1, sizeof(*pkt));
	int ret;

	if (pkt == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	port->priv = pkt;
	pkt->n_rings = cfg->queues == 0 ? 1 : RTE_MIN(cfg->queues, VSW_MAX_QUEUES);
	for (uint16_t i = 0; i < pkt->n_rings; i++)
		pkt->ring[i].fd = -1;
	ret = find_interface(pkt, port, err);
	if (ret == 0)
		ret = set_mtu(port, mtu, err);
	if (ret == 0)
		ret = open_rings(pkt, mtu, err);
	if (ret < 0)
		goto fail;
	ret = ingress_drop_attach(pkt->index);
	if (ret < 0) {
		ret = fail_drop(cfg->ifname, ret, err);
		goto fail;
	}
	port->n_rx_queues = pkt->n_rings;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_FD;
	port->is_local = false;
	port->tx_caps = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_USO | PORT_TX_MULTI |
	                PORT_TX_SHARED;
	for (uint16_t i = 0; i < pkt->n_rings; i++)
		port->queue[i].rx_fd = pkt->ring[i].fd;
	return 0;
fail:
	release(pkt);
	port->priv = NULL;
	return ret;
}

static void close_packet(struct vsw_port *port, bool)
{
	struct packet_port *pkt = port->priv;

	ingress_drop_detach(pkt->index);
	release(pkt);
	port->priv = NULL;
}

static int set_admin(struct vsw_port *, bool, struct vsw_error *)
{
	// The switch passes no frames; the line itself belongs to the host.
	return 0;
}

static void get_link(struct vsw_port *port, struct port_link *link)
{
	struct packet_port *pkt = port->priv;
	struct kernel_link kernel;

	*link = (struct port_link){};
	if (kernel_link_get(pkt->nl, NULL, pkt->index, &kernel) < 0) {
		snprintf(link->reason, sizeof(link->reason), "interface %s was removed or moved",
			port->cfg.ifname);
		return;
	}
	if (!(kernel.flags & IFF_UP))
		snprintf(link->reason, sizeof(link->reason), "interface %s is down", kernel.name);
	else if (!kernel.carrier)
		snprintf(link->reason, sizeof(link->reason), "interface %s has no carrier",
			kernel.name);
	else
		link->up = true;
	if (link->up && ethtool_speed(kernel.name, &link->speed_mbps) < 0)
		link->speed_mbps = 0;
}

static void describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	struct packet_port *pkt = port->priv;
	char text[64];

	snprintf(text, sizeof(text), "%u slots of %u bytes", pkt->ring[0].n_slots,
		pkt->ring[0].slot_size);
	add(arg, "ring", text);
	add(arg, "offloads", "checksum tso4 tso6 uso");
	snprintf(text, sizeof(text), "%lu", (unsigned long)pkt->rx_malformed);
	add(arg, "rx_malformed", text);
	snprintf(text, sizeof(text), "%lu", (unsigned long)pkt->rx_cut);
	add(arg, "rx_cut", text);
}

static void lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	struct packet_port *pkt = port->priv;

	*rx_missed = pkt->rx_malformed + pkt->rx_cut;
	for (uint16_t i = 0; i < pkt->n_rings; i++)
		*rx_missed += packet_ring_dropped(&pkt->ring[i]);
	*tx_lost = pkt->tx_refused;
}

const struct vsw_port_ops port_packet_ops = {
	.type = "nic",
	.open = open_packet,
	.close = close_packet,
	.rx_burst = rx_burst,
	.tx_burst = tx_burst,
	.set_mtu = set_mtu,
	.set_admin = set_admin,
	.get_link = get_link,
	.describe = describe,
	.lost = lost,
};
