/* SPDX-License-Identifier: BSD-3-Clause */
// What must be done is as little as possible, in an order that works, told in plain words.
#include "config_fixture.h"

#include <stdlib.h>

#include <vswitch/control/config_json.h>
#include <vswitch/control/diff.h>
#include <vswitch/control/syntax.h>

static struct config *from, *to;

static int make_two(void **)
{
	from = config_create();
	assert_done(add_switch(from, "lan", SWITCH_EXTERNAL));
	assert_done(add_switch(from, "lab", SWITCH_INTERNAL));
	assert_done(add_port(from, "lan", "web1", PORT_TAP));
	assert_done(add_port(from, "lan", "web2", PORT_TAP));
	assert_done(bind(from, "lan", "eth0", 1));
	assert_done(add_fdb(from, "lan", 10, 1, "web1"));
	to = config_copy(from);
	return to == NULL ? -1 : 0;
}

static int drop_two(void **)
{
	config_destroy(from);
	config_destroy(to);
	return 0;
}

// The actions' texts in order, NULL at the end.
static void assert_actions(const char *const *expected)
{
	struct diff *diff = diff_create(from, to);
	char text[ACTION_TEXT_SIZE];
	unsigned n = 0;

	assert_non_null(diff);
	for (; n < diff->n; n++) {
		action_text(&diff->action[n], text, sizeof(text));
		if (expected[n] == NULL)
			fail_msg("too much: %s", text);
		assert_string_equal(text, expected[n]);
	}
	if (expected[n] != NULL)
		fail_msg("missing: %s", expected[n]);
	diff_destroy(diff);
}

#define assert_texts(...) assert_actions((const char *const[]){__VA_ARGS__, NULL})

static void apply(const char *text, bool prune)
{
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	assert_done(config_apply(to, doc, prune, &err));
	json_decref(doc);
}

static void equal_needs_nothing(void **)
{
	assert_actions((const char *const[]){NULL});
}

static void things_are_created(void **)
{
	struct port_config port = port_of("vm", "new", PORT_VHOST);

	assert_done(add_switch(to, "new", SWITCH_PRIVATE));
	assert_done(vlan_list_parse("10,20-30", port.vlan.allowed, &err));
	port.vlan.native_id = 5;
	port.mtu = 9000;
	assert_done(config_add_port(to, &port, SET_TRUNK | SET_NATIVE, false, &err));
	assert_done(add_fdb(to, "new", 0, 2, "vm"));
	assert_texts("create switch 'new' (private)",
		"create port 'vm' (vhost) on 'new', VLAN trunk 10,20-30 native 5, MTU 9000",
		"add static MAC 02:00:00:00:01:02 VLAN 0 on 'new', port 'vm'");
}

static void nics_are_bound_and_unbound(void **)
{
	struct port_config nic = nic_of("lan", "eth1", 2);

	assert_done(config_unbind_nic(to, "eth0", false, &err));
	nic.nic.role = NIC_ROLE_ACCESS;
	nic.vlan.access_id = 3;
	strcpy(nic.name, "room");
	assert_done(config_bind_nic(to, &nic, SET_ACCESS, false, &err));
	assert_texts("bind NIC 'eth1' to 'lan' as port 'room' (access), VLAN access 3",
		"unbind NIC 'eth0' from 'lan', port 'eth0'");
}

static void settings_are_set_live(void **)
{
	struct port_config port = {.mtu = 9000, .vlan = {.access_id = 10}, .link_down = true};
	struct switch_config sw = {.type = SWITCH_PRIVATE, .ageing_s = 5, .mac_limit = 9};

	assert_done(config_set_port(to, "web1", &port, SET_MTU | SET_ACCESS, &err));
	assert_done(config_set_port(to, "web2", &port, SET_LINK, &err));
	assert_done(config_set_switch(to, "lab", &sw, SET_TYPE | SET_AGEING | SET_MAC_LIMIT, &err));
	assert_texts("set switch 'lab' type private, ageing 5 s, MAC limit 9",
		"set port 'web1' VLAN access 10, MTU 9000", "set port 'web2' link down");
}

static void renames_and_moves_keep_things_up(void **)
{
	assert_done(config_rename_switch(to, "lan", "wan", &err));
	assert_texts("rename switch 'lan' to 'wan'");
	assert_done(config_rename_switch(to, "wan", "lan", &err));
	assert_done(config_rename_port(to, "web1", "www", &err));
	assert_texts("rename port 'web1' to 'www'");
	assert_done(config_move_port(to, "web2", "lab", &err));
	assert_texts("rename port 'web1' to 'www'", "move port 'web2' from 'lan' to 'lab'");
}

static void deletions_go_last(void **)
{
	assert_done(config_del_port(to, "web1", false, &err));
	assert_done(config_del_switch(to, "lab", false, false, &err));
	assert_done(add_port(to, "lan", "web3", PORT_TAP));
	assert_texts("delete static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web1'",
		"create port 'web3' (tap) on 'lan'", "delete port 'web1' (tap) from 'lan'",
		"delete switch 'lab'");
}

static void obstacles_go_first(void **)
{
	struct port_config port = port_of("web3", "lan", PORT_TAP);

	assert_done(config_del_port(to, "web2", false, &err));
	strcpy(port.ifname, "web2");
	assert_done(config_add_port(to, &port, 0, false, &err));
	assert_texts("delete port 'web2' (tap) from 'lan'", "create port 'web3' (tap) on 'lan'");
}

static void name_of_a_deleted_port_is_free(void **)
{
	assert_done(config_del_port(to, "web2", false, &err));
	assert_done(config_rename_port(to, "web1", "web2", &err));
	assert_texts("delete port 'web2' (tap) from 'lan'", "rename port 'web1' to 'web2'");
}

static void rebuilt_port_takes_its_macs_along(void **)
{
	apply("{\"version\":1,\"ports\":[{\"name\":\"web1\",\"switch\":\"lan\",\"type\":\"tap\","
	      "\"netns\":\"blue\"}]}",
		false);
	assert_texts("delete static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web1'",
		"delete port 'web1' (tap) from 'lan'", "create port 'web1' (tap) on 'lan'",
		"add static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web1'");
}

static void repinned_mac_is_deleted_before_it_is_added(void **)
{
	apply("{\"version\":1,\"fdb\":[{\"switch\":\"lan\",\"vlan\":10,\"mac\":"
	      "\"02:00:00:00:01:01\",\"port\":\"web2\"}]}",
		false);
	assert_texts("delete static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web1'",
		"add static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web2'");
}

static void port_leaves_a_switch_before_it_goes(void **)
{
	apply("{\"version\":1,\"switches\":[{\"name\":\"lab\",\"type\":\"internal\"}],\"ports\":["
	      "{\"name\":\"web2\",\"switch\":\"lab\",\"type\":\"tap\"}]}",
		true);
	assert_texts("delete static MAC 02:00:00:00:01:01 VLAN 10 on 'lan', port 'web1'",
		"move port 'web2' from 'lan' to 'lab'", "unbind NIC 'eth0' from 'lan', port 'eth0'",
		"delete port 'web1' (tap) from 'lan'", "delete switch 'lan'");
}

static void full_switch_table_makes_room_first(void **)
{
	char name[16];

	for (unsigned i = 2; i < VSW_MAX_SWITCHES; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_done(add_switch(from, name, SWITCH_INTERNAL));
	}
	config_destroy(to);
	to = config_copy(from);
	assert_done(config_del_switch(to, "s9", false, false, &err));
	assert_done(add_switch(to, "more", SWITCH_INTERNAL));
	assert_texts("delete switch 's9'", "create switch 'more' (internal)");
}

#define with_two(test) cmocka_unit_test_setup_teardown(test, make_two, drop_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_two(equal_needs_nothing),
		with_two(things_are_created),
		with_two(nics_are_bound_and_unbound),
		with_two(settings_are_set_live),
		with_two(renames_and_moves_keep_things_up),
		with_two(deletions_go_last),
		with_two(obstacles_go_first),
		with_two(name_of_a_deleted_port_is_free),
		with_two(rebuilt_port_takes_its_macs_along),
		with_two(repinned_mac_is_deleted_before_it_is_added),
		with_two(port_leaves_a_switch_before_it_goes),
		with_two(full_switch_table_makes_room_first),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
