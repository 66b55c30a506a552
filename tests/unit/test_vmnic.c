/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' NICs and their ports find each other by name, whichever comes first, and who may not
// have a port does not get it. The hypervisors are the test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vswitch/guard.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/notify.h>
#include <vswitch/switch.h>
#include <vswitch/vmnic/nic.h>
#include <vswitch/vmnic/nics.h>
#include <vswitch/worker.h>

#include "eal.h"
#include "fake_netvsp.h"
#include "reply_check.h"

#define NOBODY 65534

static sd_event *event;
static char dir[] = "/tmp/vmnic.XXXXXX";
static struct sockaddr_un addr = {.sun_family = AF_UNIX};
static uint8_t heard[512];
static int kick; // of the last one who was welcome

static void settle(void)
{
	while (sd_event_run(event, 0) > 0)
		;
	nics_poked();
	while (sd_event_run(event, 0) > 0)
		;
}

// --- a hypervisor ----------------------------------------------------------------------------

static int sealed(size_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static void say(int sock, const void *msg, size_t len, int fd)
{
	assert_int_equal(handover_send(sock, msg, len, fd), 0);
	if (fd >= 0)
		close(fd);
	settle();
}

// The type of the next message, 0: the end; the message is in heard[].
static uint32_t hear(int sock)
{
	int fd, len = handover_receive(sock, heard, sizeof(heard), &fd);

	if (fd >= 0 && ((const struct handover_header *)heard)->type == HANDOVER_WELCOME) {
		assert_int_equal(dup3(fd, kick, O_CLOEXEC), kick);
		close(fd);
	} else if (fd >= 0) {
		close(fd);
	}
	assert_true(len >= 0);
	return len == 0 ? 0 : ((const struct handover_header *)heard)->type;
}

static int connect_as(uid_t uid)
{
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0);
	if (uid != geteuid())
		assert_int_equal(seteuid(uid), 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (geteuid() != 0 && getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	return sock;
}

static void say_hello(int sock, const char *port, const char *partition)
{
	struct handover_hello h = {
		.hdr = {HANDOVER_HELLO, sizeof(h)},
		.magic = HANDOVER_MAGIC,
		.version_min = 1,
		.version_max = 1,
		.n_regions = 1,
		.n_vps = 1,
		.mac = {0x02, 0, 0, 0, 0, 7},
		.record_size = HANDOVER_RECORD_SIZE,
		.nic = "nic0",
		.software = "test",
	};

	snprintf(h.port, sizeof(h.port), "%s", port);
	snprintf(h.partition, sizeof(h.partition), "%s", partition);
	say(sock, &h, sizeof(h), sealed(HANDOVER_RECORD_SIZE));
}

// All the way to READY, with no channel open.
static int attach(const char *port)
{
	struct handover_region r = {
		.hdr = {HANDOVER_REGION, sizeof(r)}, .size = 16 * GUEST_PAGE_SIZE};
	struct handover_plain ready = {.hdr = {HANDOVER_READY, sizeof(ready)}};
	int sock = connect_as(geteuid());

	say_hello(sock, port, "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	say(sock, &r, sizeof(r), sealed(16 * GUEST_PAGE_SIZE));
	say(sock, &ready, sizeof(ready), -1);
	assert_int_equal(hear(sock), HANDOVER_READY_DONE);
	return sock;
}

static void hang_up(int sock)
{
	close(sock);
	settle();
}

static void expect_refusal(int sock, enum handover_refusal code, const char *says)
{
	const struct handover_refused *r = (const struct handover_refused *)heard;

	assert_int_equal(hear(sock), HANDOVER_REFUSED);
	assert_int_equal(r->code, code);
	if (strstr(r->reason, says) == NULL)
		fail_msg("'%s' does not say '%s'", r->reason, says);
	assert_int_equal(hear(sock), 0);
	close(sock);
}

// --- its port --------------------------------------------------------------------------------

static struct port_config config_of(const char *name)
{
	struct port_config cfg = {.type = PORT_VMNIC, .switch_name = "lan"};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	return cfg;
}

static struct vsw_port *add_port(const struct port_config *cfg)
{
	struct vsw_error err = {};

	if (port_add(cfg, &err) != 0)
		fail_msg("%s", err.reason);
	settle();
	return port_find(cfg->name);
}

static bool is_up(struct vsw_port *port)
{
	port_refresh_link(port, NULL);
	return port->link.up;
}

static struct nic *given(const struct vsw_port *port)
{
	const struct vmnic_port *v = port->priv;

	return atomic_load(&v->nic);
}

static void delete_port(const char *name)
{
	assert_int_equal(port_del(name, false, NULL), 0);
	settle();
}

// --- tests -----------------------------------------------------------------------------------

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

static void only_who_may_attaches(void **)
{
	struct port_config cfg = config_of("g1"), roots;
	int sock;

	if (getuid() != 0)
		skip();
	// Somebody who may have no guest's port at all.
	add_port(&cfg);
	sock = connect_as(NOBODY);
	settle();
	expect_refusal(sock, HANDOVER_R_PERMISSION, "no port has this user");
	delete_port("g1");

	snprintf(cfg.vmnic.user, sizeof(cfg.vmnic.user), "%d", NOBODY);
	add_port(&cfg);
	sock = connect_as(NOBODY);
	say_hello(sock, "g1", "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	hang_up(sock);
	roots = config_of("roots");
	add_port(&roots);
	sock = connect_as(NOBODY);
	say_hello(sock, "roots", "vm1");
	expect_refusal(sock, HANDOVER_R_PERMISSION, "may not attach port 'roots'");
	delete_port("roots");

	// He may wait for a port, but not keep others from it.
	sock = connect_as(NOBODY);
	say_hello(sock, "g2", "vm1");
	assert_int_equal(hear(sock), HANDOVER_WELCOME);
	snprintf(cfg.name, sizeof(cfg.name), "g2");
	cfg.vmnic.user[0] = '\0';
	add_port(&cfg);
	expect_refusal(sock, HANDOVER_R_PERMISSION, "may not attach port 'g2'");
	delete_port("g1");
	delete_port("g2");
}

static void silent_connections_are_few(void **)
{
	int sock[80], n = 0, refused = 0;

	for (; n < 80; n++) {
		int fd, len;

		sock[n] = connect_as(geteuid());
		settle();
		len = recv(sock[n], &fd, sizeof(fd), MSG_DONTWAIT);
		refused += len > 0;
	}
	assert_int_equal(refused, 16);
	while (n > 0)
		close(sock[--n]);
	settle();
	assert_null(nics_first());
}

static void hypervisor_that_makes_us_block_is_let_go(void **)
{
	int sock = attach("g1");

	nics_first()->tampered = true;
	nics_tick();
	settle();
	expect_refusal(sock, HANDOVER_R_PROTOCOL, "block");
	assert_null(nics_first());
}

// The eventfd outlives us at the other side.
static void kick_after_the_end_wakes_nobody(void **)
{
	const uint64_t one = 1;
	int sock;

	for (int i = 0; i < 3; i++) {
		sock = attach("g1");
		hang_up(sock);
		assert_null(nics_first());
		assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
		// Neither the one that is gone nor anything else.
		assert_int_equal(sd_event_run(event, 0), 0);
	}
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

static int start(void **)
{
	static const struct switch_config sw = {
		.name = "lan", .type = SWITCH_PRIVATE, .ageing_s = 300, .mac_limit = 1000};
	static const unsigned lcores[] = {0};
	static const struct worker_options workers = {
		.lcores = lcores, .n_workers = 1, .no_threads = true};
	struct vsw_error err = {};

	assert_true(eal_start() >= 0);
	assert_int_equal(mbuf_pools_create(4096), 0);
	assert_int_equal(notify_init(), 0);
	assert_int_equal(workers_start(&workers), 0);
	assert_int_equal(switch_add(&sw, NULL), 0);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/vsp.sock", dir);
	kick = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(sd_event_new(&event) >= 0);
	if (nics_start(event, addr.sun_path, &err) != 0)
		fail_msg("%s", err.reason);
	return 0;
}

static int stop(void **)
{
	int sock = attach("left-over");

	nics_stop();
	assert_null(fake_netvsp);
	assert_int_equal(hear(sock), 0);
	close(sock);
	assert_int_equal(access(addr.sun_path, F_OK), -1);
	rmdir(dir);
	switch_shutdown();
	sd_event_unref(event);
	workers_stop();
	notify_fini();
	return 0;
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
		cmocka_unit_test(large_frames_come_while_the_guest_takes_them),
		cmocka_unit_test(only_who_may_attaches),
		cmocka_unit_test(silent_connections_are_few),
		cmocka_unit_test(hypervisor_that_makes_us_block_is_let_go),
		cmocka_unit_test(kick_after_the_end_wakes_nobody),
		cmocka_unit_test(list_tells_who_waits),
		cmocka_unit_test(port_shows_the_guests_side),
		cmocka_unit_test(diagnosis_stops_where_the_guest_does),
	};

	return cmocka_run_group_tests_name("vmnic", tests, start, stop);
}
