/* SPDX-License-Identifier: BSD-3-Clause */
// Every transform and every refusal of switches, renames and static MACs.
#include "config_fixture.h"

#include <vswitch/control/syntax.h>

static void switches_are_added_and_sorted(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "a", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "z", SWITCH_PRIVATE));
	assert_int_equal(cfg->n_switches, 3);
	assert_string_equal(cfg->switches[0].cfg.name, "a");
	assert_string_equal(cfg->switches[1].cfg.name, "lan");
	assert_string_equal(cfg->switches[2].cfg.name, "z");
	assert_null(config_find_switch(cfg, "la"));
	assert_refused(add_switch(cfg, "lan", SWITCH_INTERNAL), VSW_E_EXISTS, "'lan'");
}

static void switch_may_exist(void **state)
{
	struct config *cfg = *state;
	struct switch_config sw;

	switch_config_init(&sw, "lan", SWITCH_INTERNAL);
	assert_done(config_add_switch(cfg, &sw, true, &err));
	assert_done(config_add_switch(cfg, &sw, true, &err));
	sw.ageing_s = 5;
	assert_refused(config_add_switch(cfg, &sw, true, &err), VSW_E_EXISTS, "ageing");
	sw.ageing_s = VSW_AGEING_DEFAULT;
	sw.mac_limit = 5;
	assert_refused(config_add_switch(cfg, &sw, true, &err), VSW_E_EXISTS, "MAC limit");
	sw.type = SWITCH_PRIVATE;
	assert_refused(config_add_switch(cfg, &sw, true, &err), VSW_E_EXISTS, "internal");
}

static void switch_values_are_checked(void **state)
{
	struct config *cfg = *state;
	struct switch_config sw;

	assert_refused(add_switch(cfg, "", SWITCH_INTERNAL), VSW_E_INVALID, "empty");
	assert_refused(add_switch(cfg, "a b", SWITCH_INTERNAL), VSW_E_INVALID, "'a b'");
	assert_refused(add_switch(cfg, "-x", SWITCH_INTERNAL), VSW_E_INVALID, "'-x'");
	switch_config_init(&sw, "lan", SWITCH_INTERNAL);
	sw.ageing_s = 1000001;
	assert_refused(config_add_switch(cfg, &sw, false, &err), VSW_E_INVALID, "ageing");
	sw.ageing_s = 0;
	sw.mac_limit = 0;
	assert_refused(config_add_switch(cfg, &sw, false, &err), VSW_E_INVALID, "MAC limit");
	sw.mac_limit = 1;
	assert_done(config_add_switch(cfg, &sw, false, &err));
}

static void switches_have_a_limit(void **state)
{
	struct config *cfg = *state;
	char name[16];

	for (unsigned i = 0; i < VSW_MAX_SWITCHES; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_done(add_switch(cfg, name, SWITCH_INTERNAL));
	}
	assert_refused(add_switch(cfg, "more", SWITCH_INTERNAL), VSW_E_LIMIT, "256");
}

static void ports_have_a_limit(void **state)
{
	struct config *cfg = *state;
	struct port_config port;
	char name[16];

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	for (unsigned i = 0; i < VSW_MAX_PORTS; i++) {
		snprintf(name, sizeof(name), "p%04u", i);
		port = port_of(name, "lan", PORT_TAP);
		assert_done(config_put_port(cfg, &port, &err));
	}
	assert_refused(add_port(cfg, "lan", "more", PORT_TAP), VSW_E_LIMIT, "4095");
}

static void switch_is_deleted(void **state)
{
	struct config *cfg = *state;

	assert_refused(config_del_switch(cfg, "lan", false, false, &err), VSW_E_NOT_FOUND, "'lan'");
	assert_done(config_del_switch(cfg, "lan", true, false, &err));
	assert_done(add_switch(cfg, "lan", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "other", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "web1", PORT_TAP));
	assert_done(add_port(cfg, "other", "web2", PORT_TAP));
	assert_done(bind(cfg, "lan", "eth0", 1));
	assert_done(add_fdb(cfg, "lan", 0, 1, "web1"));
	assert_refused(config_del_switch(cfg, "lan", false, false, &err), VSW_E_REFUSED, "2 ports");
	assert_done(config_del_switch(cfg, "lan", false, true, &err));
	assert_int_equal(cfg->n_switches, 1);
	assert_int_equal(cfg->n_ports, 1);
	assert_int_equal(cfg->n_statics, 0);
	assert_non_null(config_find_port(cfg, "web2"));
}

static void switch_type_rules_hold(void **state)
{
	struct config *cfg = *state;
	struct switch_config to = {};

	assert_done(add_switch(cfg, "ext", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "int", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "priv", SWITCH_PRIVATE));
	assert_done(add_port(cfg, "int", "h0", PORT_HOST));
	assert_done(bind(cfg, "ext", "eth0", 1));
	assert_refused(add_port(cfg, "priv", "h1", PORT_HOST), VSW_E_REFUSED, "'priv'");
	config_remove_port(cfg, "h1");
	to.type = SWITCH_PRIVATE;
	assert_refused(config_set_switch(cfg, "int", &to, SET_TYPE, &err), VSW_E_REFUSED, "'h0'");
	to.type = SWITCH_INTERNAL; // back: a refused transform leaves the copy half changed
	assert_done(config_set_switch(cfg, "int", &to, SET_TYPE, &err));
	assert_refused(config_set_switch(cfg, "ext", &to, SET_TYPE, &err), VSW_E_REFUSED, "'eth0'");
	assert_refused(config_set_switch(cfg, "no", &to, SET_TYPE, &err), VSW_E_NOT_FOUND, "'no'");
	assert_refused(bind(cfg, "int", "eth1", 2), VSW_E_REFUSED, "'int'");
}

static void switch_is_set(void **state)
{
	struct config *cfg = *state;
	struct switch_config to = {.type = SWITCH_EXTERNAL, .ageing_s = 7, .mac_limit = 9};
	const struct switch_config *sw;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(config_set_switch(cfg, "lan", &to, SET_AGEING, &err));
	sw = &config_find_switch(cfg, "lan")->cfg;
	assert_int_equal(sw->type, SWITCH_INTERNAL);
	assert_int_equal(sw->ageing_s, 7);
	assert_int_equal(sw->mac_limit, VSW_MAC_LIMIT_DEFAULT);
	assert_done(config_set_switch(cfg, "lan", &to, SET_TYPE | SET_MAC_LIMIT, &err));
	assert_int_equal(sw->type, SWITCH_EXTERNAL);
	assert_int_equal(sw->mac_limit, 9);
}

static void renames_carry_references_along(void **state)
{
	struct config *cfg = *state;
	uint32_t sw_uid, port_uid;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "m", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "web1", PORT_TAP));
	assert_done(add_port(cfg, "lan", "web2", PORT_TAP));
	assert_done(add_fdb(cfg, "lan", 3, 1, "web1"));
	assert_refused(add_fdb(cfg, "m", 3, 1, "web1"), VSW_E_INVALID, "'lan'");
	sw_uid = config_find_switch(cfg, "lan")->uid;
	port_uid = config_find_port(cfg, "web1")->uid;

	assert_done(config_rename_switch(cfg, "lan", "z", &err));
	assert_null(config_find_switch(cfg, "lan"));
	assert_int_equal(config_find_switch(cfg, "z")->uid, sw_uid);
	assert_string_equal(config_find_port(cfg, "web1")->cfg.switch_name, "z");
	assert_non_null(config_find_static(cfg, "z", 3, (uint8_t[]){2, 0, 0, 0, 1, 1}));

	assert_done(config_rename_port(cfg, "web1", "zz", &err));
	assert_null(config_find_port(cfg, "web1"));
	assert_int_equal(config_find_port(cfg, "zz")->uid, port_uid);
	assert_string_equal(config_find_port(cfg, "zz")->cfg.ifname, "web1");
	assert_string_equal(cfg->statics[0].port_name, "zz");

	assert_refused(config_rename_switch(cfg, "z", "m", &err), VSW_E_EXISTS, "'m'");
	assert_refused(config_rename_switch(cfg, "no", "n", &err), VSW_E_NOT_FOUND, "'no'");
	assert_refused(config_rename_switch(cfg, "z", "a/b", &err), VSW_E_INVALID, "'a/b'");
	assert_done(config_rename_switch(cfg, "z", "z", &err));
	assert_refused(config_rename_port(cfg, "zz", "web2", &err), VSW_E_EXISTS, "'web2'");
	assert_refused(config_rename_port(cfg, "no", "n", &err), VSW_E_NOT_FOUND, "'no'");
	assert_refused(config_rename_port(cfg, "zz", "", &err), VSW_E_INVALID, "empty");
	assert_done(config_rename_port(cfg, "zz", "zz", &err));
}

static void static_macs_are_checked(void **state)
{
	struct config *cfg = *state;
	struct fdb_static_config entry = {.switch_name = "lan", .port_name = "a"};

	assert_refused(add_fdb(cfg, "lan", 0, 1, "a"), VSW_E_NOT_FOUND, "'lan'");
	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "m", SWITCH_INTERNAL));
	assert_refused(add_fdb(cfg, "lan", 0, 1, "a"), VSW_E_NOT_FOUND, "'a'");
	assert_done(add_port(cfg, "lan", "a", PORT_TAP));
	assert_done(add_port(cfg, "lan", "b", PORT_TAP));
	assert_refused(add_fdb(cfg, "m", 0, 1, "a"), VSW_E_INVALID, "'lan'");
	assert_refused(add_fdb(cfg, "lan", 4095, 1, "a"), VSW_E_INVALID, "4095");
	assert_refused(config_add_fdb(cfg, &entry, false, &err), VSW_E_INVALID, "zero");
	entry.mac[0] = 1;
	assert_refused(config_add_fdb(cfg, &entry, false, &err), VSW_E_INVALID, "group");
	entry.mac[0] = 2;
	assert_done(config_add_fdb(cfg, &entry, false, &err));
	assert_done(config_add_fdb(cfg, &entry, true, &err));
	assert_refused(config_add_fdb(cfg, &entry, false, &err), VSW_E_EXISTS, "'a'");
	strcpy(entry.port_name, "b");
	assert_refused(config_add_fdb(cfg, &entry, true, &err), VSW_E_EXISTS, "'a'");
	entry.vlan = 9;
	assert_refused(config_del_fdb(cfg, &entry, false, &err), VSW_E_NOT_FOUND, "VLAN 9");
	assert_done(config_del_fdb(cfg, &entry, true, &err));
	entry.vlan = 0;
	assert_done(config_del_fdb(cfg, &entry, false, &err));
	assert_int_equal(cfg->n_statics, 0);
	strcpy(entry.switch_name, "no");
	assert_refused(config_del_fdb(cfg, &entry, false, &err), VSW_E_NOT_FOUND, "'no'");
}

static void copies_are_independent(void **state)
{
	struct config *cfg = *state, *copy;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "a", PORT_TAP));
	copy = config_copy(cfg);
	assert_non_null(copy);
	assert_done(config_del_switch(copy, "lan", false, true, &err));
	assert_done(add_switch(copy, "x", SWITCH_INTERNAL));
	assert_int_equal(cfg->n_ports, 1);
	assert_non_null(config_find_switch(cfg, "lan"));
	config_destroy(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_config(switches_are_added_and_sorted),
		with_config(switch_may_exist),
		with_config(switch_values_are_checked),
		with_config(switches_have_a_limit),
		with_config(ports_have_a_limit),
		with_config(switch_is_deleted),
		with_config(switch_type_rules_hold),
		with_config(switch_is_set),
		with_config(renames_carry_references_along),
		with_config(static_macs_are_checked),
		with_config(copies_are_independent),
	};

	return cmocka_run_group_tests_name("config model", tests, NULL, NULL);
}
