/* SPDX-License-Identifier: BSD-3-Clause */
// Documents: exact round trips, errors that name their place, merging and pruning.
#include "config_fixture.h"

#include <stdlib.h>

#include <vswitch/control/config_json.h>
#include <vswitch/control/diff.h>
#include <vswitch/control/syntax.h>

static json_t *load(const char *text)
{
	json_error_t parse;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &parse);

	if (doc == NULL)
		fail_msg("%s: %s", text, parse.text);
	return doc;
}

static char *text_of(const struct config *cfg)
{
	json_t *doc = config_to_json(cfg);
	char *text = json_dumps(doc, JSON_COMPACT);

	assert_non_null(text);
	json_decref(doc);
	return text;
}

static int apply(struct config *cfg, const char *text, bool prune)
{
	json_t *doc = load(text);
	int ret = config_apply(cfg, doc, prune, &err);

	json_decref(doc);
	return ret;
}

static void assert_text(const struct config *cfg, const char *expected)
{
	char *text = text_of(cfg);

	assert_string_equal(text, expected);
	free(text);
}

// Reads back as itself, to the letter and to the value.
static void assert_round_trip(const struct config *cfg)
{
	json_t *doc = config_to_json(cfg);
	struct config *back = config_from_json(doc, &err), *again = config_copy(cfg);
	char *text = text_of(cfg);
	struct diff *diff;

	json_decref(doc);
	if (back == NULL)
		fail_msg("%s", err.reason);
	assert_text(back, text);
	doc = load(text);
	assert_done(config_apply(again, doc, true, &err));
	diff = diff_create(cfg, again);
	assert_int_equal(diff->n, 0);
	diff_destroy(diff);
	json_decref(doc);
	free(text);
	config_destroy(back);
	config_destroy(again);
}

static void empty_is_a_document(void **state)
{
	struct config *cfg = *state;

	assert_text(cfg, "{\"version\":1,\"switches\":[],\"ports\":[],\"fdb\":[]}");
	assert_round_trip(cfg);
	assert_done(apply(cfg, "{\"version\":1}", true));
}

static void defaults_are_left_out(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "lan", SWITCH_EXTERNAL));
	assert_done(add_port(cfg, "lan", "web1", PORT_TAP));
	assert_done(bind(cfg, "lan", "eth0", 1));
	assert_done(add_fdb(cfg, "lan", 0, 1, "web1"));
	assert_text(cfg,
		"{\"version\":1,\"switches\":[{\"name\":\"lan\",\"type\":\"external\"}],"
		"\"ports\":[{\"name\":\"eth0\",\"switch\":\"lan\",\"type\":\"nic\",\"ifname\":"
		"\"eth0\",\"pci\":\"0000:01:00.0\",\"perm_mac\":\"02:00:00:00:00:01\"},"
		"{\"name\":\"web1\",\"switch\":\"lan\",\"type\":\"tap\"}],"
		"\"fdb\":[{\"switch\":\"lan\",\"vlan\":0,\"mac\":\"02:00:00:00:01:01\","
		"\"port\":\"web1\"}]}");
	assert_round_trip(cfg);
}

static void every_setting_comes_back(void **state)
{
	static const char text[] =
		"{\"version\":1,\"switches\":["
		"{\"name\":\"a\",\"type\":\"internal\",\"ageing\":0,\"mac_limit\":7},"
		"{\"name\":\"x\",\"type\":\"external\"}],"
		"\"ports\":["
		"{\"name\":\"d\",\"switch\":\"x\",\"type\":\"dpdk\",\"devargs\":\"03:00.0,a=b\"},"
		"{\"name\":\"g\",\"switch\":\"a\",\"type\":\"vmnic\",\"mac\":\"02:00:00:00:00:08\","
		"\"queues\":1,\"user\":\"hv1\"},"
		"{\"name\":\"h\",\"switch\":\"a\",\"type\":\"host\",\"ifname\":\"h0\",\"mac\":"
		"\"02:00:00:00:00:09\",\"mtu\":9000,\"access_vlan\":10,\"link\":\"down\"},"
		"{\"name\":\"n\",\"switch\":\"x\",\"type\":\"nic\",\"ifname\":\"eth1\",\"role\":"
		"\"access\",\"driver\":\"af-packet\",\"mtu\":1600,\"access_vlan\":4094},"
		"{\"name\":\"t\",\"switch\":\"a\",\"type\":\"tap\",\"netns\":\"/proc/1/ns/net\","
		"\"trunk_vlans\":\"10,20-30\",\"native_vlan\":5,\"queues\":2,\"mac_limit\":3},"
		"{\"name\":\"u\",\"switch\":\"x\",\"type\":\"nic\",\"ifname\":\"eth0\",\"driver\":"
		"\"af-xdp\",\"trunk_vlans\":\"all\",\"native_vlan\":9},"
		"{\"name\":\"v\",\"switch\":\"a\",\"type\":\"vhost\",\"vhost_socket\":\"/run/v\","
		"\"vhost_owner\":\"qemu:kvm\",\"vhost_perm\":\"0600\"},"
		"{\"name\":\"w\",\"switch\":\"a\",\"type\":\"vhost\",\"trunk_vlans\":\"all\","
		"\"vhost_socket\":\"/run/w\",\"vhost_mode\":\"client\"}],"
		"\"fdb\":[]}";
	struct config *cfg = *state;

	assert_done(apply(cfg, text, false));
	assert_text(cfg, text);
	assert_round_trip(cfg);
	assert_int_equal(config_find_port(cfg, "v")->cfg.vhost.perm, 0600);
}

static void untagged_uplink_comes_back(void **state)
{
	struct config *cfg = *state;
	struct port_config nic = nic_of("lan", "eth0", 1);

	assert_done(add_switch(cfg, "lan", SWITCH_EXTERNAL));
	assert_done(config_bind_nic(cfg, &nic, SET_UNTAGGED, false, &err));
	assert_round_trip(cfg);
	assert_int_equal(config_find_port(cfg, "eth0")->cfg.vlan.mode, VLAN_UNTAGGED);
}

static void renamed_port_keeps_its_interface(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "lan", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "lan", "web1", PORT_TAP));
	assert_done(config_rename_port(cfg, "web1", "web2", &err));
	assert_round_trip(cfg);
	assert_string_equal(config_find_port(cfg, "web2")->cfg.ifname, "web1");
}

#define SW   "\"switches\":[{\"name\":\"s\",\"type\":\"internal\"}]"
#define TAP  "\"name\":\"t\",\"switch\":\"s\",\"type\":\"tap\""
#define PORT "{\"version\":1," SW ",\"ports\":[{" TAP ","

static void errors_name_their_place(void **)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"[]", "the configuration must be a JSON object"},
		{"{}", "version: missing"},
		{"{\"version\":2}", "version: unknown"},
		{"{\"version\":\"1\"}", "version: unknown"},
		{"{\"version\":1,\"colour\":1}", "colour: unknown key"},
		{"{\"version\":1,\"ports\":{}}", "ports: must be an array"},
		{"{\"version\":1,\"ports\":[1]}", "ports[0]: must be an object"},
		{"{\"version\":1,\"switches\":[{\"type\":\"internal\"}]}",
			"switches[0].name: missing"},
		{"{\"version\":1,\"switches\":[{\"name\":\"s\"}]}", "switches[0].type: missing"},
		{"{\"version\":1,\"switches\":[{\"name\":1}]}",
			"switches[0].name: must be a string"},
		{"{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"big\"}]}",
			"switches[0].type: must be one of external, internal, private"},
		{"{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"internal\",\"ageing\":-1}"
		 "]}",
			"switches[0].ageing: -1"},
		{"{\"version\":1,\"switches\":[{\"name\":\"a b\",\"type\":\"internal\"}]}",
			"switches[0]: switch name 'a b'"},
		{"{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"internal\"},{\"name\":"
		 "\"s\",\"type\":\"internal\"}]}",
			"switches[1]: switch 's' is in the document twice"},
		{PORT "\"colour\":1}]}", "ports[0].colour: unknown key"},
		{PORT "\"mtu\":\"9000\"}]}", "ports[0].mtu: must be a whole number"},
		{PORT "\"mtu\":9217}]}", "ports[0].mtu: 9217"},
		{PORT "\"mtu\":1e3}]}", "ports[0].mtu: must be a whole number"},
		{PORT "\"mac\":\"x\"}]}", "ports[0].mac: must be a MAC"},
		{PORT "\"mac\":\"01:00:00:00:00:00\"}]}", "ports[0].mac: MAC address"},
		{PORT "\"untagged\":1}]}", "ports[0].untagged: must be true or false"},
		{PORT "\"access_vlan\":4095}]}", "ports[0].access_vlan: 4095"},
		{PORT "\"trunk_vlans\":\"1-\"}]}", "ports[0].trunk_vlans: '1-'"},
		{PORT "\"trunk_vlans\":[1]}]}", "ports[0].trunk_vlans: must be a list"},
		{PORT "\"native_vlan\":5}]}", "ports[0]: native_vlan"},
		{PORT "\"link\":\"left\"}]}", "ports[0].link: must be one of up, down"},
		{PORT "\"ifname\":\"a\\u0000b\"}]}", "ports[0].ifname: has a NUL"},
		{PORT "\"ifname\":\"sixteen-letters!\"}]}", "ports[0].ifname: is longer"},
		{PORT "\"vhost_perm\":\"0660\"}]}", "ports[0].vhost_perm: ports of type tap"},
		{PORT "\"role\":\"uplink\"}]}", "ports[0].role: ports of type tap"},
		{PORT "\"netns\":\"a/b\"}]}", "ports[0]: netns 'a/b'"},
		{PORT "\"queues\":0}]}", "ports[0].queues: 0"},
		{PORT "\"queues\":1},{" TAP "}]}", "ports[1]: port 't' is in the document twice"},
		{"{\"version\":1,\"ports\":[{" TAP "}]}", "ports[0]: switch 's' does not exist"},
		{"{\"version\":1," SW ",\"ports\":[{\"name\":\"v\",\"switch\":\"s\",\"type\":"
		 "\"vhost\",\"vhost_socket\":\"/v\",\"vhost_perm\":\"0999\"}]}",
			"ports[0].vhost_perm: must be an octal"},
		{"{\"version\":1," SW ",\"ports\":[{\"name\":\"n\",\"switch\":\"s\",\"type\":"
		 "\"nic\",\"ifname\":\"eth0\"}]}",
			"ports[0]: port 'n' is a NIC"},
		{"{\"version\":1," SW ",\"ports\":[{\"name\":\"n\",\"switch\":\"s\",\"type\":"
		 "\"vmnic\",\"queues\":65}]}",
			"ports[0].queues: 65"},
		{PORT "\"user\":\"x\"}]}", "ports[0].user: ports of type tap"},
		{"{\"version\":1," SW
		 ",\"fdb\":[{\"switch\":\"s\",\"mac\":\"02:00:00:00:00:00\"}]}",
			"fdb[0].port: missing"},
		{"{\"version\":1," SW ",\"fdb\":[{\"switch\":\"s\",\"mac\":\"02:00:00:00:00:00\","
		 "\"port\":\"t\",\"vlan\":4095}]}",
			"fdb[0].vlan: 4095"},
		{"{\"version\":1," SW ",\"fdb\":[{\"switch\":\"s\",\"mac\":\"02:00:00:00:00:00\","
		 "\"port\":\"t\"}]}",
			"fdb[0]: port 't' does not exist"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *doc = load(cases[i].text);
		struct config *cfg = config_from_json(doc, &err);

		json_decref(doc);
		if (cfg != NULL || strncmp(err.reason, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s: '%s', not '%s'", cases[i].text, err.reason, cases[i].says);
	}
}

static void merging_keeps_the_rest(void **state)
{
	struct config *cfg = *state;
	uint32_t web1, web2;

	assert_done(add_switch(cfg, "s", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "o", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "s", "web1", PORT_TAP));
	assert_done(add_port(cfg, "s", "web2", PORT_TAP));
	assert_done(add_fdb(cfg, "s", 0, 1, "web1"));
	web1 = config_find_port(cfg, "web1")->uid;
	web2 = config_find_port(cfg, "web2")->uid;
	// web1 is set, web2 rebuilt; the switch is not in the document.
	assert_done(apply(cfg,
		"{\"version\":1,\"ports\":[{\"name\":\"web1\",\"switch\":\"s\",\"type\":\"tap\","
		"\"mtu\":9000},{\"name\":\"web2\",\"switch\":\"s\",\"type\":\"host\"}]}",
		false));
	assert_int_equal(cfg->n_switches, 2);
	assert_int_equal(cfg->n_statics, 1);
	assert_int_equal(config_find_port(cfg, "web1")->uid, web1);
	assert_int_equal(config_find_port(cfg, "web1")->cfg.mtu, 9000);
	assert_int_not_equal(config_find_port(cfg, "web2")->uid, web2);
	assert_refused(apply(cfg,
			       "{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"private\"}"
			       "]}",
			       false),
		VSW_E_REFUSED, "switches[0]: port 'web2'");
}

static void pruning_deletes_the_rest(void **state)
{
	struct config *cfg = *state;
	uint32_t web1;

	assert_done(add_switch(cfg, "s", SWITCH_INTERNAL));
	assert_done(add_switch(cfg, "old", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "old", "web1", PORT_TAP));
	assert_done(add_port(cfg, "old", "web2", PORT_TAP));
	assert_done(add_fdb(cfg, "old", 0, 1, "web1"));
	web1 = config_find_port(cfg, "web1")->uid;
	assert_done(apply(cfg,
		"{\"version\":1," SW ",\"ports\":[{\"name\":\"web1\",\"switch\":\"s\",\"type\":"
		"\"tap\"}]}",
		true));
	// The port moved off the switch that went.
	assert_int_equal(config_find_port(cfg, "web1")->uid, web1);
	assert_int_equal(cfg->n_switches, 1);
	assert_int_equal(cfg->n_ports, 1);
	assert_int_equal(cfg->n_statics, 0);
	assert_refused(apply(cfg, "{\"version\":1,\"ports\":[{" TAP "}]}", true), VSW_E_NOT_FOUND,
		"ports[0]: switch 's' does not exist");
}

static void interfaces_may_be_exchanged(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "s", SWITCH_INTERNAL));
	assert_done(add_port(cfg, "s", "a", PORT_TAP));
	assert_done(add_port(cfg, "s", "b", PORT_TAP));
	assert_done(apply(cfg,
		"{\"version\":1," SW ",\"ports\":["
		"{\"name\":\"a\",\"switch\":\"s\",\"type\":\"tap\",\"ifname\":\"b\"},"
		"{\"name\":\"b\",\"switch\":\"s\",\"type\":\"tap\",\"ifname\":\"a\"}]}",
		false));
	assert_string_equal(config_find_port(cfg, "a")->cfg.ifname, "b");
}

static void nic_of_a_document_keeps_its_identity(void **state)
{
	static const char text[] =
		"{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"external\"}],\"ports\":["
		"{\"name\":\"up\",\"switch\":\"s\",\"type\":\"nic\",\"ifname\":\"eth0\"}]}";
	struct config *cfg = *state;
	struct port_config nic = nic_of("s", "eth0", 1);
	uint32_t uid;

	assert_done(add_switch(cfg, "s", SWITCH_EXTERNAL));
	strcpy(nic.name, "up");
	assert_done(config_bind_nic(cfg, &nic, 0, false, &err));
	uid = config_find_port(cfg, "up")->uid;
	assert_done(apply(cfg, text, true));
	assert_int_equal(config_find_port(cfg, "up")->uid, uid);
	assert_string_equal(config_find_port(cfg, "up")->cfg.nic.pci, "0000:01:00.0");
}

static void uplink_may_be_exchanged(void **state)
{
	struct config *cfg = *state;

	assert_done(add_switch(cfg, "s", SWITCH_EXTERNAL));
	assert_done(bind(cfg, "s", "eth0", 1));
	assert_refused(apply(cfg,
			       "{\"version\":1,\"ports\":[{\"name\":\"eth1\",\"switch\":\"s\","
			       "\"type\":\"nic\",\"ifname\":\"eth1\"}]}",
			       false),
		VSW_E_REFUSED, "ports[0]: switch 's' already has an uplink");
	config_remove_port(cfg, "eth1");
	assert_done(apply(cfg,
		"{\"version\":1,\"switches\":[{\"name\":\"s\",\"type\":\"external\"}],\"ports\":["
		"{\"name\":\"eth1\",\"switch\":\"s\",\"type\":\"nic\",\"ifname\":\"eth1\"}]}",
		true));
	assert_string_equal(config_uplink(cfg, "s")->cfg.name, "eth1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_config(empty_is_a_document),
		with_config(defaults_are_left_out),
		with_config(every_setting_comes_back),
		with_config(untagged_uplink_comes_back),
		with_config(renamed_port_keeps_its_interface),
		cmocka_unit_test(errors_name_their_place),
		with_config(merging_keeps_the_rest),
		with_config(pruning_deletes_the_rest),
		with_config(interfaces_may_be_exchanged),
		with_config(nic_of_a_document_keeps_its_identity),
		with_config(uplink_may_be_exchanged),
	};

	return cmocka_run_group_tests_name("config json", tests, NULL, NULL);
}
