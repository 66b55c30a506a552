/* SPDX-License-Identifier: BSD-3-Clause */
// What ports on DPDK Ethernet devices have in common. Such a port's priv begins with a
// struct ethdev; everything but the two bursts and arm/disarm is for the main thread.
#pragma once

#include <rte_ethdev.h>

#include "offload.h"
#include "port.h"

// Bytes of a frame with that MTU and two VLAN tags.
#define ETHDEV_FRAME(mtu) ((uint32_t)(mtu) + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

struct ethdev {
	uint16_t id;
	bool prepare; // a TX offload is on: frames with work pass rte_eth_tx_prepare() first
	bool ip_sum;  // the device wants to be asked for the IPv4 checksum of TSO segments
	bool repair;  // the driver loses the kernel's word that a checksum is unfinished
	int wake_fd[VSW_MAX_QUEUES]; // an epoll of the rx interrupt, or -1
	uint32_t max_frame;          // bytes that one received frame can have
};

// Plugs the device in (or takes one that EAL found) and owns it. Counts the ethdevs and says
// so when there is no place for one more.
int ethdev_attach(const char *devargs, uint16_t *id, struct vsw_error *err);
// Closes the device and unplugs it, once none of its ethdevs is left.
void ethdev_detach(uint16_t id);

// Sets the device up for the port and starts it: port->pool, socket_id and cfg.mtu are read;
// n_rx_queues, n_tx_queues, tx_caps, wake, queue[] and (if the port has none) mac are filled.
// n_rx: wanted queues, refused if the device has fewer. n_tx: granted whole or cut to one.
int ethdev_start(struct vsw_port *port, struct ethdev *dev, uint16_t n_rx, uint16_t n_tx,
	struct vsw_error *err);
void ethdev_stop(struct ethdev *dev);

// The rest fits struct vsw_port_ops as it is.
bool ethdev_arm(struct vsw_port *port, uint16_t queue);
void ethdev_disarm(struct vsw_port *port, uint16_t queue);
int ethdev_set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *err);
int ethdev_set_mac(struct vsw_port *port, const uint8_t mac[6], struct vsw_error *err);
void ethdev_get_link(struct vsw_port *port, struct port_link *link);
void ethdev_describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg);
void ethdev_lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost);

uint16_t ethdev_tx_work(
	const struct ethdev *dev, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

static inline uint16_t ethdev_rx(
	const struct ethdev *dev, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst(dev->id, queue, pkts, n);
}

static inline uint16_t ethdev_tx(
	const struct ethdev *dev, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t work = 0;

	if (dev->prepare) {
		for (uint16_t i = 0; i < n; i++)
			work |= pkts[i]->ol_flags;
		if (unlikely(work & OFFLOAD_WORK))
			return ethdev_tx_work(dev, queue, pkts, n);
	}
	return rte_eth_tx_burst(dev->id, queue, pkts, n);
}
