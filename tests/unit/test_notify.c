/* SPDX-License-Identifier: BSD-3-Clause */
// What workers tell the main thread must not keep it from its other work.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/datapath.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/notify.h>
#include <vswitch/switch_live.h>

#include "eal.h"

#define MANY 100000

static unsigned told;

static int null_open(struct vsw_port *port, struct vsw_error *)
{
	port->n_rx_queues = 1;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_TIMER;
	return 0;
}

static void null_close(struct vsw_port *, bool)
{
}

static uint16_t null_rx(struct vsw_port *, uint16_t, struct rte_mbuf **, uint16_t)
{
	return 0;
}

static const struct vsw_port_ops null_ops = {
	.type = "null", .open = null_open, .close = null_close, .rx_burst = null_rx};

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void post_loop(unsigned n)
{
	struct notify msg = {
		.kind = NOTIFY_LOOP,
		.port_id = port_find("p")->id,
		.mac = {2, 0, 0, n >> 16, n >> 8, n},
	};

	notify_post(&msg);
}

static void count_loop(
	struct vsw_switch *, struct vsw_port *, struct vsw_port *, const uint8_t *, uint16_t)
{
	told++;
}

// However much there is, other events get their turn; the rest is not forgotten.
static void draining_takes_turns(void **)
{
	unsigned turns = 0;

	for (unsigned i = 0; i < 1000; i++)
		post_loop(0);
	while (is_readable(notify_fd())) {
		switch_drain_notifications(NULL);
		turns++;
	}
	assert_in_range(turns, 3, 10);
}

// Each loop told is a line in the log and an event.
static void loops_are_told_of_within_limits(void **)
{
	for (unsigned i = 0; i < 10000; i++) {
		post_loop(i);
		if (i % 100 == 99)
			switch_drain_notifications(count_loop);
	}
	assert_in_range(told, 2, 30);
}

// A guest that claims a new address with each frame.
static void made_up_addresses_are_told_of_within_limits(void **)
{
	static const uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10};
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbuf_pool(SOCKET_ID_ANY));
	uint8_t *p = m != NULL ? (uint8_t *)rte_pktmbuf_append(m, 60) : NULL;
	struct notify msg;
	unsigned n = 0;

	if (p == NULL)
		abort();
	memset(p, 0, 60);
	memcpy(p + 12, "\x08\x06", 2);
	memcpy(p + 14, arp, sizeof(arp));
	for (unsigned i = 1; i <= MANY; i++) {
		p[29] = i >> 16;
		p[30] = i >> 8;
		p[31] = i;
		snoop(vsw_workers[0], port_find("p"), m, 0);
		while (notify_take(&msg))
			n++;
	}
	rte_pktmbuf_free(m);
	assert_in_range(n, 1000, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draining_takes_turns),
		cmocka_unit_test(loops_are_told_of_within_limits),
		cmocka_unit_test(made_up_addresses_are_told_of_within_limits),
	};
	static const struct switch_config sw = {.name = "s", .ageing_s = 300, .mac_limit = 100};
	static const struct port_config port = {.name = "p", .switch_name = "s", .type = PORT_TAP};
	unsigned lcore = 0;

	if (eal_start() < 0 || mbuf_pools_create(1023) < 0 || notify_init() < 0 ||
		workers_start(&(struct worker_options){
			.lcores = &lcore, .n_workers = 1, .no_threads = true}) < 0 ||
		switch_add(&sw, NULL) < 0 || port_add_by(&null_ops, &port, NULL) < 0)
		return 1;
	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
