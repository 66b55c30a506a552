/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' NICs and their ports find each other by name, whichever comes first, and who may not
// have a port does not get it. The hypervisors are the test.
#include "vmnic_fixture.h"

#include "reply_check.h"

static void port_may_come_after_its_guest(void **)
{
	int sock = attach("g1");
	const struct port_config cfg = config_of("g1");
	struct vsw_port *port;

	// The guest's driver is served all the same, and its link is down.
	assert_true(fake_netvsp->n_polls > 0);
	assert_true(fake_netvsp->armed);
	assert_false(fake_netvsp->link_up);
	port = add_port(&cfg);
	assert_ptr_equal(given(port)->vsp, fake_netvsp);
	assert_true(is_up(port));
	assert_true(fake_netvsp->link_up);
	hang_up(sock);
	assert_null(given(port));
	assert_false(is_up(port));
	assert_string_equal(port->link.reason, "no guest is attached");
	delete_port("g1");
}

static void guest_may_come_after_its_port(void **)
{
	const struct port_config cfg = config_of("g1");
	struct vsw_port *port = add_port(&cfg);
	int sock;

	assert_false(is_up(port));
	for (int i = 0; i < 3; i++) {
		sock = attach("g1");
		assert_true(is_up(port));
		assert_true(fake_netvsp->link_up);
		hang_up(sock);
		assert_false(is_up(port));
	}
	delete_port("g1");
}

static void guest_survives_its_port(void **)
{
	const struct port_config cfg = config_of("g1");
	int sock = attach("g1");

	for (int i = 0; i < 3; i++) {
		unsigned polls = fake_netvsp->n_polls;

		add_port(&cfg);
		assert_true(fake_netvsp->link_up);
		delete_port("g1");
		assert_non_null(fake_netvsp);
		assert_false(fake_netvsp->link_up);
		assert_true(fake_netvsp->n_polls > polls);
	}
	hang_up(sock);
	assert_null(fake_netvsp);
}

static void name_is_what_counts(void **)
{
	struct port_config cfg = config_of("g1");
	int sock = attach("g1");
	struct vsw_port *port = add_port(&cfg);

	snprintf(cfg.name, sizeof(cfg.name), "g2");
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	settle();
	assert_null(given(port));
	assert_false(fake_netvsp->link_up);
	snprintf(cfg.name, sizeof(cfg.name), "g1");
	assert_int_equal(port_set("g2", &cfg, NULL), 0);
	assert_non_null(given(port));
	assert_true(fake_netvsp->link_up);
	hang_up(sock);
	delete_port("g1");
}

static void link_is_as_the_administrator_wants(void **)
{
	struct port_config cfg = config_of("g1");
	int sock = attach("g1");

	cfg.link_down = true;
	add_port(&cfg);
	assert_false(fake_netvsp->link_up);
	cfg.link_down = false;
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	assert_true(fake_netvsp->link_up);
	cfg.link_down = true;
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	assert_false(fake_netvsp->link_up);
	hang_up(sock);
	delete_port("g1");
}

static void port_has_one_guest(void **)
{
	const struct port_config cfg = config_of("g1");
	int first = attach("g1"), second = connect_as(geteuid());

	say_hello(second, "g1", "vm2");
	expect_refusal(second, HANDOVER_R_NAME, "partition 'vm1'");
	add_port(&cfg);
	second = connect_as(geteuid());
	say_hello(second, "g1", "vm2");
	expect_refusal(second, HANDOVER_R_NAME, "partition 'vm1'");
	// The first one's end need not have been read yet.
	second = connect_as(geteuid());
	settle();
	close(first);
	say_hello(second, "g1", "vm2");
	assert_int_equal(hear(second), HANDOVER_WELCOME);
	hang_up(second);
	delete_port("g1");
}

static void mac_is_the_ports_or_the_nics(void **)
{
	static const uint8_t own[6] = {0x02, 0, 0, 0, 0, 7}, wanted[6] = {0x02, 0, 0, 0, 0, 9};
	struct port_config cfg = config_of("g1");
	struct vsw_port *port = add_port(&cfg);
	int sock = attach("g1");

	assert_memory_equal(fake_netvsp->options.mac, own, 6);
	assert_memory_equal(port->mac, own, 6);
	memcpy(cfg.mac, wanted, 6);
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	hang_up(sock);
	sock = attach("g1");
	assert_memory_equal(fake_netvsp->options.mac, wanted, 6);
	assert_int_equal(fake_netvsp->options.max_mtu, 1500);
	cfg.mtu = 9000;
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	assert_int_equal(fake_netvsp->options.max_mtu, 9000);
	assert_int_equal(fake_netvsp->options.max_queues, VSW_CHANNELS_DEFAULT);
	hang_up(sock);
	delete_port("g1");
}

static uint32_t subchannels_of(uint16_t port_queues, uint16_t wanted)
{
	struct port_config cfg = config_of("g1");
	const struct handover_welcome *w = (const struct handover_welcome *)heard;
	int sock = connect_as(geteuid());

	cfg.queues = port_queues;
	add_port(&cfg);
	say_hello_wanting(sock, "g1", "vm1", wanted);
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	hang_up(sock);
	delete_port("g1");
	assert_int_equal(w->flags, HANDOVER_TELLS_PORT | HANDOVER_HAS_PORT);
	return w->max_subchannels;
}

static void queues_are_the_lesser_of_ports_and_nics(void **)
{
	assert_int_equal(subchannels_of(4, 0), 3);
	assert_int_equal(subchannels_of(4, 2), 1);
	assert_int_equal(subchannels_of(2, 4), 1);
	assert_int_equal(subchannels_of(0, 0), VSW_CHANNELS_DEFAULT - 1);
	assert_int_equal(subchannels_of(0, 1), 0);
}

static void welcome_says_whether_there_is_a_port(void **)
{
	const struct handover_welcome *w = (const struct handover_welcome *)heard;
	int sock = connect_as(geteuid());

	say_hello(sock, "nowhere", "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	assert_int_equal(w->flags, HANDOVER_TELLS_PORT);
	hang_up(sock);
}

static void large_frames_come_while_the_guest_takes_them(void **)
{
	const struct port_config cfg = config_of("g1");
	struct vsw_port *port = add_port(&cfg);
	int sock = attach("g1");

	assert_int_equal(port->tx_caps & PORT_TX_TSO4, 0);
	fake_netvsp->takes_large = true;
	fake_netvsp->options.changed(fake_netvsp->options.arg);
	settle();
	assert_int_equal(
		port->tx_caps & (PORT_TX_TSO4 | PORT_TX_TSO6), PORT_TX_TSO4 | PORT_TX_TSO6);
	hang_up(sock);
	assert_int_equal(port->tx_caps & PORT_TX_TSO4, 0);
	delete_port("g1");
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void list_tells_who_waits(void **)
{
	const struct port_config cfg = config_of("g2");
	int first = attach("g2"), second = attach("g1");
	json_t *result, *guest;

	add_port(&cfg);
	result = ask("list-guests", "{}");
	assert_int_equal(json_array_size(json_object_get(result, "guests")), 2);
	guest = json_array_get(json_object_get(result, "guests"), 0);
	assert_string_equal(text_of(guest, "port"), "g1");
	assert_string_equal(text_of(guest, "state"), "waiting");
	assert_true(json_is_null(json_object_get(guest, "switch")));
	guest = json_array_get(json_object_get(result, "guests"), 1);
	assert_string_equal(text_of(guest, "state"), "connected");
	assert_string_equal(text_of(guest, "stage"), "closed");
	json_decref(result);
	hang_up(first);
	hang_up(second);
	delete_port("g2");
}

static void port_shows_the_guests_side(void **)
{
	const struct port_config cfg = config_of("g1");
	struct vmbus_channel channel;
	json_t *result, *guest;
	int sock;

	add_port(&cfg);
	result = ask("show-port", "{\"port\":\"g1\"}");
	assert_true(json_is_null(json_object_get(json_object_get(result, "port"), "guest")));
	json_decref(result);
	sock = attach("g1");
	fake_netvsp->stage = NETVSP_FILTER;
	fake_netvsp->channel[0] = fake_netvsp->channel[1] = &channel;
	result = ask("show-port", "{\"port\":\"g1\"}");
	guest = json_object_get(json_object_get(result, "port"), "guest");
	assert_string_equal(text_of(guest, "stage"), "running");
	assert_string_equal(text_of(guest, "reason"), "");
	assert_int_equal(json_array_size(json_object_get(guest, "queues")), 2);
	json_decref(result);
	fake_netvsp->channel[0] = fake_netvsp->channel[1] = NULL;
	json_decref(ask("diagnose-port", "{\"port\":\"g1\"}"));
	hang_up(sock);
	delete_port("g1");
}

static const char *first_fault(struct vsw_port *port)
{
	static char name[64];
	char params[96];
	json_t *result, *step;
	size_t i;

	snprintf(params, sizeof(params), "{\"port\":\"%s\"}", port->cfg.name);
	result = ask("diagnose-port", params);

	name[0] = '\0';
	json_array_foreach (json_object_get(result, "steps"), i, step) {
		if (strcmp(text_of(step, "state"), "stopped") != 0)
			continue;
		assert_string_equal(name, ""); // one
		assert_string_not_equal(text_of(step, "remedy"), "");
		snprintf(name, sizeof(name), "%s", text_of(step, "name"));
	}
	assert_int_equal(json_is_true(json_object_get(result, "ok")), name[0] == '\0');
	json_decref(result);
	return name;
}

static void diagnosis_stops_where_the_guest_does(void **)
{
	static const char *const faults[] = {
		"offer", "NVSP version", "receive buffer", "send buffer", "RNDIS", "filter", ""};
	struct port_config cfg = config_of("g1");
	struct vsw_port *port = add_port(&cfg);
	int sock;

	assert_string_equal(first_fault(port), "hypervisor");
	sock = attach("g1");
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		fake_netvsp->stage = NETVSP_CLOSED + i;
		assert_string_equal(first_fault(port), faults[i]);
	}
	fake_netvsp->failed = true;
	assert_string_equal(first_fault(port), "channel");
	cfg.link_down = true;
	assert_int_equal(port_set("g1", &cfg, NULL), 0);
	assert_string_equal(first_fault(port), "port");
	hang_up(sock);
	delete_port("g1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_may_come_after_its_guest),
		cmocka_unit_test(guest_may_come_after_its_port),
		cmocka_unit_test(guest_survives_its_port),
		cmocka_unit_test(name_is_what_counts),
		cmocka_unit_test(link_is_as_the_administrator_wants),
		cmocka_unit_test(port_has_one_guest),
		cmocka_unit_test(mac_is_the_ports_or_the_nics),
		cmocka_unit_test(queues_are_the_lesser_of_ports_and_nics),
		cmocka_unit_test(welcome_says_whether_there_is_a_port),
		cmocka_unit_test(large_frames_come_while_the_guest_takes_them),
		cmocka_unit_test(list_tells_who_waits),
		cmocka_unit_test(port_shows_the_guests_side),
		cmocka_unit_test(diagnosis_stops_where_the_guest_does),
	};

	return cmocka_run_group_tests_name("vmnic", tests, start, stop);
}
