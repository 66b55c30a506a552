/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ring.h>

#include <vswitch/counters.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/notify.h>
#include <vswitch/switch.h>
#include <vswitch/switch_live.h>
#include <vswitch/worker.h>

static uint64_t sent_in;
static struct fake_port *opening;

static int fake_open(struct vsw_port *port, struct vsw_error *err)
{
	struct fake_port *fake = opening;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "in %u", port->id);
	fake->in = rte_ring_create(name, 4096, SOCKET_ID_ANY, RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "out %u", port->id);
	fake->out = rte_ring_create(name, 4096, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (fake->in == NULL || fake->out == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no memory");
	port->priv = fake;
	port->n_rx_queues = 1;
	port->n_tx_queues = fake->one_tx ? 1 : PORT_TX_ANY;
	port->tx_caps = fake->tx_caps;
	port->wake = PORT_WAKE_TIMER;
	port->is_local = fake->local;
	fake->fd = -1;
	if (fake->wake_fd) {
		port->wake = PORT_WAKE_FD;
		fake->fd = port->queue[0].rx_fd = eventfd(0, EFD_NONBLOCK);
	}
	memcpy(fake->mac, port->mac, sizeof(fake->mac));
	fake->mtu = port->cfg.mtu;
	fake->closed = false;
	return 0;
}

static void fake_close(struct vsw_port *port, bool)
{
	struct fake_port *fake = port->priv;

	fake_drain(fake);
	rte_ring_free(fake->in);
	rte_ring_free(fake->out);
	fake->in = fake->out = NULL;
	if (fake->fd >= 0)
		close(fake->fd);
	fake->closed = true;
}

static uint16_t fake_rx(struct vsw_port *port, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	struct fake_port *fake = port->priv;
	uint64_t count;

	assert_false(fake->closed);
	if (fake->fd >= 0 && read(fake->fd, &count, sizeof(count)) < 0)
		return 0;
	return rte_ring_dequeue_burst(fake->in, (void **)pkts, n, NULL);
}

static uint16_t fake_tx(struct vsw_port *port, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	struct fake_port *fake = port->priv;

	assert_false(fake->closed);
	while (fake->hold)
		usleep(100);
	if (fake->tx_room != 0 && n > fake->tx_room)
		n = fake->tx_room;
	return rte_ring_enqueue_burst(fake->out, (void **)pkts, n, NULL);
}

static int fake_set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *)
{
	struct fake_port *fake = port->priv;

	fake->mtu = mtu;
	return 0;
}

static int fake_set_mac(struct vsw_port *port, const uint8_t mac[6], struct vsw_error *)
{
	struct fake_port *fake = port->priv;

	memcpy(fake->mac, mac, sizeof(fake->mac));
	memcpy(port->mac, mac, sizeof(port->mac)); // as the drivers do
	return 0;
}

static int fake_set_admin(struct vsw_port *port, bool, struct vsw_error *err)
{
	struct fake_port *fake = port->priv;

	return fake->refuse_admin ? vsw_fail(err, VSW_E_DEVICE, NULL, "no") : 0;
}

static const struct vsw_port_ops fake_ops = {
	.type = "fake",
	.open = fake_open,
	.close = fake_close,
	.rx_burst = fake_rx,
	.tx_burst = fake_tx,
	.set_mtu = fake_set_mtu,
	.set_mac = fake_set_mac,
	.set_admin = fake_set_admin,
};

void fake_switch_start(unsigned n)
{
	char lcores[64] = "0@0";
	unsigned ids[8], last = 0;
	cpu_set_t cpus;
	char *argv[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "-m", "128", "--lcores",
		lcores, "--no-telemetry", "--log-level=*:error"};

	// Not on the main thread's CPU if there is another: what is done at the same time is
	// more of a test.
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		last = CPU_ISSET(cpu, &cpus) ? cpu : last;
	for (unsigned i = 0; i < n; i++) {
		ids[i] = i + 1;
		snprintf(lcores + strlen(lcores), sizeof(lcores) - strlen(lcores), ",%u@%u", i + 1,
			last);
	}
	assert_true(rte_eal_init(RTE_DIM(argv), argv) >= 0);
	assert_int_equal(mbuf_pools_create(8191), 0);
	assert_int_equal(notify_init(), 0);
	assert_int_equal(workers_start(&(struct worker_options){.lcores = ids, .n_workers = n}), 0);
}

void fake_switch_stop(void)
{
	switch_shutdown();
	workers_stop();
	notify_fini();
	mbuf_pools_destroy();
	rte_eal_cleanup();
}

struct vsw_port *fake_port_add(
	const char *sw, const char *name, struct fake_port *fake, const struct port_config *cfg)
{
	struct port_config c = {.type = PORT_TAP, .mtu = 1500};
	struct vsw_error err = {};

	if (cfg != NULL)
		c = *cfg;
	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.switch_name, sizeof(c.switch_name), "%s", sw);
	opening = fake;
	if (port_add_by(&fake_ops, &c, &err) != 0)
		fail_msg("%s", err.reason);
	return port_find(name);
}

static void put_mac(uint8_t *p, uint64_t mac)
{
	for (int i = 0; i < 6; i++)
		p[i] = mac >> (40 - 8 * i);
}

struct rte_mbuf *fake_frame(uint64_t dst, uint64_t src, uint16_t type, unsigned len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbuf_pool(SOCKET_ID_ANY));
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	assert_non_null(p);
	for (unsigned i = 0; i < len; i++)
		p[i] = i;
	if (len >= 14) {
		put_mac(p, dst);
		put_mac(p + 6, src);
		p[12] = type >> 8;
		p[13] = type;
	}
	return m;
}

struct rte_mbuf *fake_tagged(
	uint64_t dst, uint64_t src, uint16_t tpid, uint16_t tci, uint16_t type, unsigned len)
{
	struct rte_mbuf *m = fake_frame(dst, src, type, len);
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 4);

	if (p == NULL)
		abort(); // an assertion would not tell gcc that it ends here
	memmove(p, p + 4, 12);
	p[12] = tpid >> 8;
	p[13] = tpid;
	p[14] = tci >> 8;
	p[15] = tci;
	return m;
}

void fake_send(struct fake_port *fake, struct rte_mbuf *m)
{
	sent_in++;
	assert_int_equal(rte_ring_enqueue(fake->in, m), 0);
}

static uint64_t unaccounted(void)
{
	uint64_t rx = 0, in = 0, out = 0;

	for (uint16_t id = 0; id <= VSW_MAX_PORTS; id++) {
		struct vsw_counters c;

		counters_sum(id, &c);
		rx += c.rx_packets;
		in += c.rx_packets + c.copies + c.segments;
		out += c.tx_packets;
		for (int i = 0; i < DROP_COUNT; i++)
			out += c.drops[i];
	}
	return (sent_in - rx) + (in - out);
}

void fake_settle(void)
{
	for (int i = 0; i < 2000; i++) {
		if (unaccounted() == 0)
			return;
		usleep(1000);
	}
	fail_msg("%lu frames are not accounted for", (unsigned long)unaccounted());
}

struct rte_mbuf *fake_take(struct fake_port *fake)
{
	void *m;

	return rte_ring_dequeue(fake->out, &m) == 0 ? m : NULL;
}

unsigned fake_drain(struct fake_port *fake)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while ((m = fake_take(fake)) != NULL) {
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

uint16_t frame_type_at(const struct rte_mbuf *m, unsigned at)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return p[at] << 8 | p[at + 1];
}
