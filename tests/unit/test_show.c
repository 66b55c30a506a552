/* SPDX-License-Identifier: BSD-3-Clause */
// What the reading methods tell of a switch that carries frames, and that every result is as
// its table says: nothing missing, nothing more, the types and words it promises.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/control/handlers.h>
#include <vswitch/control/syntax.h>
#include <vswitch/counters.h>
#include <vswitch/log.h>
#include <vswitch/switch.h>

#include "fake_port.h"
#include "reply_check.h"

#define MAC_A 0x020000000001
#define MAC_B 0x020000000002

static struct fake_port a, b, nic;

static void refused(const char *method, const char *params, const char *words)
{
	struct rpc_peer peer = {.access = RPC_ACCESS_READ};
	char line[512], *reply;
	size_t len;

	snprintf(line, sizeof(line),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	reply = rpc_handle(line, strlen(line), &peer, control_handlers, &len);
	assert_non_null(strstr(reply, "1002"));
	if (strstr(reply, words) == NULL)
		fail_msg("%s", reply);
	free(reply);
}

// The member at a path of keys and indices, as text or number.
static const json_t *at(const json_t *json, const char *path)
{
	char copy[128], *key, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")) != NULL)
		json = key[0] >= '0' && key[0] <= '9' ? json_array_get(json, atoi(key))
		                                      : json_object_get(json, key);
	if (json == NULL)
		fail_msg("there is no '%s'", path);
	return json;
}

static const char *text_at(const json_t *json, const char *path)
{
	const char *text = json_string_value(at(json, path));

	return text != NULL ? text : "(no text)";
}

static json_int_t number_at(const json_t *json, const char *path)
{
	return json_integer_value(at(json, path));
}

// --- tests -----------------------------------------------------------------------------------

static int setup(void **)
{
	static const struct switch_config lan = {
		.name = "lan", .type = SWITCH_EXTERNAL, .ageing_s = 300, .mac_limit = 1000};
	static const struct switch_config cell = {
		.name = "cell", .type = SWITCH_PRIVATE, .mac_limit = 5};
	struct port_config trunk = {.type = PORT_TAP, .mtu = 9000, .ifname = "b0", .netns = "b"};
	struct port_config card = {.type = PORT_NIC, .mtu = 1500, .ifname = "eth9"};

	trunk.vlan = (struct vlan_config){.mode = VLAN_TRUNK, .native_id = 5};
	vlan_bit_set(trunk.vlan.allowed, 10);
	vlan_bit_set(trunk.vlan.allowed, 11);
	card.nic.perm_mac[0] = 2;
	card.nic.perm_mac[5] = 9;
	card.vlan.mode = VLAN_TRUNK;
	vlan_list_all(card.vlan.allowed);
	a = b = nic = (struct fake_port){};
	assert_int_equal(switch_add(&lan, NULL), 0);
	assert_int_equal(switch_add(&cell, NULL), 0);
	fake_port_add("lan", "z", &a, NULL);
	fake_port_add("lan", "b", &b, &trunk);
	fake_port_add("lan", "eth9", &nic, &card);
	fake_send(&a, fake_frame(MAC_B, MAC_A, 0x0800, 60));
	fake_settle();
	fake_drain(&a);
	fake_drain(&b);
	fake_drain(&nic);
	return 0;
}

static int teardown(void **)
{
	fake_settle();
	switch_shutdown();
	return 0;
}

static void switches_are_listed(void **)
{
	json_t *json = ask("list-switches", "{}");

	assert_int_equal(json_array_size(at(json, "switches")), 2);
	assert_string_equal(text_at(json, "switches.0.name"), "cell");
	assert_true(json_is_null(at(json, "switches.0.uplink")));
	assert_string_equal(text_at(json, "switches.1.name"), "lan");
	assert_string_equal(text_at(json, "switches.1.type"), "external");
	assert_string_equal(text_at(json, "switches.1.uplink"), "eth9");
	assert_int_equal(number_at(json, "switches.1.n_ports"), 3);
	assert_int_equal(number_at(json, "switches.1.macs"), 1);
	json_decref(json);
}

static void ports_are_listed(void **)
{
	json_t *json = ask("list-ports", "{}");

	assert_int_equal(json_array_size(at(json, "ports")), 3);
	assert_string_equal(text_at(json, "ports.0.name"), "b");
	assert_string_equal(text_at(json, "ports.0.vlan.mode"), "trunk");
	assert_string_equal(text_at(json, "ports.0.vlan.allowed"), "10-11");
	assert_int_equal(number_at(json, "ports.0.vlan.native"), 5);
	assert_string_equal(text_at(json, "ports.0.netns"), "b");
	assert_int_equal(number_at(json, "ports.0.mtu"), 9000);
	assert_string_equal(text_at(json, "ports.1.nic.mac"), "02:00:00:00:00:09");
	assert_string_equal(text_at(json, "ports.1.vlan.allowed"), "1-4094");
	assert_string_equal(text_at(json, "ports.2.vlan.mode"), "untagged");
	assert_int_equal(number_at(json, "ports.2.macs"), 1);
	json_decref(json);
	json = ask("list-ports", "{\"switch\":\"cell\"}");
	assert_int_equal(json_array_size(at(json, "ports")), 0);
	json_decref(json);
	refused("list-ports", "{\"switch\":\"none\"}", "switch 'none' does not exist");
}

static void a_port_is_shown(void **)
{
	json_t *json = ask("show-port", "{\"port\":\"z\"}");

	assert_int_equal(number_at(json, "port.counters.rx_packets"), 1);
	assert_true(json_is_true(at(json, "port.link.up")));
	json_decref(json);
	refused("show-port", "{\"port\":\"none\"}", "port 'none' does not exist");
}

static void the_whole_is_shown(void **)
{
	json_t *json = ask("show", "{}");

	assert_int_equal(json_array_size(at(json, "switches")), 2);
	assert_int_equal(json_array_size(at(json, "switches.1.ports")), 3);
	json_decref(json);
	json = ask("show", "{\"switch\":\"lan\"}");
	assert_int_equal(json_array_size(at(json, "switches")), 1);
	assert_string_equal(text_at(json, "switches.0.ports.2.name"), "z");
	json_decref(json);
	refused("show", "{\"switch\":\"none\"}", "switch 'none' does not exist");
}

static void tables_are_shown(void **)
{
	static const uint8_t pinned[6] = {2, 0, 0, 0, 0, 0x77};
	struct fdb_static_config entry = {.switch_name = "lan", .port_name = "b", .vlan = 10};
	json_t *json;

	memcpy(entry.mac, pinned, 6);
	assert_int_equal(fdb_static_add(&entry, NULL), 0);
	json = ask("show-fdb", "{\"switch\":\"lan\"}");
	assert_int_equal(json_array_size(at(json, "entries")), 2);
	assert_string_equal(text_at(json, "entries.0.mac"), "02:00:00:00:00:01");
	assert_string_equal(text_at(json, "entries.0.port"), "z");
	assert_int_equal(number_at(json, "entries.1.vlan"), 10);
	assert_true(json_is_true(at(json, "entries.1.static")));
	assert_int_equal(number_at(json, "stats.static"), 1);
	json_decref(json);
	json = ask("show-fdb", "{\"switch\":\"lan\",\"vlan\":0}");
	assert_int_equal(json_array_size(at(json, "entries")), 1);
	assert_int_equal(number_at(json, "stats.entries"), 2);
	json_decref(json);
	json = ask("show-fdb", "{\"switch\":\"lan\",\"port\":\"b\",\"static\":true}");
	assert_int_equal(json_array_size(at(json, "entries")), 1);
	json_decref(json);
	json = ask("show-fdb", "{\"switch\":\"lan\",\"mac\":\"02:00:00:00:00:99\"}");
	assert_int_equal(json_array_size(at(json, "entries")), 0);
	json_decref(json);
	refused("show-fdb", "{\"switch\":\"none\"}", "switch 'none' does not exist");
	refused("show-fdb", "{\"switch\":\"cell\",\"port\":\"b\"}",
		"switch 'cell' has no port 'b'");
}

static void counters_add_up(void **)
{
	json_t *json = ask("show-stats", "{}");

	assert_int_equal(json_array_size(at(json, "ports")), 3);
	assert_true(json_is_true(at(json, "sum.balanced")));
	assert_true(number_at(json, "sum.received") >= 1);
	assert_null(json_object_get(json, "reasons"));
	json_decref(json);
	json = ask("show-stats", "{\"port\":\"z\",\"drops\":true}");
	assert_int_equal(json_array_size(at(json, "ports")), 1);
	assert_int_equal(json_object_size(at(json, "reasons")), DROP_COUNT);
	assert_true(json_is_true(at(json, "sum.balanced")));
	json_decref(json);
	// What a port counted stays in the sum when it is gone.
	assert_int_equal(port_del("z", false, NULL), 0);
	json = ask("show-stats", "{}");
	assert_int_equal(json_array_size(at(json, "ports")), 2);
	assert_true(number_at(json, "deleted.rx_packets") >= 1);
	assert_true(json_is_true(at(json, "sum.balanced")));
	json_decref(json);
	refused("show-stats", "{\"port\":\"none\"}", "port 'none' does not exist");
}

static void workers_are_shown(void **)
{
	json_t *json = ask("show-workers", "{}");

	assert_int_equal(json_array_size(at(json, "workers")), 1);
	assert_int_equal(json_array_size(at(json, "workers.0.queues")), 3);
	json_decref(json);
}

static void the_rest_is_as_the_table_says(void **)
{
	json_t *json = ask("version", "{}");

	assert_string_equal(text_at(json, "version"), VSW_VERSION);
	json_decref(json);
	json_decref(ask("list-nics", "{}"));
	json_decref(ask("rpc.discover", "{}"));
}

// The bound card that the kernel does not know is told all the same.
static void absent_cards_are_listed(void **)
{
	json_t *json = ask("list-nics", "{}"), *card;
	bool found = false;
	size_t i;

	json_array_foreach (json_object_get(json, "nics"), i, card) {
		if (strcmp(text_at(card, "name"), "eth9") != 0)
			continue;
		found = true;
		assert_string_equal(text_at(card, "state"), "bound");
		assert_string_equal(text_at(card, "switch"), "lan");
		assert_string_equal(text_at(card, "role"), "uplink");
	}
	assert_true(found);
	json_decref(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(switches_are_listed),
		TEST(ports_are_listed),
		TEST(a_port_is_shown),
		TEST(the_whole_is_shown),
		TEST(tables_are_shown),
		TEST(counters_add_up),
		TEST(workers_are_shown),
		TEST(the_rest_is_as_the_table_says),
		TEST(absent_cards_are_listed),
	};
	int failed;

	log_set_level(LOG_LVL_ERROR);
	fake_switch_start(1);
	failed = cmocka_run_group_tests_name("show", tests, NULL, NULL);
	fake_switch_stop();
	return failed;
}
