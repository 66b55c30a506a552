/* SPDX-License-Identifier: BSD-3-Clause */
// Ethernet devices of DPDK: plug, own, set up, start, stop.
#include "ethdev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_epoll.h>
#include <rte_errno.h>
#include <rte_interrupts.h>

#include "log.h"

#define RING_SIZE 1024

static struct rte_eth_dev_owner self = {.name = "vswitch"};

static int own(uint16_t id, const char *devargs, struct vsw_error *err)
{
	struct rte_eth_dev_owner owner;
	int ret;

	if (self.id == RTE_ETH_DEV_NO_OWNER && rte_eth_dev_owner_new(&self.id) != 0)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no owner id for DPDK devices");
	ret = rte_eth_dev_owner_get(id, &owner);
	if (ret == 0 && owner.id == self.id)
		return vsw_fail(err, VSW_E_BUSY,
			"delete the port that has it first (see: vswitchctl list-ports)",
			"device '%s' belongs to another port", devargs);
	ret = rte_eth_dev_owner_set(id, &self);
	if (ret != 0)
		return vsw_fail(err, VSW_E_BUSY, "name another device",
			"device '%s' is owned by '%s' inside DPDK", devargs, owner.name);
	return 0;
}

// The device's ethdev: a free one, or failing that one that is owned already.
static uint16_t find(const char *devargs)
{
	struct rte_dev_iterator it;
	struct rte_eth_dev_owner owner;
	uint16_t id, found = RTE_MAX_ETHPORTS;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it)
	{
		found = id;
		if (rte_eth_dev_owner_get(id, &owner) == 0 && owner.id == RTE_ETH_DEV_NO_OWNER) {
			rte_eth_iterator_cleanup(&it);
			break;
		}
	}
	return found;
}

int ethdev_attach(const char *devargs, uint16_t *id, struct vsw_error *err)
{
	unsigned count = rte_eth_dev_count_total();
	int ret;

	if (devargs[0] == '\0')
		return vsw_fail(err, VSW_E_INVALID,
			"give --devargs, for example 0000:03:00.0 or net_pcap0,iface=eth1",
			"a dpdk port needs the device's arguments");
	// A device that EAL has probed itself needs no probing (and no place) again.
	*id = find(devargs);
	if (*id == RTE_MAX_ETHPORTS) {
		if (count >= RTE_MAX_ETHPORTS)
			return vsw_fail(err, VSW_E_LIMIT,
				"delete a nic or dpdk port, or use a type that needs no ethdev: "
				"host, tap or vhost",
				"all %u Ethernet devices that this build of DPDK can hold are in "
				"use",
				count);
		ret = rte_dev_probe(devargs);
		if (ret != 0 && ret != -EEXIST)
			return vsw_fail(err, VSW_E_DEVICE,
				"check the arguments; a PCI device must be bound to vfio-pci, and "
				"the daemon's log has DPDK's own words",
				"DPDK cannot use device '%s': %s", devargs,
				ret == -EFAULT ? "no bus or driver goes by that name"
					       : strerror(-ret));
		*id = find(devargs);
		if (*id == RTE_MAX_ETHPORTS)
			return vsw_fail(err, VSW_E_DEVICE, "name an Ethernet device",
				"device '%s' is there but has no Ethernet port", devargs);
	}
	return own(*id, devargs, err);
}

void ethdev_detach(uint16_t id)
{
	struct rte_eth_dev_info info;
	uint16_t other;
	int ret;

	ret = rte_eth_dev_info_get(id, &info);
	rte_eth_dev_owner_unset(id, self.id);
	rte_eth_dev_close(id);
	if (ret != 0 || info.device == NULL)
		return;
	RTE_ETH_FOREACH_DEV_OF(other, info.device)
	return;
	ret = rte_dev_remove(info.device);
	if (ret != 0)
		log_warn("ethdev", "device of ethdev %u stays plugged in: %s", id, strerror(-ret));
}

static uint32_t tx_caps(const struct rte_eth_dev_info *info, uint64_t offloads)
{
	const uint64_t csum = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	uint32_t caps = 0;

	if (offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
		caps |= PORT_TX_MULTI;
	if ((offloads & csum) == csum) {
		caps |= PORT_TX_CSUM;
		// A TSO frame is a chain as a rule.
		if (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO && caps & PORT_TX_MULTI)
			caps |= PORT_TX_TSO4 | PORT_TX_TSO6;
	}
	// Never PORT_TX_USO: by DPDK's word RTE_ETH_TX_OFFLOAD_UDP_TSO is fragmentation for one
	// driver and segmentation for the next.
	// rte_eth_tx_prepare() writes into headers; net_ring gives the very mbuf to a reader who
	// takes it for its own.
	if (!(caps & PORT_TX_CSUM) && strcmp(info->driver_name, "net_ring") != 0)
		caps |= PORT_TX_SHARED;
	return caps;
}

// Drivers that read frames from the kernel by its own sockets and rings. What net_pcap reads
// from a file is as it was sent.
static bool loses_partial(const char *driver, const char *devargs)
{
	static const char *const drivers[] = {"net_af_packet", "net_af_xdp", "net_tap"};

	for (size_t i = 0; i < RTE_DIM(drivers); i++)
		if (strcmp(driver, drivers[i]) == 0)
			return true;
	return strcmp(driver, "net_pcap") == 0 && strstr(devargs, "iface=") != NULL;
}

static int fit_mtu(const struct vsw_port *port, struct ethdev *dev,
	const struct rte_eth_dev_info *info, uint16_t mtu, struct rte_eth_rxmode *rxmode,
	struct vsw_error *err)
{
	uint32_t room = rte_pktmbuf_data_room_size(port->pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t max = info->max_mtu != 0 ? info->max_mtu : UINT16_MAX;

	if (mtu > max || mtu < info->min_mtu)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "choose an MTU in that range",
			"port '%s': driver %s takes an MTU from %u to %u, not %u", port->cfg.name,
			info->driver_name, info->min_mtu, max, mtu);
	dev->max_frame = room;
	if (ETHDEV_FRAME(mtu) <= room)
		return 0;
	if (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) {
		rxmode->offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
		dev->max_frame = UINT32_MAX;
		return 0;
	}
	return vsw_fail(err, VSW_E_UNSUPPORTED, "choose a smaller MTU",
		"port '%s': driver %s receives into one buffer of %u bytes, MTU %u does not fit",
		port->cfg.name, info->driver_name, room, mtu);
}

static int set_up_queues(struct vsw_port *port, const struct ethdev *dev,
	const struct rte_eth_dev_info *info, const struct rte_eth_conf *conf, uint16_t n_tx)
{
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	uint16_t n_rxd = RING_SIZE, n_txd = RING_SIZE;
	int ret;

	ret = rte_eth_dev_configure(dev->id, port->n_rx_queues, n_tx, conf);
	if (ret != 0)
		return ret;
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(dev->id, &n_rxd, &n_txd);
	if (ret != 0)
		return ret;
	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	for (uint16_t q = 0; q < port->n_rx_queues && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(dev->id, q, n_rxd, port->socket_id, &rx, port->pool);
	for (uint16_t q = 0; q < n_tx && ret == 0; q++)
		ret = rte_eth_tx_queue_setup(dev->id, q, n_txd, port->socket_id, &tx);
	if (ret == 0)
		ret = rte_eth_dev_start(dev->id);
	return ret;
}

// rx interrupts of every queue, or of none. An epoll of our own per queue lets EAL empty each
// driver's kind of fd as that driver needs it (see ethdev_disarm()).
static bool set_up_wake(struct vsw_port *port, struct ethdev *dev)
{
	uint16_t q;

	for (q = 0; q < port->n_rx_queues; q++) {
		int ret = rte_eth_dev_rx_intr_enable(dev->id, q);
		int fd;

		// Drivers without the operation may yet have an fd that is readable by itself.
		if (ret != 0 && ret != -ENOTSUP)
			break;
		rte_eth_dev_rx_intr_disable(dev->id, q);
		fd = epoll_create1(EPOLL_CLOEXEC);
		if (fd < 0)
			break;
		dev->wake_fd[q] = fd;
		if (rte_eth_dev_rx_intr_ctl_q(dev->id, q, fd, RTE_INTR_EVENT_ADD, NULL) != 0) {
			close(fd);
			dev->wake_fd[q] = -1;
			break;
		}
		port->queue[q].rx_fd = fd;
	}
	if (q == port->n_rx_queues)
		return true;
	while (q-- > 0) {
		rte_eth_dev_rx_intr_ctl_q(dev->id, q, dev->wake_fd[q], RTE_INTR_EVENT_DEL, NULL);
		close(dev->wake_fd[q]);
		dev->wake_fd[q] = -1;
		port->queue[q].rx_fd = -1;
	}
	return false;
}

static void choose_offloads(
	const struct rte_eth_dev_info *info, uint16_t n_rx, struct rte_eth_conf *conf)
{
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
	                    RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	// Not MBUF_FAST_FREE: frames come from several pools and may be shared.
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
	                    RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
	                    RTE_ETH_TX_OFFLOAD_TCP_TSO;

	conf->rxmode.offloads |= rx & info->rx_offload_capa;
	conf->txmode.offloads |= tx & info->tx_offload_capa;
	// It compares a segment's whole frame with the MTU, and drops what is full.
	if (strcmp(info->driver_name, "net_tap") == 0)
		conf->txmode.offloads &= ~RTE_ETH_TX_OFFLOAD_TCP_TSO;
	// Devices without a choice of hashes (virtio) spread flows by themselves.
	if (n_rx > 1 && info->flow_type_rss_offloads != 0) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
			info->flow_type_rss_offloads;
	}
}

static void fill_mac(struct vsw_port *port, const struct ethdev *dev)
{
	static const uint8_t none[6];
	struct rte_ether_addr addr;

	if (memcmp(port->cfg.mac, none, 6) != 0) {
		memcpy(&addr, port->cfg.mac, 6);
		// Promiscuous anyway: a device that keeps its own address works as well.
		rte_eth_dev_default_mac_addr_set(dev->id, &addr);
		memcpy(port->mac, port->cfg.mac, 6);
	} else if (rte_eth_macaddr_get(dev->id, &addr) == 0) {
		memcpy(port->mac, &addr, 6);
	}
}

int ethdev_start(struct vsw_port *port, struct ethdev *dev, uint16_t n_rx, uint16_t n_tx,
	struct vsw_error *err)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = {.intr_conf.rxq = 1};
	uint16_t mtu = port->cfg.mtu != 0 ? port->cfg.mtu : RTE_ETHER_MTU;
	int ret;

	for (int q = 0; q < VSW_MAX_QUEUES; q++)
		dev->wake_fd[q] = port->queue[q].rx_fd = -1;
	ret = rte_eth_dev_info_get(dev->id, &info);
	if (ret != 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "port '%s': the device tells nothing: %s",
			port->cfg.name, strerror(-ret));
	if (n_rx > RTE_MIN(info.max_rx_queues, VSW_MAX_QUEUES))
		return vsw_fail(err, VSW_E_UNSUPPORTED, "ask for fewer --queues",
			"port '%s': driver %s has %u receive queues here, not %u", port->cfg.name,
			info.driver_name, RTE_MIN(info.max_rx_queues, VSW_MAX_QUEUES), n_rx);
	if (n_tx > info.max_tx_queues)
		n_tx = 1;
	ret = fit_mtu(port, dev, &info, mtu, &conf.rxmode, err);
	if (ret != 0)
		return ret;
	choose_offloads(&info, n_rx, &conf);
	conf.rxmode.mtu = mtu;
	port->n_rx_queues = n_rx;
	ret = set_up_queues(port, dev, &info, &conf, n_tx);
	if (ret != 0 && strcmp(info.driver_name, "net_af_xdp") != 0) {
		// Some drivers refuse to start with interrupts where the bus has none to give.
		// AF_XDP's does not, and hands out buffers twice if it is set up anew.
		conf.intr_conf.rxq = 0;
		ret = set_up_queues(port, dev, &info, &conf, n_tx);
	}
	if (ret != 0)
		return vsw_fail(err, VSW_E_DEVICE, "the daemon's log has DPDK's own words",
			"port '%s': driver %s does not start: %s", port->cfg.name, info.driver_name,
			strerror(-ret));
	port->n_tx_queues = n_tx;
	port->tx_caps = tx_caps(&info, conf.txmode.offloads);
	dev->prepare = (port->tx_caps & PORT_TX_CSUM) != 0;
	dev->repair = loses_partial(info.driver_name, port->cfg.devargs);
	dev->ip_sum = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
	port->wake =
		conf.intr_conf.rxq && set_up_wake(port, dev) ? PORT_WAKE_ARMED : PORT_WAKE_TIMER;
	fill_mac(port, dev);
	ret = rte_eth_dev_set_mtu(dev->id, mtu);
	if (ret != 0 && ret != -ENOTSUP)
		log_debug("ethdev", "port %s: setting MTU %u after start: %s", port->cfg.name, mtu,
			strerror(-ret));
	ret = rte_eth_promiscuous_enable(dev->id);
	if (ret != 0 && ret != -ENOTSUP)
		log_warn("ethdev", "port %s: no promiscuous mode: %s", port->cfg.name,
			strerror(-ret));
	return 0;
}

void ethdev_stop(struct ethdev *dev)
{
	for (int q = 0; q < VSW_MAX_QUEUES; q++) {
		if (dev->wake_fd[q] < 0)
			continue;
		rte_eth_dev_rx_intr_ctl_q(dev->id, q, dev->wake_fd[q], RTE_INTR_EVENT_DEL, NULL);
		close(dev->wake_fd[q]);
		dev->wake_fd[q] = -1;
	}
	rte_eth_dev_stop(dev->id);
}
