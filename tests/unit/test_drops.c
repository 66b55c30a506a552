/* SPDX-License-Identifier: BSD-3-Clause */
// Losses that traffic alone does not bring about, each counted under its name, with nothing
// leaked. One worker without a thread: the test runs the data path itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/datapath.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/switch_live.h>

#include "eal.h"

#define BUFFERS 1023

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct vsw_port *pa, *pb, *pc;
static unsigned sent; // frames that left

static int null_open(struct vsw_port *port, struct vsw_error *)
{
	port->n_rx_queues = 1;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_TIMER;
	port->tx_caps = PORT_TX_SHARED;
	return 0;
}

static void null_close(struct vsw_port *, bool)
{
}

static uint16_t null_rx(struct vsw_port *, uint16_t, struct rte_mbuf **, uint16_t)
{
	return 0;
}

static uint16_t null_tx(struct vsw_port *, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	sent += n;
	return n;
}

static const struct vsw_port_ops null_ops = {
	.type = "null",
	.open = null_open,
	.close = null_close,
	.rx_burst = null_rx,
	.tx_burst = null_tx,
};

static struct vsw_port *add(const char *name, struct vlan_config vlan)
{
	struct port_config cfg = {.type = PORT_TAP, .switch_name = "s", .vlan = vlan};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	assert_int_equal(port_add_by(&null_ops, &cfg, NULL), 0);
	return port_find(name);
}

// a and b have VLAN 10 untagged, c has it tagged.
static int setup(void **)
{
	static const struct switch_config sw = {.name = "s", .ageing_s = 300, .mac_limit = 100};
	const struct vlan_config access = {.mode = VLAN_ACCESS, .access_id = 10};
	struct vlan_config trunk = {.mode = VLAN_TRUNK};

	vlan_bit_set(trunk.allowed, 10);
	assert_int_equal(switch_add(&sw, NULL), 0);
	pa = add("a", access);
	pb = add("b", access);
	pc = add("c", trunk);
	sent = 0;
	return 0;
}

static uint64_t sum_of_everything(void)
{
	uint64_t in = 0, out = 0;

	for (uint16_t id = 0; id <= VSW_MAX_PORTS; id++) {
		struct vsw_counters c;

		counters_sum(id, &c);
		in += c.rx_packets + c.copies + c.segments;
		out += c.tx_packets;
		for (int i = 0; i < DROP_COUNT; i++)
			out += c.drops[i];
	}
	return in - out;
}

static int teardown(void **)
{
	switch_shutdown();
	assert_int_equal(sum_of_everything(), 0);
	assert_int_equal(mbuf_in_use(), 0);
	return 0;
}

static uint64_t drops(const struct vsw_port *port, enum vsw_drop why)
{
	struct vsw_counters c;

	counters_sum(port->id, &c);
	return c.drops[why];
}

static struct rte_mbuf *frame(const uint8_t dst[6], const uint8_t src[6], uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbuf_pool(SOCKET_ID_ANY));
	char *p;

	p = m != NULL ? rte_pktmbuf_append(m, len) : NULL;
	if (p == NULL)
		abort(); // an assertion would not tell gcc that it ends here
	memset(p, 0, len);
	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
	p[12] = 8;
	return m;
}

static void input(struct vsw_port *from, struct rte_mbuf *m)
{
	vsw_workers[0]->rx.out.pkt[0] = m;
	switch_input(vsw_workers[0], from, 1);
}

// Takes all buffers that are left.
static unsigned hoard(struct rte_mbuf **all)
{
	unsigned n = 0;

	while (n < BUFFERS && (all[n] = rte_pktmbuf_alloc(mbuf_pool(SOCKET_ID_ANY))) != NULL)
		n++;
	return n;
}

static void no_buffer_for_the_tagged_copy(void **)
{
	struct rte_mbuf *all[BUFFERS], *m = frame(everybody, mac_a, 60);
	unsigned n = hoard(all);

	input(pa, m);
	rte_pktmbuf_free_bulk(all, n);
	assert_int_equal(drops(pa, DROP_NO_MBUF), 1);
	assert_int_equal(sent, 1);
}

static struct rte_mbuf *gso_frame(uint16_t payload)
{
	static const uint8_t ip[20] = {
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 77, 0, 1, 10, 77};
	struct rte_mbuf *m = frame(mac_b, mac_a, 54 + payload);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	memcpy(p + 14, ip, sizeof(ip));
	p[16] = (40 + payload) >> 8;
	p[17] = 40 + payload;
	p[46] = 0x50; // TCP, 20 bytes
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	m->tso_segsz = 100;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
	return m;
}

static void b_is_known(void)
{
	input(pb, frame(everybody, mac_b, 60));
	sent = 0;
}

static void no_buffer_for_segments(void **)
{
	struct rte_mbuf *all[BUFFERS], *m;
	unsigned n;

	b_is_known();
	input(pa, gso_frame(1000));
	assert_int_equal(sent, 10);
	m = gso_frame(1000);
	n = hoard(all);
	input(pa, m);
	rte_pktmbuf_free_bulk(all, n);
	assert_int_equal(drops(pb, DROP_NO_MBUF), 1);
	assert_int_equal(sent, 10);
}

static void work_that_contradicts_the_frame(void **)
{
	struct rte_mbuf *m = gso_frame(1000);

	b_is_known();
	m->l3_len = 24;
	input(pa, m);
	assert_int_equal(drops(pb, DROP_OFFLOAD), 1);
	assert_int_equal(sent, 0);
}

// Flooded: one segment works for some, for all that cannot do it fails as often as it is tried.
static void flooded_work_is_counted_for_each_port(void **)
{
	struct rte_mbuf *m = gso_frame(1000);

	m->l3_len = 24;
	input(pa, m);
	assert_int_equal(drops(pb, DROP_OFFLOAD), 1);
	assert_int_equal(drops(pc, DROP_OFFLOAD), 1);
	input(pa, gso_frame(1000));
	assert_int_equal(sent, 20);
}

static void headers_in_pieces_are_malformed(void **)
{
	struct rte_mbuf *m = frame(mac_b, mac_a, 14), *tail = frame(mac_b, mac_a, 60);

	rte_pktmbuf_trim(m, 4);
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	input(pa, m);
	m = frame(mac_b, mac_a, 16);
	memcpy(rte_pktmbuf_mtod_offset(m, char *, 12), "\x81\x00", 2);
	assert_int_equal(rte_pktmbuf_chain(m, frame(mac_b, mac_a, 60)), 0);
	input(pc, m);
	assert_int_equal(drops(pa, DROP_MALFORMED), 1);
	assert_int_equal(drops(pc, DROP_MALFORMED), 1);
}

static void frames_from_and_to_a_port_on_its_way_out(void **)
{
	struct vsw_switch *sw = atomic_load(&pa->sw);

	// As seen by a worker between the two steps of taking a port out.
	atomic_store(&pa->sw, NULL);
	input(pa, frame(mac_b, mac_a, 60));
	atomic_store(&pa->sw, sw);
	assert_int_equal(drops(pa, DROP_PORT_GONE), 1);
	b_is_known();
	atomic_store(&vsw_ports[pb->id], NULL);
	input(pa, frame(mac_b, mac_a, 60));
	atomic_store(&vsw_ports[pb->id], pb);
	assert_int_equal(drops(pa, DROP_PORT_GONE), 2);
	assert_int_equal(sent, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(no_buffer_for_the_tagged_copy),
		T(no_buffer_for_segments),
		T(work_that_contradicts_the_frame),
		T(flooded_work_is_counted_for_each_port),
		T(headers_in_pieces_are_malformed),
		T(frames_from_and_to_a_port_on_its_way_out),
	};
	unsigned lcore = 0;

	if (eal_start() < 0 || mbuf_pools_create(BUFFERS) < 0 ||
		workers_start(&(struct worker_options){
			.lcores = &lcore, .n_workers = 1, .no_threads = true}) < 0)
		return 1;
	return cmocka_run_group_tests_name("drops", tests, NULL, NULL);
}
