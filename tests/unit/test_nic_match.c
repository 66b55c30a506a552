/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vswitch/nic/inventory.h>

// As read on a machine with two cards, one of them away from the kernel.
static const struct nic_info machine[] = {
	{.ifname = "lo", .ifindex = 1, .loopback = true},
	{.ifname = "web1", .ifindex = 7, .ethernet = true, .own = true},
	{.ifname = "eno1",
		.ifindex = 2,
		.ethernet = true,
		.pci = "0000:03:00.0",
		.mac = {2, 0, 0, 0, 0, 9},
		.perm_mac = {2, 0, 0, 0, 0, 1},
		.altnames = "enp3s0 enx020000000001",
		.kind = NIC_PHYSICAL},
	{.ifname = "eno2",
		.ifindex = 3,
		.ethernet = true,
		.pci = "0000:03:00.1",
		.mac = {2, 0, 0, 0, 0, 2},
		.perm_mac = {2, 0, 0, 0, 0, 2},
		.kind = NIC_PHYSICAL,
		.n_addresses = 2,
		.address = "10.77.0.1/24"},
	{.ifname = "eno2.10",
		.ifindex = 4,
		.ethernet = true,
		.mac = {2, 0, 0, 0, 0, 2},
		.kind = NIC_VIRTUAL,
		.link_kind = "vlan"},
	{.ifname = "veth1",
		.ifindex = 5,
		.ethernet = true,
		.mac = {2, 0, 0, 0, 0, 5},
		.kind = NIC_VETH,
		.link_kind = "veth"},
	{.ifname = "veth2",
		.ifindex = 6,
		.ethernet = true,
		.mac = {2, 0, 0, 0, 0, 5},
		.kind = NIC_VETH,
		.link_kind = "veth"},
	{.pci = "0001:0a:1f.7", .driver = "vfio-pci", .ethernet = true},
};

#define N (sizeof(machine) / sizeof(machine[0]))

static void finds_by_any_name(void **)
{
	static const struct {
		const char *what;
		const char *ifname;
	} cases[] = {
		{"eno1", "eno1"},
		{"enp3s0", "eno1"},
		{"enx020000000001", "eno1"},
		{"0000:03:00.0", "eno1"},
		{"03:00.1", "eno2"},
		{"3:0.1", "eno2"},
		{"02:00:00:00:00:01", "eno1"}, // permanent
		{"02-00-00-00-00-09", "eno1"}, // of now
		{"02:00:00:00:00:02", "eno2"}, // and not the VLAN on it
		{"0001:0A:1F.7", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nic_info nic;
		struct vsw_error err;

		assert_int_equal(nic_match(machine, N, cases[i].what, &nic, &err), 0);
		assert_string_equal(nic.ifname, cases[i].ifname);
	}
}

static void refuses_unknown_names(void **)
{
	static const char *const cases[] = {"", "eno3", "eno", "enp3", "0000:03:00.2", "04:00.0",
		"02:00:00:00:00:77", "00:00:00:00:00:00", "02:00:00:00:00", " eno1"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nic_info nic;
		struct vsw_error err;

		assert_int_equal(nic_match(machine, N, cases[i], &nic, &err), -VSW_E_NOT_FOUND);
		assert_non_null(strstr(err.reason, cases[i]));
		assert_non_null(strstr(err.remedy, "eno1 (0000:03:00.0), eno2"));
		assert_non_null(strstr(err.remedy, "0001:0a:1f.7"));
		assert_null(strstr(err.remedy, "lo,"));
		assert_null(strstr(err.remedy, "web1"));
	}
}

static void refuses_ambiguous_macs(void **)
{
	struct nic_info nic;
	struct vsw_error err;

	assert_int_equal(nic_match(machine, N, "02:00:00:00:00:05", &nic, &err), -VSW_E_INVALID);
	assert_non_null(strstr(err.reason, "veth1, veth2"));
}

static void refuses_what_is_in_use(void **)
{
	static const struct {
		struct nic_info nic;
		int code;
		const char *says;
		const char *remedy;
	} cases[] = {
		{{.ifname = "x", .ifindex = 9, .ethernet = true}, 0, "", ""},
		{{.ifname = "lo", .ifindex = 1, .loopback = true}, VSW_E_REFUSED, "loopback",
			"list-nics"},
		{{.ifname = "x", .ifindex = 9, .ethernet = true, .own = true}, VSW_E_REFUSED,
			"port of a switch", "list-nics"},
		{{.ifname = "x", .ifindex = 9, .ethernet = true, .wireless = true},
			VSW_E_UNSUPPORTED, "wireless", "wired"},
		{{.ifname = "x", .ifindex = 9}, VSW_E_UNSUPPORTED, "not an Ethernet", "Ethernet"},
		{{.ifname = "x", .ifindex = 9, .ethernet = true, .link_kind = "bridge"},
			VSW_E_UNSUPPORTED, "of kind bridge", "below"},
		{{.ifname = "x",
			 .ifindex = 9,
			 .ethernet = true,
			 .master = "br0",
			 .master_kind = "bridge"},
			VSW_E_BUSY, "member of the bridge 'br0'", "dev x nomaster"},
		{{.ifname = "x", .ifindex = 9, .ethernet = true, .upper = "x.10"}, VSW_E_BUSY,
			"carries the interface 'x.10'", "ip link del dev x.10"},
		{{.ifname = "x",
			 .ifindex = 9,
			 .ethernet = true,
			 .n_addresses = 1,
			 .address = "fd77::1/64"},
			VSW_E_BUSY, "address fd77::1/64", "ip addr flush dev x"},
		{{.ifname = "x", .ifindex = 9, .ethernet = true, .n_routes = 1, .route = "default"},
			VSW_E_BUSY, "route default goes through 'x'", "ip route"},
		{{.pci = "0000:03:00.0", .driver = "vfio-pci", .ethernet = true}, VSW_E_UNSUPPORTED,
			"0000:03:00.0 has no kernel interface", "bind"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vsw_error err = {};

		assert_int_equal(nic_check_takeover(&cases[i].nic, &err), -cases[i].code);
		assert_non_null(strstr(err.reason, cases[i].says));
		assert_non_null(strstr(err.remedy, cases[i].remedy));
	}
}

static void lists_loopback_here(void **)
{
	struct nic_info *list, nic;
	struct vsw_error err;
	size_t n;

	assert_int_equal(nic_list(&list, &n), 0);
	assert_true(n > 0);
	assert_int_equal(nic_match(list, n, "lo", &nic, &err), 0);
	assert_true(nic.loopback);
	assert_int_equal(nic.drivers, 0);
	assert_non_null(strstr(nic.reason, "loopback"));
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_any_name),
		cmocka_unit_test(refuses_unknown_names),
		cmocka_unit_test(refuses_ambiguous_macs),
		cmocka_unit_test(refuses_what_is_in_use),
		cmocka_unit_test(lists_loopback_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
