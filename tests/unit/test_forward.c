/* SPDX-License-Identifier: BSD-3-Clause */
// The switch with real workers and ports whose far end is the test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include <vswitch/counters.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/offload.h>
#include <vswitch/switch.h>

#include "fake_port.h"

#define MAC_A     0x020000000001
#define MAC_B     0x020000000002
#define MAC_C     0x020000000003
#define BROADCAST 0xffffffffffff
#define IPV4      0x0800
#define VLAN      0x8100
#define QINQ      0x88a8

static struct fake_port a, b, c;
static struct vsw_port *pa, *pb, *pc;

static uint64_t drops(const struct vsw_port *port, enum vsw_drop why)
{
	struct vsw_counters sum;

	counters_sum(port->id, &sum);
	return sum.drops[why];
}

static int setup(void **)
{
	static const struct switch_config sw = {
		.name = "lan", .type = SWITCH_INTERNAL, .ageing_s = 300, .mac_limit = 1000};

	a = b = c = (struct fake_port){.tx_caps = PORT_TX_SHARED};
	assert_int_equal(switch_add(&sw, NULL), 0);
	pa = fake_port_add("lan", "a", &a, NULL);
	pb = fake_port_add("lan", "b", &b, NULL);
	pc = fake_port_add("lan", "c", &c, NULL);
	return 0;
}

static int teardown(void **)
{
	fake_settle();
	switch_shutdown();
	assert_int_equal(mbuf_in_use(), 0);
	return 0;
}

static void set_vlan(const char *name, struct vlan_config vlan)
{
	struct port_config cfg = port_find(name)->cfg;

	cfg.vlan = vlan;
	assert_int_equal(port_set(name, &cfg, NULL), 0);
}

static void learn_all(void)
{
	fake_send(&a, fake_frame(BROADCAST, MAC_A, IPV4, 60));
	fake_send(&b, fake_frame(BROADCAST, MAC_B, IPV4, 60));
	fake_send(&c, fake_frame(BROADCAST, MAC_C, IPV4, 60));
	fake_settle();
	fake_drain(&a);
	fake_drain(&b);
	fake_drain(&c);
}

static void unknown_goes_everywhere_known_goes_home(void **)
{
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&a), 0);
	assert_int_equal(fake_drain(&b), 1);
	assert_int_equal(fake_drain(&c), 1);
	fake_send(&b, fake_frame(MAC_A, MAC_B, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&a), 1);
	assert_int_equal(fake_drain(&c), 0);
	for (int i = 0; i < 1000; i++)
		fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&b), 1000);
	assert_int_equal(fake_drain(&c), 0);
}

static void mixed_destinations_each_get_theirs(void **)
{
	learn_all();
	for (int i = 0; i < 300; i++) {
		fake_send(&a, fake_frame(i % 3 ? MAC_B : MAC_C, MAC_A, IPV4, 60));
		if (i % 10 == 0)
			fake_send(&a, fake_frame(BROADCAST, MAC_A, IPV4, 60));
	}
	fake_settle();
	assert_int_equal(fake_drain(&b), 200 + 30);
	assert_int_equal(fake_drain(&c), 100 + 30);
}

static void bad_frames_are_dropped_by_name(void **)
{
	learn_all();
	fake_send(&a, fake_frame(0, 0, 0, 13));
	fake_send(&a, fake_frame(MAC_B, MAC_A, VLAN, 16));
	fake_send(&a, fake_frame(MAC_B, MAC_A | 1ull << 40, IPV4, 60));
	for (uint64_t last = 0; last < 16; last++)
		fake_send(&a, fake_frame(0x0180c2000000 | last, MAC_A, IPV4, 60));
	fake_send(&a, fake_frame(0x0180c2000010, MAC_A, IPV4, 60)); // one past the reserved block
	fake_send(&a, fake_frame(MAC_A, MAC_A, IPV4, 60));
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 1515));
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 1514));
	fake_settle();
	assert_int_equal(drops(pa, DROP_RUNT), 2);
	assert_int_equal(drops(pa, DROP_SRC_MULTICAST), 1);
	assert_int_equal(drops(pa, DROP_LINK_LOCAL), 16);
	assert_int_equal(drops(pa, DROP_SAME_PORT), 1);
	assert_int_equal(drops(pa, DROP_OVERSIZE_RX), 1);
	assert_int_equal(fake_drain(&b), 2);
	assert_int_equal(fake_drain(&c), 1);
}

static void small_mtu_far_end_counts_oversize(void **)
{
	struct port_config cfg = pb->cfg;

	cfg.mtu = 1000;
	assert_int_equal(port_set("b", &cfg, NULL), 0);
	learn_all();
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 1014));
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 1015));
	fake_settle();
	assert_int_equal(fake_drain(&b), 1);
	assert_int_equal(drops(pb, DROP_OVERSIZE_TX), 1);
}

static void vlans_keep_apart(void **)
{
	set_vlan("a", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	set_vlan("b", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 20});
	fake_send(&a, fake_frame(BROADCAST, MAC_A, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&b) + fake_drain(&c), 0);
	assert_int_equal(drops(pa, DROP_NO_DESTINATION), 1);
	fake_send(&b, fake_tagged(BROADCAST, MAC_B, VLAN, 10, IPV4, 60));
	fake_settle();
	assert_int_equal(drops(pb, DROP_VLAN_TAGGED), 1);
}

static void trunk_tags_and_untags(void **)
{
	struct vlan_config trunk = {.mode = VLAN_TRUNK};
	struct rte_mbuf *m;

	vlan_bit_set(trunk.allowed, 10);
	set_vlan("c", trunk);
	set_vlan("a", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	set_vlan("b", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	// One flood: as it is to b, with a tag to c.
	fake_send(&a, fake_frame(BROADCAST, MAC_A, IPV4, 60));
	fake_settle();
	m = fake_take(&b);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 60);
	assert_int_equal(frame_type_at(m, 12), IPV4);
	rte_pktmbuf_free(m);
	m = fake_take(&c);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 64);
	assert_int_equal(frame_type_at(m, 12), VLAN);
	assert_int_equal(frame_type_at(m, 14), 10);
	assert_int_equal(frame_type_at(m, 16), IPV4);
	rte_pktmbuf_free(m);
	// Back: the tag goes, priority or not.
	fake_send(&c, fake_tagged(MAC_A, MAC_C, VLAN, 0xe00a, IPV4, 60));
	fake_send(&c, fake_tagged(MAC_A, MAC_C, VLAN, 11, IPV4, 60));
	fake_send(&c, fake_tagged(MAC_A, MAC_C, VLAN, 4095, IPV4, 60));
	fake_settle();
	m = fake_take(&a);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 60);
	assert_int_equal(frame_type_at(m, 12), IPV4);
	rte_pktmbuf_free(m);
	assert_int_equal(drops(pc, DROP_VLAN_RX), 2);
	assert_int_equal(fake_drain(&b), 0);
}

static void priority_tags_belong_to_the_ports_vlan(void **)
{
	struct vlan_config trunk = {.mode = VLAN_TRUNK};
	struct rte_mbuf *m;

	vlan_bit_set(trunk.allowed, 10);
	set_vlan("c", trunk);
	set_vlan("a", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	fake_send(&a, fake_tagged(BROADCAST, MAC_A, VLAN, 0xa000, IPV4, 60));
	fake_send(&b, fake_tagged(BROADCAST, MAC_B, VLAN, 0xa000, IPV4, 60));
	fake_settle();
	m = fake_take(&c);
	assert_non_null(m);
	if (frame_type_at(m, 12) != VLAN) { // the one from b, VLAN 0, came first
		assert_int_equal(m->pkt_len, 60);
		rte_pktmbuf_free(m);
		m = fake_take(&c);
	}
	assert_int_equal(frame_type_at(m, 14), 0xa00a);
	rte_pktmbuf_free(m);
	fake_drain(&c);
}

static void service_tags_pass_whole(void **)
{
	struct rte_mbuf *m;

	learn_all();
	fake_send(&a, fake_tagged(MAC_B, MAC_A, QINQ, 100, VLAN, 60));
	fake_settle();
	m = fake_take(&b);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 64);
	assert_int_equal(frame_type_at(m, 12), QINQ);
	rte_pktmbuf_free(m);
}

// The MTU is the payload's: a service tag takes none of it, nor does our own in front of that.
static void service_tag_is_beside_the_mtu(void **)
{
	struct vlan_config trunk = {.mode = VLAN_TRUNK, .native_id = 20};

	vlan_bit_set(trunk.allowed, 10);
	set_vlan("c", trunk);
	set_vlan("a", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	set_vlan("b", (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10});
	fake_send(&a, fake_tagged(BROADCAST, MAC_A, QINQ, 100, IPV4, 1514));
	fake_send(&a, fake_tagged(BROADCAST, MAC_A, QINQ, 100, IPV4, 1515));
	fake_settle();
	assert_int_equal(drops(pa, DROP_OVERSIZE_RX), 1);
	assert_int_equal(drops(pc, DROP_OVERSIZE_TX), 0);
	assert_int_equal(fake_drain(&b), 1);
	assert_int_equal(fake_drain(&c), 1);
}

static void refused_frames_are_counted_and_freed(void **)
{
	learn_all();
	b.tx_room = 5;
	for (int i = 0; i < 64; i++)
		fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60));
	fake_settle();
	assert_true(drops(pb, DROP_TX_FULL) > 0);
	assert_int_equal(drops(pb, DROP_TX_FULL) + fake_drain(&b), 64);
}

static void link_down_port_is_silent(void **)
{
	struct port_config cfg = pb->cfg;

	learn_all();
	cfg.link_down = true;
	assert_int_equal(port_set("b", &cfg, NULL), 0);
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60));
	fake_send(&a, fake_frame(BROADCAST, MAC_A, IPV4, 60));
	fake_send(&b, fake_frame(MAC_A, MAC_B, IPV4, 60));
	fake_settle();
	assert_int_equal(drops(pb, DROP_LINK_DOWN), 2);
	assert_int_equal(fake_drain(&b) + fake_drain(&a), 0);
	assert_int_equal(fake_drain(&c), 1);
}

static unsigned loops_seen;

static void count_loop(
	struct vsw_switch *, struct vsw_port *, struct vsw_port *, const uint8_t *, uint16_t)
{
	loops_seen++;
}

static void own_address_coming_back_is_a_loop(void **)
{
	struct fake_port host = {.tx_caps = PORT_TX_SHARED, .local = true};
	struct port_config cfg = {.type = PORT_HOST, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 0x99}};
	struct vsw_port *ph = fake_port_add("lan", "host", &host, &cfg);

	loops_seen = 0;
	fake_send(&host, fake_frame(BROADCAST, 0x020000000099, IPV4, 60));
	fake_settle();
	assert_int_equal(drops(ph, DROP_LOOP), 0);
	fake_send(&a, fake_frame(BROADCAST, 0x020000000099, IPV4, 60));
	fake_settle();
	assert_int_equal(drops(pa, DROP_LOOP), 1);
	switch_drain_notifications(count_loop);
	assert_int_equal(loops_seen, 1);
	// What is for the host goes to the host, although it has said nothing from there.
	fake_drain(&host);
	fake_send(&a, fake_frame(0x020000000099, MAC_A, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&host), 1);
	assert_int_equal(port_del("host", false, NULL), 0);
}

static void flapping_station_is_reported_once(void **)
{
	loops_seen = 0;
	for (int i = 0; i < 40; i++) {
		fake_send(i % 2 ? &a : &b, fake_frame(BROADCAST, MAC_C, IPV4, 60));
		fake_settle();
	}
	switch_drain_notifications(count_loop);
	assert_int_equal(loops_seen, 1);
	assert_int_equal(switch_find("lan")->loops, 1);
}

static void arp_tells_who_lives_where(void **)
{
	static const uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 77, 0, 5};
	struct rte_mbuf *m = fake_frame(BROADCAST, MAC_A, 0x0806, 60);
	struct port_ip ips[SWITCH_PORT_IPS];

	memcpy(rte_pktmbuf_mtod_offset(m, void *, 14), arp, sizeof(arp));
	fake_send(&a, m);
	fake_settle();
	switch_drain_notifications(NULL);
	assert_int_equal(port_ips(pa, ips, SWITCH_PORT_IPS), 1);
	assert_int_equal(ips[0].family, 4);
	assert_memory_equal(ips[0].ip, "\x0a\x4d\x00\x05", 4);
	assert_int_equal(port_ips(pb, ips, SWITCH_PORT_IPS), 0);
}

static void port_goes_under_traffic(void **)
{
	for (int round = 0; round < 20; round++) {
		learn_all();
		for (int i = 0; i < 500; i++)
			fake_send(&a, fake_frame(i % 2 ? MAC_B : BROADCAST, MAC_A, IPV4, 60));
		assert_int_equal(port_del("b", false, NULL), 0);
		assert_true(b.closed);
		pb = fake_port_add("lan", "b", &b, NULL);
		fake_settle();
		fake_drain(&b);
		fake_drain(&c);
	}
}

static void moved_port_changes_sides(void **)
{
	static const struct switch_config other = {
		.name = "other", .type = SWITCH_INTERNAL, .ageing_s = 300, .mac_limit = 1000};
	struct port_config cfg = pb->cfg;

	learn_all();
	assert_int_equal(switch_add(&other, NULL), 0);
	strcpy(cfg.switch_name, "other");
	assert_int_equal(port_set("b", &cfg, NULL), 0);
	fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60)); // unknown again on "lan"
	fake_settle();
	assert_int_equal(fake_drain(&b), 0);
	assert_int_equal(fake_drain(&c), 1);
	strcpy(cfg.switch_name, "lan");
	assert_int_equal(port_set("b", &cfg, NULL), 0);
	assert_int_equal(switch_del("other", NULL), 0);
}

// One transmit queue and several workers: frames cross to the one who owns it.
static void frames_cross_to_the_owner(void **)
{
	assert_int_equal(port_del("b", false, NULL), 0);
	b.one_tx = true;
	pb = fake_port_add("lan", "b", &b, NULL);
	learn_all();
	for (int i = 0; i < 500; i++) {
		fake_send(&a, fake_frame(MAC_B, MAC_A, IPV4, 60));
		fake_send(&c, fake_frame(MAC_B, MAC_C, IPV4, 60));
	}
	fake_settle();
	assert_int_equal(fake_drain(&b) + drops(pb, DROP_RING_FULL), 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(unknown_goes_everywhere_known_goes_home),
		T(mixed_destinations_each_get_theirs),
		T(bad_frames_are_dropped_by_name),
		T(small_mtu_far_end_counts_oversize),
		T(vlans_keep_apart),
		T(trunk_tags_and_untags),
		T(priority_tags_belong_to_the_ports_vlan),
		T(service_tags_pass_whole),
		T(service_tag_is_beside_the_mtu),
		T(refused_frames_are_counted_and_freed),
		T(link_down_port_is_silent),
		T(own_address_coming_back_is_a_loop),
		T(flapping_station_is_reported_once),
		T(arp_tells_who_lives_where),
		T(port_goes_under_traffic),
		T(moved_port_changes_sides),
		T(frames_cross_to_the_owner),
	};
	int ret;

	fake_switch_start(2);
	ret = cmocka_run_group_tests_name("forward", tests, NULL, NULL);
	fake_switch_stop();
	return ret;
}
