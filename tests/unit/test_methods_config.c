/* SPDX-License-Identifier: BSD-3-Clause */
// Changing methods as a client meets them: a line in, a line out, and a switch that follows.
#include "config_fixture.h"

#include "fake_live.h"

#include <stdlib.h>
#include <unistd.h>

#include <vswitch/control/events.h>
#include <vswitch/control/handlers.h>
#include <vswitch/control/reconcile.h>
#include <vswitch/control/state.h>

static const struct rpc_binding handlers[] = {
	{"add-switch", handle_add_switch},
	{"del-switch", handle_del_switch},
	{"set-switch", handle_set_switch},
	{"rename-switch", handle_rename_switch},
	{"add-port", handle_add_port},
	{"del-port", handle_del_port},
	{"set-port", handle_set_port},
	{"rename-port", handle_rename_port},
	{"move-port", handle_move_port},
	{"bind-nic", handle_bind_nic},
	{"unbind-nic", handle_unbind_nic},
	{"export-config", handle_export_config},
	{"apply-config", handle_apply_config},
	{},
};

static char dir[64];
static json_t *reply;

static int start(void **)
{
	strcpy(dir, "/tmp/vswitch-test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	fake_reset();
	config_set_live(&fake_ops);
	return config_restore(dir, &err);
}

static int stop(void **)
{
	char path[128];

	json_decref(reply);
	reply = NULL;
	config_close();
	config_destroy(fake);
	fake = NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE);
	unlink(path);
	return rmdir(dir);
}

// The reply to a request, valid until the next.
static const json_t *ask(const char *method, const char *params)
{
	struct rpc_peer peer = {.access = RPC_ACCESS_CHANGE};
	char line[4096], *text;
	size_t len;

	snprintf(line, sizeof(line),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
	text = rpc_handle(line, strlen(line), &peer, handlers, &len);
	assert_non_null(text);
	json_decref(reply);
	reply = json_loadb(text, len, 0, NULL);
	assert_non_null(reply);
	free(text);
	return reply;
}

// Its only action, or "" when nothing was to be done.
static const char *done(const char *method, const char *params)
{
	const json_t *result = json_object_get(ask(method, params), "result"), *actions;

	if (result == NULL) {
		char *text = json_dumps(reply, 0);

		fail_msg("%s %s: %s", method, params, text);
	}
	actions = json_object_get(result, "actions");
	assert_int_equal(
		json_is_true(json_object_get(result, "changed")), json_array_size(actions) > 0);
	return json_array_size(actions) == 0 ? "" : json_string_value(json_array_get(actions, 0));
}

static void refused(const char *method, const char *params, int code, const char *says)
{
	const json_t *error = json_object_get(ask(method, params), "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	assert_non_null(error);
	if (json_integer_value(json_object_get(error, "code")) != code ||
		strstr(message, says) == NULL)
		fail_msg("%s %s: %s", method, params, message);
}

static void a_day_in_the_life(void **)
{
	assert_string_equal(
		done("add-switch", "{\"name\":\"lan\"}"), "create switch 'lan' (internal)");
	assert_string_equal(done("add-switch", "{\"name\":\"lan\",\"may_exist\":true}"), "");
	refused("add-switch", "{\"name\":\"lan\"}", VSW_E_EXISTS, "'lan'");
	assert_string_equal(
		done("add-switch", "{\"name\":\"p\",\"type\":\"private\",\"ageing\":0}"),
		"create switch 'p' (private)");
	// Only what is asked for has to fit.
	assert_string_equal(done("add-switch", "{\"name\":\"p\",\"may_exist\":true}"), "");
	refused("add-switch", "{\"name\":\"p\",\"may_exist\":true,\"ageing\":300}", VSW_E_EXISTS,
		"ageing is 0 s, not 300");
	assert_string_equal(done("set-switch", "{\"name\":\"lan\",\"ageing\":60}"),
		"set switch 'lan' ageing 60 s");
	assert_string_equal(
		done("add-port",
			"{\"switch\":\"lan\",\"port\":\"web1\",\"type\":\"tap\","
			"\"netns\":\"blue\",\"trunk_vlans\":\"10,20-30\",\"native_vlan\":5,"
			"\"mtu\":9000,\"mac\":\"02:00:00:00:00:05\"}"),
		"create port 'web1' (tap) on 'lan', VLAN trunk 10,20-30 native 5, MTU 9000, MAC "
		"02:00:00:00:00:05");
	assert_string_equal(done("set-port", "{\"port\":\"web1\",\"access_vlan\":7}"),
		"set port 'web1' VLAN access 7");
	assert_string_equal(done("set-port", "{\"port\":\"web1\",\"access_vlan\":7}"), "");
	assert_string_equal(done("set-port", "{\"port\":\"web1\",\"link\":\"down\"}"),
		"set port 'web1' link down");
	assert_string_equal(done("rename-port", "{\"name\":\"web1\",\"new\":\"www\"}"),
		"rename port 'web1' to 'www'");
	assert_string_equal(done("rename-switch", "{\"name\":\"lan\",\"new\":\"lab\"}"),
		"rename switch 'lan' to 'lab'");
	assert_string_equal(done("move-port", "{\"port\":\"www\",\"switch\":\"p\"}"),
		"move port 'www' from 'lab' to 'p'");
	refused("del-switch", "{\"name\":\"p\"}", VSW_E_REFUSED, "1 port");
	assert_string_equal(
		done("del-port", "{\"port\":\"www\"}"), "delete port 'www' (tap) from 'p'");
	assert_string_equal(done("del-port", "{\"port\":\"www\",\"if_exists\":true}"), "");
	assert_string_equal(done("del-switch", "{\"name\":\"p\"}"), "delete switch 'p'");
	assert_int_equal(fake->n_switches, 1);
	assert_int_equal(fake->n_ports, 0);
}

static void vhost_settings_arrive(void **)
{
	const struct port_config *port;

	done("add-switch", "{\"name\":\"lan\"}");
	done("add-port", "{\"switch\":\"lan\",\"port\":\"vm\",\"type\":\"vhost\",\"vhost_socket\":"
			 "\"/run/vm\",\"vhost_owner\":\"qemu:kvm\",\"vhost_perm\":\"0600\","
			 "\"queues\":2,\"mac_limit\":9}");
	port = &config_find_port(fake, "vm")->cfg;
	assert_string_equal(port->vhost.path, "/run/vm");
	assert_string_equal(port->vhost.owner, "qemu:kvm");
	assert_int_equal(port->vhost.perm, 0600);
	assert_int_equal(port->queues, 2);
	assert_int_equal(port->mac_limit, 9);
	refused("add-port",
		"{\"switch\":\"lan\",\"port\":\"vm2\",\"type\":\"vhost\",\"vhost_socket\":"
		"\"/run/vm2\",\"vhost_perm\":\"0999\"}",
		VSW_E_INVALID, "vhost_perm");
	refused("add-port",
		"{\"switch\":\"lan\",\"port\":\"t\",\"type\":\"tap\",\"vhost_mode\":\"server\"}",
		VSW_E_INVALID, "vhost_mode");
	done("add-port", "{\"switch\":\"lan\",\"port\":\"g\",\"type\":\"vmnic\",\"user\":\"hv1\","
			 "\"queues\":4,\"mac\":\"02:00:00:00:00:09\"}");
	port = &config_find_port(fake, "g")->cfg;
	assert_int_equal(port->queues, 4);
	assert_string_equal(port->vmnic.user, "hv1");
	refused("add-port", "{\"switch\":\"lan\",\"port\":\"t\",\"type\":\"tap\",\"user\":\"hv1\"}",
		VSW_E_INVALID, "user");
}

static void nics_that_cannot_be_had(void **)
{
	refused("add-switch", "{\"name\":\"e\",\"nic\":\"no-such-nic\"}", VSW_E_NOT_FOUND,
		"no-such-nic");
	assert_int_equal(fake->n_switches, 0);
	refused("add-switch", "{\"name\":\"e\",\"type\":\"private\",\"nic\":\"x\"}", VSW_E_REFUSED,
		"private");
	done("add-switch", "{\"name\":\"e\",\"type\":\"external\"}");
	refused("bind-nic", "{\"switch\":\"no\",\"nic\":\"lo\"}", VSW_E_NOT_FOUND, "'no'");
	refused("bind-nic", "{\"switch\":\"e\",\"nic\":\"no-such-nic\"}", VSW_E_NOT_FOUND,
		"no-such-nic");
	assert_true(json_integer_value(json_object_get(
			    json_object_get(
				    ask("bind-nic", "{\"switch\":\"e\",\"nic\":\"lo\"}"), "error"),
			    "code")) > 1000);
	refused("unbind-nic", "{\"nic\":\"no-such-nic\"}", VSW_E_NOT_FOUND, "no-such-nic");
	assert_string_equal(done("unbind-nic", "{\"nic\":\"no-such-nic\",\"if_exists\":true}"), "");
	refused("apply-config",
		"{\"config\":{\"version\":1,\"ports\":[{\"name\":\"u\",\"switch\":\"e\",\"type\":"
		"\"nic\",\"ifname\":\"no-such-nic\"}]}}",
		VSW_E_NOT_FOUND, "no-such-nic");
	assert_int_equal(fake->n_ports, 0);
}

// A NIC that was bound and has left the kernel is still known by all its names.
static void nic_that_left_can_be_unbound(void **)
{
	static const char *const tokens[] = {"gone0", "0000:01:00.0", "02:00:00:00:00:01", "up"};

	for (unsigned i = 0; i < 4; i++) {
		struct config *next = config_copy(config_current());
		struct port_config nic = nic_of("e", "gone0", 1);
		char params[64];
		json_t *actions;
		bool changed;

		if (i == 0)
			assert_done(add_switch(next, "e", SWITCH_EXTERNAL));
		strcpy(nic.name, "up");
		assert_done(config_bind_nic(next, &nic, 0, false, &err));
		assert_done(config_apply_change(next, false, &actions, &changed, &err));
		json_decref(actions);
		snprintf(params, sizeof(params), "{\"switch\":\"e\",\"nic\":\"%s\"}", tokens[i]);
		if (i < 3)
			refused("bind-nic", params, VSW_E_BUSY, "'up'");
		snprintf(params, sizeof(params), "{\"nic\":\"%s\"}", tokens[i]);
		assert_string_equal(
			done("unbind-nic", params), "unbind NIC 'gone0' from 'e', port 'up'");
	}
}

static void what_if_changes_nothing(void **)
{
	assert_string_equal(done("add-switch", "{\"name\":\"lan\",\"what_if\":true}"),
		"create switch 'lan' (internal)");
	assert_int_equal(fake_steps, 0);
	assert_int_equal(config_current()->n_switches, 0);
}

static void export_applies_as_it_is(void **)
{
	char *text;
	const json_t *config;
	json_t *params;

	done("add-switch", "{\"name\":\"lan\"}");
	done("add-port", "{\"switch\":\"lan\",\"port\":\"web1\",\"type\":\"tap\",\"mtu\":9000}");
	config = json_object_get(json_object_get(ask("export-config", "{}"), "result"), "config");
	params = json_pack("{s:O, s:b}", "config", config, "prune", 1);
	text = json_dumps(params, 0);
	assert_string_equal(done("apply-config", text), "");
	assert_string_equal(
		done("del-switch", "{\"name\":\"lan\",\"force\":true,\"what_if\":true}"),
		"delete port 'web1' (tap) from 'lan'");
	done("del-switch", "{\"name\":\"lan\",\"force\":true}");
	assert_string_equal(done("apply-config", text), "create switch 'lan' (internal)");
	assert_int_equal(config_find_port(fake, "web1")->cfg.mtu, 9000);
	free(text);
	json_decref(params);
	refused("apply-config", "{\"config\":{\"version\":1,\"ports\":[{\"colour\":1}]}}",
		VSW_E_INVALID, "ports[0].colour");
	done("apply-config", "{\"config\":{\"version\":1},\"prune\":true}");
	assert_int_equal(fake->n_switches, 0);
}

static unsigned n_woken;

static void wake(void *)
{
	n_woken++;
}

static void assert_event(struct subscriber *sub, const char *part)
{
	size_t len;
	char *line = events_next(sub, &len);

	assert_non_null(line);
	if (strstr(line, part) == NULL)
		fail_msg("%s is not in %s", part, line);
	free(line);
}

static void changes_are_told(void **)
{
	struct subscriber *sub = events_subscribe(~0u, wake, NULL);
	size_t len;

	done("add-switch", "{\"name\":\"lan\"}");
	assert_event(sub, "\"switch-added\"");
	done("add-switch", "{\"name\":\"x\",\"what_if\":true}");
	fake_fail_at = fake_steps + 1;
	refused("add-switch", "{\"name\":\"x\"}", VSW_E_DEVICE, "fails");
	fake_fail_at = 0;
	assert_null(events_next(sub, &len));
	done("add-port", "{\"switch\":\"lan\",\"port\":\"web1\",\"type\":\"tap\"}");
	assert_event(sub, "\"port-added\"");
	done("rename-port", "{\"name\":\"web1\",\"new\":\"www\"}");
	assert_event(sub, "\"old\":\"web1\"");
	done("apply-config", "{\"config\":{\"version\":1},\"prune\":true}");
	assert_event(sub, "\"port-removed\"");
	assert_event(sub, "\"switch-removed\"");
	assert_event(sub, "\"config-applied\"");
	assert_null(events_next(sub, &len));
	assert_true(n_woken > 0);
	events_unsubscribe(sub);
}

#define started(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		started(a_day_in_the_life),
		started(vhost_settings_arrive),
		started(nics_that_cannot_be_had),
		started(nic_that_left_can_be_unbound),
		started(what_if_changes_nothing),
		started(export_applies_as_it_is),
		started(changes_are_told),
	};

	return cmocka_run_group_tests_name("methods config", tests, NULL, NULL);
}
