/* SPDX-License-Identifier: BSD-3-Clause */
// Changes of a port that runs: all of it or nothing, and the entry of a host port's own MAC.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vswitch/counters.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/switch.h>

#include "fake_port.h"

#define MAC_A    0x020000000001
#define MAC_B    0x020000000002
#define MAC_HOST 0x020000000099
#define MAC_NEW  0x020000000077
#define IPV4     0x0800

static const uint8_t mac_host[6] = {2, 0, 0, 0, 0, 0x99}, mac_new[6] = {2, 0, 0, 0, 0, 0x77};

static struct fake_port a, b, host;
static struct vsw_port *pa, *ph;

static int setup(void **)
{
	struct switch_config sw = {
		.name = "lan", .type = SWITCH_INTERNAL, .ageing_s = 300, .mac_limit = 1000};
	struct port_config cfg = {.type = PORT_HOST, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 0x99}};

	a = b = (struct fake_port){.tx_caps = PORT_TX_SHARED};
	host = (struct fake_port){.tx_caps = PORT_TX_SHARED, .local = true};
	assert_int_equal(switch_add(&sw, NULL), 0);
	snprintf(sw.name, sizeof(sw.name), "other");
	assert_int_equal(switch_add(&sw, NULL), 0);
	pa = fake_port_add("lan", "a", &a, NULL);
	fake_port_add("lan", "b", &b, NULL);
	ph = fake_port_add("lan", "host", &host, &cfg);
	return 0;
}

static int teardown(void **)
{
	fake_settle();
	switch_shutdown();
	assert_int_equal(mbuf_in_use(), 0);
	return 0;
}

static bool add_static(const struct fdb_entry *entry, void *arg)
{
	char **at = arg;

	if (entry->is_static)
		*at += sprintf(*at, "%02x/%u>%s ", entry->mac[5], entry->vlan,
			port_by_id(entry->port) ? port_by_id(entry->port)->cfg.name : "nobody");
	return true;
}

// Static entries as "last byte of the MAC/VLAN>port ".
static const char *statics(const char *sw)
{
	static char text[512];
	char *at = text;

	text[0] = '\0';
	fdb_walk(switch_find(sw)->fdb, 0, add_static, &at);
	return text;
}

static void new_mac_takes_the_old_ones_place(void **)
{
	struct port_config cfg = ph->cfg;

	assert_string_equal(statics("lan"), "99/0>host ");
	memcpy(cfg.mac, mac_new, 6);
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	assert_string_equal(statics("lan"), "77/0>host ");
	cfg.vlan = (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 7};
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	assert_string_equal(statics("lan"), "77/7>host ");
	snprintf(cfg.switch_name, sizeof(cfg.switch_name), "other");
	memcpy(cfg.mac, mac_host, 6);
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	assert_string_equal(statics("lan"), "");
	assert_string_equal(statics("other"), "99/7>host ");
	assert_int_equal(port_del("host", false, NULL), 0);
	assert_string_equal(statics("other"), "");
}

static void refused_step_undoes_the_ones_before(void **)
{
	struct port_config cfg = ph->cfg;

	memcpy(cfg.mac, mac_new, 6);
	cfg.mtu = 9000;
	cfg.link_down = true;
	host.refuse_admin = true;
	assert_true(port_set("host", &cfg, NULL) < 0);
	assert_memory_equal(host.mac, mac_host, 6);
	assert_memory_equal(ph->mac, mac_host, 6);
	assert_int_equal(host.mtu, 1500);
	assert_false(ph->cfg.link_down);
	assert_string_equal(statics("lan"), "99/0>host ");
}

static void refused_move_undoes_the_driver(void **)
{
	struct port_config cfg = ph->cfg;

	memcpy(cfg.mac, mac_new, 6);
	cfg.mtu = 9000;
	snprintf(cfg.switch_name, sizeof(cfg.switch_name), "nowhere");
	assert_true(port_set("host", &cfg, NULL) < 0);
	assert_memory_equal(host.mac, mac_host, 6);
	assert_int_equal(host.mtu, 1500);
	assert_string_equal(ph->cfg.switch_name, "lan");
	assert_string_equal(statics("lan"), "99/0>host ");
	fake_send(&a, fake_frame(MAC_HOST, MAC_A, IPV4, 60));
	fake_settle();
	assert_int_equal(fake_drain(&host), 1);
}

// Somebody pins the host's own address elsewhere: that holds until it is taken back.
static void users_entry_outlives_changes_of_the_port(void **)
{
	struct fdb_static_config entry = {.switch_name = "lan", .port_name = "b"};
	struct port_config cfg = ph->cfg;

	memcpy(entry.mac, mac_host, 6);
	assert_int_equal(fdb_static_add(&entry, NULL), 0);
	assert_string_equal(statics("lan"), "99/0>b ");
	cfg.mac_limit = 5;
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	assert_string_equal(statics("lan"), "99/0>b ");
	cfg.vlan = (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 7};
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	if (strcmp(statics("lan"), "99/0>b 99/7>host ") != 0)
		assert_string_equal(statics("lan"), "99/7>host 99/0>b ");
	cfg.vlan = (struct vlan_config){};
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	assert_string_equal(statics("lan"), "99/0>b ");
	assert_int_equal(fdb_static_del(&entry, NULL), 0);
	assert_string_equal(statics("lan"), "99/0>host ");
	// Not the user's: there is nothing to delete.
	assert_true(fdb_static_del(&entry, NULL) < 0);
	assert_string_equal(statics("lan"), "99/0>host ");
}

static void users_entry_on_the_same_port_stays(void **)
{
	struct fdb_static_config entry = {.switch_name = "lan", .port_name = "host"};
	struct port_config cfg = ph->cfg;

	memcpy(entry.mac, mac_host, 6);
	assert_int_equal(fdb_static_add(&entry, NULL), 0);
	memcpy(cfg.mac, mac_new, 6);
	assert_int_equal(port_set("host", &cfg, NULL), 0);
	if (strcmp(statics("lan"), "99/0>host 77/0>host ") != 0)
		assert_string_equal(statics("lan"), "77/0>host 99/0>host ");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(new_mac_takes_the_old_ones_place),
		T(refused_step_undoes_the_ones_before),
		T(refused_move_undoes_the_driver),
		T(users_entry_outlives_changes_of_the_port),
		T(users_entry_on_the_same_port_stays),
	};
	int ret;

	fake_switch_start(1);
	ret = cmocka_run_group_tests_name("port_set", tests, NULL, NULL);
	fake_switch_stop();
	return ret;
}
