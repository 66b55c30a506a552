/* SPDX-License-Identifier: BSD-3-Clause */
// Ethernet devices of DPDK at work: bursts with offload work, sleeping, link, statistics.
#include "ethdev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_epoll.h>
#include <rte_errno.h>

// A frame that the device refuses goes to the end of the burst, where the caller frees and
// counts it, so that it cannot take the frames behind it along.
uint16_t ethdev_tx_work(
	const struct ethdev *dev, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const uint64_t tso4 = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
	uint16_t good = 0;

	for (uint16_t i = 0; dev->ip_sum && i < n; i++)
		if ((pkts[i]->ol_flags & tso4) == tso4)
			pkts[i]->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	while (good < n) {
		struct rte_mbuf *bad;

		good += rte_eth_tx_prepare(dev->id, queue, pkts + good, n - good);
		if (good == n)
			break;
		bad = pkts[good];
		memmove(pkts + good, pkts + good + 1, (n - good - 1u) * sizeof(*pkts));
		pkts[--n] = bad;
	}
	return rte_eth_tx_burst(dev->id, queue, pkts, good);
}

bool ethdev_arm(struct vsw_port *port, uint16_t queue)
{
	const struct ethdev *dev = port->priv;

	int ret = rte_eth_dev_rx_intr_enable(dev->id, queue);

	if (ret != 0 && ret != -ENOTSUP)
		return false;
	// Drivers without a count have edge-triggered events that wait in the epoll.
	if (rte_eth_rx_queue_count(dev->id, queue) <= 0)
		return true;
	rte_eth_dev_rx_intr_disable(dev->id, queue);
	return false;
}

void ethdev_disarm(struct vsw_port *port, uint16_t queue)
{
	const struct ethdev *dev = port->priv;
	struct rte_epoll_event event;

	rte_eth_dev_rx_intr_disable(dev->id, queue);
	rte_epoll_wait(dev->wake_fd[queue], &event, 1, 0);
}

int ethdev_set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *err)
{
	const struct ethdev *dev = port->priv;
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(dev->id, &info);
	if (ret != 0)
		goto fail;
	if (mtu > info.max_mtu || mtu < info.min_mtu)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "choose an MTU in that range",
			"port '%s': driver %s takes an MTU from %u to %u, not %u", port->cfg.name,
			info.driver_name, info.min_mtu, info.max_mtu, mtu);
	if (ETHDEV_FRAME(mtu) > dev->max_frame)
		return vsw_fail(err, VSW_E_REFUSED,
			"delete the port and add it again with that MTU",
			"port '%s': the device was started for frames of at most %u bytes",
			port->cfg.name, dev->max_frame);
	ret = rte_eth_dev_set_mtu(dev->id, mtu);
	// A driver without the operation has nothing to be set.
	if (ret == 0 || ret == -ENOTSUP)
		return 0;
	if (ret == -EBUSY)
		return vsw_fail(err, VSW_E_REFUSED,
			"delete the port and add it again with that MTU",
			"port '%s': driver %s cannot change its MTU while it runs", port->cfg.name,
			info.driver_name);
fail:
	return vsw_fail(err, VSW_E_DEVICE, NULL, "port '%s': MTU %u refused: %s", port->cfg.name,
		mtu, strerror(-ret));
}

int ethdev_set_mac(struct vsw_port *port, const uint8_t mac[6], struct vsw_error *err)
{
	const struct ethdev *dev = port->priv;
	struct rte_ether_addr addr;
	int ret;

	memcpy(&addr, mac, sizeof(addr));
	ret = rte_eth_dev_default_mac_addr_set(dev->id, &addr);
	if (ret != 0)
		return vsw_fail(err, ret == -ENOTSUP ? VSW_E_UNSUPPORTED : VSW_E_DEVICE,
			"keep the device's own MAC address",
			"port '%s': MAC address refused by the device: %s", port->cfg.name,
			strerror(-ret));
	memcpy(port->mac, mac, 6);
	return 0;
}

void ethdev_get_link(struct vsw_port *port, struct port_link *link)
{
	const struct ethdev *dev = port->priv;
	struct rte_eth_link now = {0};

	if (rte_eth_dev_is_removed(dev->id)) {
		*link = (struct port_link){.reason = "the device is gone"};
		return;
	}
	*link = (struct port_link){0};
	if (rte_eth_link_get_nowait(dev->id, &now) == 0)
		link->up = now.link_status == RTE_ETH_LINK_UP;
	if (link->up && now.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		link->speed_mbps = now.link_speed;
	if (!link->up)
		snprintf(link->reason, sizeof(link->reason), "no carrier");
}

void ethdev_describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	const struct ethdev *dev = port->priv;
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN], text[128];

	if (rte_eth_dev_info_get(dev->id, &info) != 0)
		return;
	add(arg, "driver", info.driver_name);
	if (rte_eth_dev_get_name_by_port(dev->id, name) == 0)
		add(arg, "device", name);
	snprintf(text, sizeof(text), "%u rx, %u tx", port->n_rx_queues, port->n_tx_queues);
	add(arg, "queues", text);
	snprintf(text, sizeof(text), "%s%s%s%s%s", port->tx_caps & PORT_TX_MULTI ? "chains " : "",
		port->tx_caps & PORT_TX_CSUM ? "checksum " : "",
		port->tx_caps & PORT_TX_TSO4 ? "tso4 " : "",
		port->tx_caps & PORT_TX_TSO6 ? "tso6 " : "", port->tx_caps == 0 ? "none" : "");
	add(arg, "tx_offloads", text);
	add(arg, "wake", port->wake == PORT_WAKE_ARMED ? "interrupt" : "timer");
}

void ethdev_lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	const struct ethdev *dev = port->priv;
	struct rte_eth_stats stats;

	*rx_missed = *tx_lost = 0;
	if (rte_eth_stats_get(dev->id, &stats) != 0)
		return;
	*rx_missed = stats.imissed + stats.ierrors + stats.rx_nombuf;
	*tx_lost = stats.oerrors;
}
