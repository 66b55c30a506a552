/* SPDX-License-Identifier: BSD-3-Clause */
// What workers do together: frames that cross to the worker that owns a port, and sleep.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include <vswitch/counters.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/switch.h>
#include <vswitch/worker.h>

#include "fake_port.h"

#define MAC_A     0x020000000001
#define MAC_B     0x020000000002
#define BROADCAST 0xffffffffffff
#define IPV4      0x0800

#define PORTS 8

static struct fake_port fakes[PORTS];
static struct vsw_port *ports[PORTS];

static int setup(void **)
{
	static const struct switch_config sw = {
		.name = "lan", .type = SWITCH_INTERNAL, .ageing_s = 300, .mac_limit = 1000};

	assert_int_equal(switch_add(&sw, NULL), 0);
	memset(fakes, 0, sizeof(fakes));
	for (int i = 0; i < PORTS; i++) {
		char name[2] = {'a' + i};

		fakes[i].tx_caps = PORT_TX_SHARED;
		fakes[i].one_tx = true;
		ports[i] = fake_port_add("lan", name, &fakes[i], NULL);
	}
	return 0;
}

static int teardown(void **)
{
	fake_settle();
	switch_shutdown();
	assert_int_equal(mbuf_in_use(), 0);
	return 0;
}

// Several ports with one transmit queue may read the same buffer; each must still get it.
static void flood_reaches_every_port_of_other_workers(void **)
{
	for (int round = 0; round < 50; round++) {
		fake_send(&fakes[round % 2], fake_frame(BROADCAST, MAC_A + round % 2, IPV4, 60));
		fake_settle();
		for (int i = 0; i < PORTS; i++)
			assert_int_equal(fake_drain(&fakes[i]), i != round % 2);
	}
}

// The owner is stuck: what finds no room in its ring is counted, not lost.
static void full_ring_is_counted(void **)
{
	struct vsw_port *to = ports[0], *from = ports[0];
	struct vsw_counters sum;

	for (int i = 1; i < PORTS && workers_owner(from, 0) == to->tx_owner; i++)
		from = ports[i];
	assert_int_not_equal(workers_owner(from, 0), to->tx_owner);
	fake_send(to->priv, fake_frame(BROADCAST, MAC_B, IPV4, 60));
	fake_settle();
	fake_send(from->priv, fake_frame(MAC_B, MAC_A, IPV4, 60));
	fake_settle();
	fakes[0].hold = true;
	for (int i = 0; i < 3000; i++)
		fake_send(from->priv, fake_frame(MAC_B, MAC_A, IPV4, 60));
	for (int i = 0; i < 10000; i++) {
		counters_sum(to->id, &sum);
		if (sum.drops[DROP_RING_FULL] > 0)
			break;
		usleep(1000);
	}
	fakes[0].hold = false;
	fake_settle();
	counters_sum(to->id, &sum);
	assert_true(sum.drops[DROP_RING_FULL] > 0);
	assert_int_equal(sum.tx_packets + sum.drops[DROP_RING_FULL], 3001);
}

static unsigned n_rescues;

static void rescue(void)
{
	n_rescues++;
	fakes[0].hold = false;
}

// The main thread, which would wait for it for ever, has it freed.
static void worker_that_hangs_is_freed(void **)
{
	fake_send(&fakes[1], fake_frame(BROADCAST, MAC_A, IPV4, 60));
	fake_settle();
	workers_set_rescue(rescue);
	workers_synchronize();
	assert_int_equal(n_rescues, 0);
	fakes[0].hold = true;
	fake_send(&fakes[1], fake_frame(BROADCAST, MAC_A, IPV4, 60));
	usleep(20000);
	workers_synchronize();
	assert_true(n_rescues > 0);
	workers_set_rescue(NULL);
	fake_settle();
	for (int i = 0; i < PORTS; i++)
		fake_drain(&fakes[i]);
}

// A port that is polled appears while its worker, which also waits for fds, is about to sleep.
static void new_port_is_never_slept_over(void **)
{
	static struct fake_port fd[2], polled;

	fd[0].wake_fd = fd[1].wake_fd = true;
	for (int i = 0; i < PORTS; i++)
		assert_int_equal(port_del(ports[i]->cfg.name, false, NULL), 0);
	fake_port_add("lan", "fd0", &fd[0], NULL);
	fake_port_add("lan", "fd1", &fd[1], NULL);
	for (int round = 0; round < 1000; round++) {
		uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * (round % 60);

		// The last change woke the worker: it sleeps again after some thirty microseconds.
		while (rte_rdtsc() < until)
			rte_pause();
		fake_port_add("lan", "polled", &polled, NULL);
		fake_send(&polled, fake_frame(BROADCAST, MAC_A, IPV4, 60));
		fake_settle();
		fake_drain(&fd[0]);
		fake_drain(&fd[1]);
		assert_int_equal(port_del("polled", false, NULL), 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(flood_reaches_every_port_of_other_workers),
		T(full_ring_is_counted),
		T(worker_that_hangs_is_freed),
		T(new_port_is_never_slept_over),
	};
	int ret;

	fake_switch_start(2);
	ret = cmocka_run_group_tests_name("cross", tests, NULL, NULL);
	fake_switch_stop();
	return ret;
}
