/* SPDX-License-Identifier: BSD-3-Clause */
// Hypervisors that are the test, before the part of vswitchd that serves them.
#pragma once

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

#define NOBODY 65534

static sd_event *event;
static char dir[] = "/tmp/vmnic.XXXXXX";
static struct sockaddr_un addr = {.sun_family = AF_UNIX};
static uint8_t heard[512];
static int kick; // of the last one who was welcome

static inline void settle(void)
{
	while (sd_event_run(event, 0) > 0)
		;
	nics_poked();
	while (sd_event_run(event, 0) > 0)
		;
}

// --- a hypervisor ----------------------------------------------------------------------------

static inline int sealed(size_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

static inline void say(int sock, const void *msg, size_t len, int fd)
{
	assert_int_equal(handover_send(sock, msg, len, fd), 0);
	if (fd >= 0)
		close(fd);
	settle();
}

// The type of the next message, 0: the end; the message is in heard[].
static inline uint32_t hear(int sock)
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

static inline int connect_as(uid_t uid)
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

static inline void say_hello_wanting(
	int sock, const char *port, const char *partition, uint16_t max_queues)
{
	struct handover_hello h = {
		.hdr = {HANDOVER_HELLO, sizeof(h)},
		.magic = HANDOVER_MAGIC,
		.version_min = 1,
		.version_max = 1,
		.n_regions = 1,
		.n_vps = 1,
		.mac = {0x02, 0, 0, 0, 0, 7},
		.max_queues = max_queues,
		.record_size = HANDOVER_RECORD_SIZE,
		.nic = "nic0",
		.software = "test",
	};

	snprintf(h.port, sizeof(h.port), "%s", port);
	snprintf(h.partition, sizeof(h.partition), "%s", partition);
	say(sock, &h, sizeof(h), sealed(HANDOVER_RECORD_SIZE));
}

static inline void say_hello(int sock, const char *port, const char *partition)
{
	say_hello_wanting(sock, port, partition, 0);
}

// All the way to READY, with no channel open.
static inline int attach(const char *port)
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

static inline void hang_up(int sock)
{
	close(sock);
	settle();
}

static inline void expect_refusal(int sock, enum handover_refusal code, const char *says)
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

static inline struct port_config config_of(const char *name)
{
	struct port_config cfg = {.type = PORT_VMNIC, .switch_name = "lan"};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	return cfg;
}

static inline struct vsw_port *add_port(const struct port_config *cfg)
{
	struct vsw_error err = {};

	if (port_add(cfg, &err) != 0)
		fail_msg("%s", err.reason);
	settle();
	return port_find(cfg->name);
}

static inline bool is_up(struct vsw_port *port)
{
	port_refresh_link(port, NULL);
	return port->link.up;
}

static inline struct nic *given(const struct vsw_port *port)
{
	const struct vmnic_port *v = port->priv;

	return atomic_load(&v->nic);
}

static inline void delete_port(const char *name)
{
	assert_int_equal(port_del(name, false, NULL), 0);
	settle();
}

static inline int start(void **)
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

static inline int stop(void **)
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
