/* SPDX-License-Identifier: BSD-3-Clause */
// Port type dpdk: any DPDK Ethernet device by its devargs.
#include <errno.h>
#include <stdlib.h>

#include "ethdev.h"
#include "worker.h"

static int dpdk_open(struct vsw_port *port, struct vsw_error *err)
{
	struct ethdev *dev = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*dev), RTE_CACHE_LINE_SIZE));
	int ret;

	if (dev == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	*dev = (struct ethdev){0};
	ret = ethdev_attach(port->cfg.devargs, &dev->id, err);
	if (ret != 0)
		goto err_attach;
	port->priv = dev;
	ret = ethdev_start(
		port, dev, RTE_MAX(port->cfg.queues, 1), RTE_MAX(workers_count(), 1u), err);
	if (ret != 0)
		goto err_start;
	return 0;

err_start:
	port->priv = NULL;
	ethdev_detach(dev->id);
err_attach:
	free(dev);
	return ret;
}

static void dpdk_close(struct vsw_port *port, bool)
{
	struct ethdev *dev = port->priv;

	ethdev_stop(dev);
	ethdev_detach(dev->id);
	port->priv = NULL;
	free(dev);
}

static uint16_t dpdk_rx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct ethdev *dev = port->priv;

	n = ethdev_rx(dev, queue, pkts, n);
	if (unlikely(dev->repair))
		for (uint16_t i = 0; i < n; i++)
			offload_mark_partial(pkts[i]);
	return n;
}

static uint16_t dpdk_tx(struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return ethdev_tx(port->priv, queue, pkts, n);
}

const struct vsw_port_ops port_dpdk_ops = {
	.type = "dpdk",
	.open = dpdk_open,
	.close = dpdk_close,
	.rx_burst = dpdk_rx,
	.tx_burst = dpdk_tx,
	.arm = ethdev_arm,
	.disarm = ethdev_disarm,
	.set_mtu = ethdev_set_mtu,
	.set_mac = ethdev_set_mac,
	.get_link = ethdev_get_link,
	.describe = ethdev_describe,
	.lost = ethdev_lost,
};
