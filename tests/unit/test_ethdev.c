/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vswitch/ethdev.h>
#include "eal.h"

static struct rte_mempool *pool;
static struct vsw_error err;

static void open_port(struct vsw_port *port, struct ethdev *dev, const char *devargs, uint16_t mtu)
{
	*port = (struct vsw_port){.priv = dev, .pool = pool, .socket_id = 0};
	snprintf(port->cfg.name, sizeof(port->cfg.name), "p");
	port->cfg.mtu = mtu;
	*dev = (struct ethdev){0};
	if (ethdev_attach(devargs, &dev->id, &err) != 0)
		fail_msg("%s", err.reason);
	if (ethdev_start(port, dev, 1, 1, &err) != 0)
		fail_msg("%s", err.reason);
}

static void close_port(struct ethdev *dev)
{
	ethdev_stop(dev);
	ethdev_detach(dev->id);
}

static void frames_pass_and_come_back(void **)
{
	struct vsw_port port;
	struct ethdev dev;
	struct port_link link;
	struct rte_mbuf *m[8], *back[8];

	open_port(&port, &dev, "net_ring0", 0);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, 8), 0);
	for (int i = 0; i < 8; i++)
		rte_pktmbuf_append(m[i], 60);
	assert_int_equal(ethdev_tx(&dev, 0, m, 8), 8);
	assert_int_equal(ethdev_rx(&dev, 0, back, 8), 8);
	assert_memory_equal(m, back, sizeof(m));
	assert_true(port.tx_caps & PORT_TX_MULTI);
	assert_false(port.tx_caps & PORT_TX_SHARED);
	assert_int_equal(port.wake, PORT_WAKE_TIMER);
	ethdev_get_link(&port, &link);
	assert_true(link.up);
	rte_pktmbuf_free_bulk(back, 8);
	close_port(&dev);
	assert_int_equal(rte_eth_dev_count_total(), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void a_device_comes_and_goes(void **)
{
	struct vsw_port port;
	struct ethdev dev;
	uint16_t id;

	for (int i = 0; i < 50; i++) {
		open_port(&port, &dev, "net_null0,size=64", 0);
		assert_int_equal(ethdev_attach("net_null0,size=64", &id, &err), -VSW_E_BUSY);
		close_port(&dev);
		assert_int_equal(rte_eth_dev_count_total(), 0);
	}
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void the_port_type_opens_and_closes(void **)
{
	struct vsw_port port = {.ops = &port_dpdk_ops, .pool = pool, .socket_id = SOCKET_ID_ANY};
	struct vsw_port twin;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *back;

	snprintf(port.cfg.name, sizeof(port.cfg.name), "d0");
	snprintf(port.cfg.devargs, sizeof(port.cfg.devargs), "net_ring7");
	twin = port;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(port.ops->open(&port, &err), 0);
		assert_int_equal(port.n_rx_queues, 1);
		assert_int_equal(port.n_tx_queues, 1);
		assert_int_equal(twin.ops->open(&twin, &err), -VSW_E_BUSY);
		assert_null(twin.priv);
		assert_int_equal(port.ops->tx_burst(&port, 0, &m, 1), 1);
		assert_int_equal(port.ops->rx_burst(&port, 0, &back, 1), 1);
		assert_ptr_equal(m, back);
		port.ops->close(&port, i % 2);
		assert_int_equal(rte_eth_dev_count_total(), 0);
	}
	rte_pktmbuf_free(m);
	port.cfg.devargs[0] = '\0';
	assert_int_equal(port.ops->open(&port, &err), -VSW_E_INVALID);
	assert_null(port.priv);
}

static void nonsense_is_refused(void **)
{
	uint16_t id;

	assert_int_equal(ethdev_attach("", &id, &err), -VSW_E_INVALID);
	assert_int_equal(ethdev_attach("no_such_thing0", &id, &err), -VSW_E_DEVICE);
	assert_non_null(strstr(err.reason, "no_such_thing0"));
	assert_int_equal(ethdev_attach("net_null0,size=x=y,,", &id, &err), -VSW_E_DEVICE);
	assert_int_equal(rte_eth_dev_count_total(), 0);
}

static void queues_and_mtu_are_held_to_the_device(void **)
{
	struct vsw_port port = {.pool = pool};
	struct ethdev dev = {0};

	port.priv = &dev;
	assert_int_equal(ethdev_attach("net_null0", &dev.id, &err), 0);
	assert_int_equal(
		ethdev_start(&port, &dev, VSW_MAX_QUEUES + 1, 1, &err), -VSW_E_UNSUPPORTED);
	port.cfg.mtu = 9000;
	assert_int_equal(ethdev_start(&port, &dev, 1, 1, &err), -VSW_E_UNSUPPORTED);
	port.cfg.mtu = 1500;
	assert_int_equal(ethdev_start(&port, &dev, 1, 1, &err), 0);
	assert_int_equal(ethdev_set_mtu(&port, 1400, &err), 0);
	assert_int_equal(ethdev_set_mtu(&port, 9000, &err), -VSW_E_REFUSED);
	close_port(&dev);
	// net_ring takes chains, so any MTU fits its buffers.
	open_port(&port, &dev, "net_ring1", 9000);
	close_port(&dev);
}

static void past_the_last_place_is_a_clear_error(void **)
{
	uint16_t id[RTE_MAX_ETHPORTS], one_more;
	char args[32];

	for (int i = 0; i < RTE_MAX_ETHPORTS; i++) {
		snprintf(args, sizeof(args), "net_null%d", i);
		if (ethdev_attach(args, &id[i], &err) != 0)
			fail_msg("%d: %s", i, err.reason);
	}
	assert_int_equal(ethdev_attach("net_null999", &one_more, &err), -VSW_E_LIMIT);
	for (int i = 0; i < RTE_MAX_ETHPORTS; i++)
		ethdev_detach(id[i]);
	assert_int_equal(rte_eth_dev_count_total(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_and_come_back),
		cmocka_unit_test(a_device_comes_and_goes),
		cmocka_unit_test(the_port_type_opens_and_closes),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(queues_and_mtu_are_held_to_the_device),
		cmocka_unit_test(past_the_last_place_is_a_clear_error),
	};

	if (eal_start() < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("ethdev", 4095, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	return cmocka_run_group_tests_name("ethdev", tests, NULL, NULL);
}
