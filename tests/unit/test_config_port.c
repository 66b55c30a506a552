/* SPDX-License-Identifier: BSD-3-Clause */
// Every transform and every refusal of ports and NICs.
#include "config_fixture.h"

#include <vswitch/control/syntax.h>

static void port_is_moved(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "a", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "b", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "p", SWITCH_PRIVATE));
	assert_done(add_port(cfg, "a", "web1", PORT_TAP));
	assert_done(add_port(cfg, "a", "h0", PORT_HOST));
	assert_done(bind(cfg, "a", "eth0", 1));
	assert_done(config_move_port(cfg, "web1", "b", &err));
	assert_string_equal(config_find_port(cfg, "web1")->cfg.switch_name, "b");
	assert_done(config_move_port(cfg, "web1", "b", &err));
	assert_done(add_fdb(cfg, "b", 0, 1, "web1"));
	assert_refused(
		config_move_port(cfg, "web1", "a", &err), VSW_E_REFUSED, "02:00:00:00:01:01");
	assert_refused(config_move_port(cfg, "eth0", "b", &err), VSW_E_REFUSED, "NIC");
	assert_refused(config_move_port(cfg, "no", "b", &err), VSW_E_NOT_FOUND, "'no'");
	assert_refused(config_move_port(cfg, "web1", "no", &err), VSW_E_NOT_FOUND, "'no'");
	assert_refused(config_move_port(cfg, "h0", "p", &err), VSW_E_REFUSED, "'h0'");
}

static void port_defaults_are_filled_in(void **state)
{
	struct config *cfg = *state;
	struct port_config port;
	const struct port_config *is;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "a-very-long-port-name", PORT_TAP));
	is = &config_find_port(cfg, "a-very-long-port-name")->cfg;
	assert_string_equal(is->ifname, "a-very-long-por");
	assert_int_equal(is->vlan.mode, VLAN_UNTAGGED);
	assert_refused(add_port(cfg, "lan", "with:colon", PORT_TAP), VSW_E_INVALID, "'with:colon'");
	config_remove_port(cfg, "with:colon");

	port = port_of("t", "lan", PORT_TAP);
	port.mtu = 1500;
	port.queues = 1;
	strcpy(port.netns, "/run/netns/blue");
	assert_done(config_add_port(cfg, &port, 0, false, &err));
	is = &config_find_port(cfg, "t")->cfg;
	assert_int_equal(is->mtu, 0);
	assert_int_equal(is->queues, 0);
	assert_string_equal(is->netns, "blue");
}

static void port_may_exist(void **state)
{
	struct config *cfg = *state;
	struct port_config port = port_of("web1", "lan", PORT_TAP);

	assert_refused(config_add_port(cfg, &port, 0, true, &err), VSW_E_NOT_FOUND, "'lan'");
	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "m", SWITCH_INTERNAL));
	assert_done(config_add_port(cfg, &port, 0, true, &err));
	assert_done(config_add_port(cfg, &port, 0, true, &err));
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_EXISTS, "'web1'");
	port.vlan.access_id = 10;
	assert_refused(config_add_port(cfg, &port, SET_ACCESS, true, &err), VSW_E_EXISTS,
		"VLAN is untagged, not access 10");
	port.mtu = 9000;
	assert_refused(
		config_add_port(cfg, &port, 0, true, &err), VSW_E_EXISTS, "MTU is 1500, not 9000");
	port = port_of("web1", "m", PORT_TAP);
	assert_refused(config_add_port(cfg, &port, 0, true, &err), VSW_E_EXISTS, "switch");
	port = port_of("web1", "lan", PORT_HOST);
	assert_refused(config_add_port(cfg, &port, 0, true, &err), VSW_E_EXISTS, "type");
}

static void port_values_are_checked(void **state)
{
	static const struct {
		enum port_type type;
		struct port_config with;
		unsigned vlan_set;
		const char *says;
	} cases[] = {
		{PORT_TAP, {.mtu = 67}, 0, "MTU 67"},
		{PORT_TAP, {.mtu = 9217}, 0, "MTU 9217"},
		{PORT_TAP, {.mac = {1, 2, 3, 4, 5, 6}}, 0, "group"},
		{PORT_TAP, {.queues = 17}, 0, "17 queues"},
		{PORT_TAP, {.vmnic.user = "hv1"}, 0, "no user setting"},
		{PORT_VMNIC, {.vmnic.user = "h v"}, 0, "the user"},
		{PORT_VMNIC, {.ifname = "eth0"}, 0, "no ifname setting"},
		{PORT_TAP, {.mac_limit = (1u << 24) + 1}, 0, "MAC limit"},
		{PORT_TAP, {.ifname = "a b"}, 0, "'a b'"},
		{PORT_TAP, {.ifname = ".."}, 0, "'..'"},
		{PORT_TAP, {.netns = "a/b"}, 0, "'a/b'"},
		{PORT_TAP, {.netns = "a b"}, 0, "netns"},
		{PORT_HOST, {.netns = "blue"}, 0, "netns"},
		{PORT_TAP, {.devargs = "net_null0"}, 0, "devargs"},
		{PORT_TAP, {.vhost = {.path = "/x"}}, 0, "vhost"},
		{PORT_TAP, {.nic = {.pci = "0000:00:01.0"}}, 0, "NIC"},
		{PORT_VHOST, {.ifname = "x", .vhost = {.path = "/x"}}, 0, "ifname"},
		{PORT_VHOST, {.vhost = {.path = ""}}, 0, "absolute path"},
		{PORT_VHOST, {.vhost = {.path = "x"}}, 0, "absolute path"},
		{PORT_VHOST, {.vhost = {.path = "/x", .perm = 01000}}, 0, "permissions"},
		{PORT_VHOST, {.vhost = {.path = "/x", .mode = VHOST_CLIENT, .perm = 0600}}, 0,
			"client"},
		{PORT_VHOST, {.vhost = {.path = "/x", .mode = VHOST_CLIENT, .owner = "u"}}, 0,
			"client"},
		{PORT_DPDK, {.devargs = ""}, 0, "devargs"},
		{PORT_DPDK, {.devargs = "net_null0 x"}, 0, "devargs"},
		{PORT_DPDK, {.devargs = "0000:03:00.0"}, 0, "physical"},
		{PORT_DPDK, {.devargs = "03:00.0,x=1"}, 0, "physical"},
		{PORT_NIC, {}, 0, "bound, not added"},
		{PORT_TAP, {.vlan = {.access_id = 0}}, SET_ACCESS, "VLAN id 0"},
		{PORT_TAP, {.vlan = {.access_id = 4095}}, SET_ACCESS, "VLAN id 4095"},
		{PORT_TAP, {.vlan = {.native_id = 4095, .allowed = {2}}}, SET_TRUNK | SET_NATIVE,
			"VLAN id 4095"},
		{PORT_TAP, {}, SET_TRUNK, "carries nothing"},
		{PORT_TAP, {.vlan = {.native_id = 5}}, SET_NATIVE, "native"},
		{PORT_TAP, {.vlan = {.native_id = 5, .access_id = 5}}, SET_NATIVE | SET_ACCESS,
			"native"},
		{PORT_TAP, {.vlan = {.access_id = 5}}, SET_UNTAGGED | SET_ACCESS, "exclude"},
	};
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_config port = cases[i].with;
		int ret;

		port.type = cases[i].type;
		strcpy(port.name, "p");
		strcpy(port.switch_name, "lan");
		ret = config_add_port(cfg, &port, cases[i].vlan_set, false, &err);
		if (ret == 0 || strstr(err.reason, cases[i].says) == NULL)
			fail_msg("case %u: %d, '%s' does not say '%s'", i, ret, err.reason,
				cases[i].says);
		config_remove_port(cfg, "p");
	}
}

static void guests_ports_have_channels_and_a_user(void **state)
{
	struct config *cfg = *state;
	struct port_config port;

	assert_done(add_switch(cfg, "lan", SWITCH_PRIVATE));
	port = port_of("g", "lan", PORT_VMNIC);
	strcpy(port.vmnic.user, "hv1");
	port.queues = VSW_CHANNELS_DEFAULT;
	assert_done(config_add_port(cfg, &port, 0, false, &err));
	assert_int_equal(config_find_port(cfg, "g")->cfg.queues, 0);
	assert_string_equal(config_find_port(cfg, "g")->cfg.vmnic.user, "hv1");
	assert_done(config_add_port(cfg, &port, 0, true, &err));
	strcpy(port.vmnic.user, "hv2");
	assert_refused(config_add_port(cfg, &port, 0, true, &err), VSW_E_EXISTS,
		"its user is 'hv1', not 'hv2'");
	strcpy(port.vmnic.user, "hv1");
	port.queues = 1;
	assert_refused(
		config_add_port(cfg, &port, 0, true, &err), VSW_E_EXISTS, "it has 8 queues, not 1");
	strcpy(port.name, "h");
	port.queues = VSW_MAX_CHANNELS + 1;
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_INVALID, "65 queues");
}

static void devices_are_not_shared(void **state)
{
	struct config *cfg = *state;
	struct port_config port;

	assert_done(add_switch(cfg, "lan", SWITCH_EXTERNAL));
	assert_done(add_port(cfg, "lan", "t", PORT_TAP));
	assert_done(add_port(cfg, "lan", "v", PORT_VHOST));
	assert_done(bind(cfg, "lan", "eth0", 3));

	port = port_of("t2", "lan", PORT_HOST);
	strcpy(port.ifname, "t");
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_BUSY, "'t'");
	config_remove_port(cfg, "t2");
	port.type = PORT_TAP;
	strcpy(port.netns, "blue");
	assert_done(config_add_port(cfg, &port, 0, false, &err));

	port = port_of("v2", "lan", PORT_VHOST);
	strcpy(port.vhost.path, "/run/v.sock");
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_BUSY, "/run/v.sock");
	config_remove_port(cfg, "v2");

	port = port_of("d", "lan", PORT_DPDK);
	strcpy(port.devargs, "net_pcap0,iface=x");
	assert_done(config_add_port(cfg, &port, 0, false, &err));
	strcpy(port.name, "d2");
	strcpy(port.devargs, "net_pcap0,iface=y");
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_BUSY, "'d'");
	strcpy(port.devargs, "03:00.0");
	config_remove_port(cfg, "d2");
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_BUSY, "'eth0'");
	config_remove_port(cfg, "d2");

	port = port_of("eth0", "lan", PORT_TAP);
	strcpy(port.name, "t3");
	strcpy(port.ifname, "eth0");
	assert_refused(config_add_port(cfg, &port, 0, false, &err), VSW_E_BUSY, "'eth0'");
}

static void port_is_set(void **state)
{
	struct config *cfg = *state;
	struct port_config to = {.mtu = 9000, .mac = {2, 3, 4, 5, 6, 7}, .mac_limit = 4};
	const struct port_config *is;

	assert_refused(config_set_port(cfg, "web1", &to, SET_MTU, &err), VSW_E_NOT_FOUND, "'web1'");
	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "web1", PORT_TAP));
	is = &config_find_port(cfg, "web1")->cfg;
	to.link_down = true;
	assert_done(config_set_port(cfg, "web1", &to, SET_MTU, &err));
	assert_int_equal(is->mtu, 9000);
	assert_false(is->link_down);
	assert_true(mac_is_zero(is->mac));
	assert_done(config_set_port(cfg, "web1", &to, SET_MAC | SET_LINK | SET_MAC_LIMIT, &err));
	assert_true(is->link_down);
	assert_int_equal(is->mac[5], 7);
	assert_int_equal(is->mac_limit, 4);

	assert_done(vlan_list_parse("10,20-22", to.vlan.allowed, &err));
	to.vlan.native_id = 7;
	assert_done(config_set_port(cfg, "web1", &to, SET_TRUNK | SET_NATIVE, &err));
	assert_int_equal(is->vlan.mode, VLAN_TRUNK);
	assert_int_equal(is->vlan.native_id, 7);
	// The list alone keeps the native VLAN, and the other way round.
	assert_done(vlan_list_parse("30", to.vlan.allowed, &err));
	assert_done(config_set_port(cfg, "web1", &to, SET_TRUNK, &err));
	assert_int_equal(is->vlan.native_id, 7);
	assert_false(vlan_bit(is->vlan.allowed, 20));
	to.vlan.native_id = 0;
	assert_done(config_set_port(cfg, "web1", &to, SET_NATIVE, &err));
	assert_true(vlan_bit(is->vlan.allowed, 30));
	assert_int_equal(is->vlan.native_id, 0);
	to.vlan.access_id = 5;
	assert_done(config_set_port(cfg, "web1", &to, SET_ACCESS, &err));
	assert_false(vlan_bit(is->vlan.allowed, 30));
	assert_refused(
		config_set_port(cfg, "web1", &to, SET_NATIVE, &err), VSW_E_INVALID, "native");
	memset(to.mac, 0, 6);
	assert_refused(config_set_port(cfg, "web1", &to, SET_MAC, &err), VSW_E_INVALID, "zero");
	to.mtu = 9217;
	assert_refused(config_set_port(cfg, "web1", &to, SET_MTU, &err), VSW_E_INVALID, "9217");
}

static void port_is_deleted_with_its_macs(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "lan", SWITCH_EXTERNAL));
	assert_done(add_port(cfg, "lan", "a", PORT_TAP));
	assert_done(add_port(cfg, "lan", "b", PORT_TAP));
	assert_done(bind(cfg, "lan", "eth0", 1));
	assert_done(add_fdb(cfg, "lan", 0, 1, "a"));
	assert_done(add_fdb(cfg, "lan", 0, 2, "b"));
	assert_done(config_del_port(cfg, "a", false, &err));
	assert_null(config_find_port(cfg, "a"));
	assert_int_equal(cfg->n_statics, 1);
	assert_string_equal(cfg->statics[0].port_name, "b");
	assert_refused(config_del_port(cfg, "a", false, &err), VSW_E_NOT_FOUND, "'a'");
	assert_done(config_del_port(cfg, "a", true, &err));
	assert_refused(config_del_port(cfg, "eth0", false, &err), VSW_E_REFUSED, "'eth0'");
	assert_non_null(strstr(err.remedy, "unbind-nic"));
}

static void nic_is_bound_once(void **state)
{
	struct config *cfg = *state;
	struct port_config nic;

	assert_refused(bind(cfg, "ext", "eth0", 1), VSW_E_NOT_FOUND, "'ext'");
	assert_done(add_switch(cfg, "ext", SWITCH_EXTERNAL));
	assert_done(add_switch(cfg, "two", SWITCH_EXTERNAL));
	assert_done(bind(cfg, "ext", "eth0", 1));
	assert_int_equal(config_find_port(cfg, "eth0")->cfg.vlan.mode, VLAN_TRUNK);
	assert_true(vlan_bit(config_find_port(cfg, "eth0")->cfg.vlan.allowed, 4094));
	assert_string_equal(config_uplink(cfg, "ext")->cfg.name, "eth0");
	assert_null(config_uplink(cfg, "two"));

	// By name, PCI address and MAC, each alone.
	nic = nic_of("two", "eth0", 9);
	assert_refused(config_bind_nic(cfg, &nic, 0, false, &err), VSW_E_BUSY, "'ext'");
	nic = nic_of("two", "renamed", 1);
	memset(nic.nic.perm_mac, 0, 6);
	assert_refused(config_bind_nic(cfg, &nic, 0, false, &err), VSW_E_BUSY, "'ext'");
	nic = nic_of("two", "renamed", 1);
	nic.nic.pci[0] = '\0';
	assert_refused(config_bind_nic(cfg, &nic, 0, false, &err), VSW_E_BUSY, "'ext'");

	nic = nic_of("ext", "eth0", 1);
	assert_done(config_bind_nic(cfg, &nic, 0, true, &err));
	nic.vlan.access_id = 3;
	assert_refused(config_bind_nic(cfg, &nic, SET_ACCESS, true, &err), VSW_E_EXISTS, "VLAN");
	nic = nic_of("ext", "eth0", 1);
	nic.nic.role = NIC_ROLE_ACCESS;
	assert_refused(config_bind_nic(cfg, &nic, 0, true, &err), VSW_E_EXISTS, "role");
	nic = nic_of("two", "eth0", 1);
	assert_refused(config_bind_nic(cfg, &nic, 0, true, &err), VSW_E_EXISTS, "'ext'");
}

static void second_uplink_is_refused(void **state)
{
	struct config *cfg = *state;
	struct port_config nic;

	assert_done(add_switch(cfg, "ext", SWITCH_EXTERNAL));
	assert_done(bind(cfg, "ext", "eth0", 1));
	assert_refused(bind(cfg, "ext", "eth1", 2), VSW_E_REFUSED, "'eth0'");
	assert_non_null(strstr(err.remedy, "--role access"));
	assert_non_null(strstr(err.remedy, "team"));
	config_remove_port(cfg, "eth1");
	nic = nic_of("ext", "eth1", 2);
	nic.nic.role = NIC_ROLE_ACCESS;
	strcpy(nic.name, "room");
	assert_done(config_bind_nic(cfg, &nic, 0, false, &err));
	assert_int_equal(config_find_port(cfg, "room")->cfg.vlan.mode, VLAN_UNTAGGED);
}

static void nic_is_unbound_by_any_name(void **state)
{
	static const char *const tokens[] = {
		"eth0", "0000:01:00.0", "01:00.0", "02:00:00:00:00:01", "02-00-00-00-00-01", "up"};
	struct config *cfg = *state;
	struct port_config nic;

	assert_done(add_switch(cfg, "ext", SWITCH_EXTERNAL));
	assert_done(add_port(cfg, "ext", "web1", PORT_TAP));
	for (unsigned i = 0; i < 6; i++) {
		nic = nic_of("ext", "eth0", 1);
		strcpy(nic.name, "up");
		assert_done(config_bind_nic(cfg, &nic, 0, false, &err));
		assert_done(config_unbind_nic(cfg, tokens[i], false, &err));
		assert_null(config_find_port(cfg, "up"));
	}
	assert_refused(config_unbind_nic(cfg, "eth0", false, &err), VSW_E_NOT_FOUND, "'eth0'");
	assert_done(config_unbind_nic(cfg, "eth0", true, &err));
	assert_refused(config_unbind_nic(cfg, "web1", false, &err), VSW_E_INVALID, "not a NIC");

	assert_done(config_bind_nic(cfg, &nic, 0, false, &err));
	nic = nic_of("ext", "up", 2);
	nic.nic.role = NIC_ROLE_ACCESS;
	strcpy(nic.name, "eth0");
	assert_done(config_bind_nic(cfg, &nic, 0, false, &err));
	assert_refused(config_unbind_nic(cfg, "up", false, &err), VSW_E_INVALID, "another");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_config(port_is_moved),
		with_config(port_defaults_are_filled_in),
		with_config(port_may_exist),
		with_config(port_values_are_checked),
		with_config(guests_ports_have_channels_and_a_user),
		with_config(devices_are_not_shared),
		with_config(port_is_set),
		with_config(port_is_deleted_with_its_macs),
		with_config(nic_is_bound_once),
		with_config(second_uplink_is_refused),
		with_config(nic_is_unbound_by_any_name),
	};

	return cmocka_run_group_tests_name("config port", tests, NULL, NULL);
}
