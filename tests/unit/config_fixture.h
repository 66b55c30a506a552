/* SPDX-License-Identifier: BSD-3-Clause */
// Builds configurations in one line each, for the tests of everything that handles them.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vswitch/control/config_model.h>

static struct vsw_error err;

#define assert_done(call) \
	do { \
		int done_ret = (call); \
		if (done_ret != 0) \
			fail_msg("%s: %s", #call, err.reason); \
	} while (0)

// Refused with this code, and the reason names this.
#define assert_refused(call, errc, part) \
	do { \
		assert_int_equal((call), -(errc)); \
		assert_int_equal(err.code, (errc)); \
		if (strstr(err.reason, (part)) == NULL) \
			fail_msg("%s does not say %s", err.reason, (part)); \
	} while (0)

static inline int make(void **state)
{
	*state = config_create();
	return *state == NULL ? -1 : 0;
}

static inline int drop(void **state)
{
	config_destroy(*state);
	return 0;
}

static inline int add_switch(struct config *cfg, const char *name, enum switch_type type)
{
	struct switch_config sw;

	switch_config_init(&sw, name, type);
	return config_add_switch(cfg, &sw, false, &err);
}

static inline struct port_config port_of(const char *name, const char *sw, enum port_type type)
{
	struct port_config port;

	port_config_init(&port, name, sw, type, NIC_ROLE_UPLINK);
	memset(&port.vlan, 0, sizeof(port.vlan));
	if (type == PORT_VHOST)
		snprintf(port.vhost.path, sizeof(port.vhost.path), "/run/%.40s.sock", name);
	if (type == PORT_DPDK)
		snprintf(port.devargs, sizeof(port.devargs), "net_null_%.40s", name);
	return port;
}

static inline int add_port(
	struct config *cfg, const char *sw, const char *name, enum port_type type)
{
	struct port_config port = port_of(name, sw, type);

	return config_add_port(cfg, &port, 0, false, &err);
}

static inline struct port_config nic_of(const char *sw, const char *ifname, unsigned n)
{
	struct port_config port = port_of("", sw, PORT_NIC);

	snprintf(port.ifname, sizeof(port.ifname), "%s", ifname);
	snprintf(port.nic.pci, sizeof(port.nic.pci), "0000:%02x:00.0", n & 0xff);
	memcpy(port.nic.perm_mac, (uint8_t[]){0x02, 0, 0, 0, 0, n}, 6);
	return port;
}

static inline int bind(struct config *cfg, const char *sw, const char *ifname, unsigned n)
{
	struct port_config port = nic_of(sw, ifname, n);

	return config_bind_nic(cfg, &port, 0, false, &err);
}

static inline int add_fdb(
	struct config *cfg, const char *sw, uint16_t vlan, uint8_t n, const char *port)
{
	struct fdb_static_config entry = {.mac = {2, 0, 0, 0, 1, n}, .vlan = vlan};

	snprintf(entry.switch_name, sizeof(entry.switch_name), "%s", sw);
	snprintf(entry.port_name, sizeof(entry.port_name), "%s", port);
	return config_add_fdb(cfg, &entry, false, &err);
}

#define with_config(test) cmocka_unit_test_setup_teardown(test, make, drop)
