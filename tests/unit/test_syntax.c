/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <vswitch/control/syntax.h>

static void names(void **)
{
	char longest[VSW_NAME_SIZE + 1];

	memset(longest, 'x', sizeof(longest));
	longest[VSW_NAME_SIZE - 1] = '\0';
	assert_int_equal(name_check("web-1.a_b:c", "port", NULL), 0);
	assert_int_equal(name_check(longest, "port", NULL), 0);
	longest[VSW_NAME_SIZE - 1] = 'x';
	longest[VSW_NAME_SIZE] = '\0';
	assert_int_equal(name_check(longest, "port", NULL), -VSW_E_INVALID);
	assert_int_equal(name_check("", "port", NULL), -VSW_E_INVALID);
	assert_int_equal(name_check("a/b", "port", NULL), -VSW_E_INVALID);
	assert_int_equal(name_check("-a", "port", NULL), -VSW_E_INVALID);
	assert_int_equal(name_check("..", "port", NULL), -VSW_E_INVALID);
	assert_int_equal(name_check("\xc3\xa4", "port", NULL), -VSW_E_INVALID);
	assert_true(ifname_is_valid("eth0.10@x"));
	assert_false(ifname_is_valid("sixteen-letters!"));
	assert_false(ifname_is_valid("a/b"));
	assert_false(ifname_is_valid("a:b"));
	assert_false(ifname_is_valid("."));
	assert_false(ifname_is_valid(""));
}

static void macs(void **)
{
	static const char *const bad[] = {"", "02:00:00:00:00", "02:00:00:00:00:0g",
		"02:00:00:00:00:010", "02-00:00:00:00:00", "0200.0000.0000", "02:00:00:00:00:1"};
	uint8_t mac[6] = {9};
	char text[MAC_TEXT_SIZE];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mac_parse(bad[i], mac) < 0);
	assert_int_equal(mac[0], 9);
	assert_int_equal(mac_parse("02:AB:cd:00:0f:10", mac), 0);
	mac_format(mac, text);
	assert_string_equal(text, "02:ab:cd:00:0f:10");
	assert_int_equal(mac_parse("02-ab-cd-00-0f-10", mac), 0);
	assert_int_equal(mac_check(mac, NULL), 0);
}

static void pci_addresses(void **)
{
	static const char *const bad[] = {"", "03", "03:00", "03:00.", "03:00.8", "03:20.0",
		"103:00.0", "0000:03:00.0.", "x:03:00.0", "0000:03:00:0", "eth0",
		"1234567:00:00.0"};
	char pci[PCI_TEXT_SIZE];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(pci_parse(bad[i], pci) < 0);
	assert_int_equal(pci_parse("3:0.1", pci), 0);
	assert_string_equal(pci, "0000:03:00.1");
	assert_int_equal(pci_parse("10000:E1:1f.7", pci), 0);
	assert_string_equal(pci, "10000:e1:1f.7");
}

static void check_list(const char *text, const char *back)
{
	static char formatted[VLAN_LIST_TEXT_SIZE];
	uint64_t map[64];

	assert_int_equal(vlan_list_parse(text, map, NULL), 0);
	vlan_list_format(map, formatted, sizeof(formatted));
	assert_string_equal(formatted, back);
}

static void vlan_lists(void **)
{
	static const char *const bad[] = {"", ",", "1,", ",1", "1,,2", "a", "1-", "-1", "1-2-3",
		"0", "4095", "1-4095", "0-5", "20-10", "1 ,2", "99999999999", "ALL", "all,5", "1;2",
		"+1"};
	static char formatted[VLAN_LIST_TEXT_SIZE];
	uint64_t map[64];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (vlan_list_parse(bad[i], map, NULL) != -VSW_E_INVALID)
			fail_msg("'%s' was taken", bad[i]);
	check_list("all", "all");
	check_list("1-4094", "all");
	check_list("30-40,20,10", "10,20,30-40");
	check_list("1,2,3,4094", "1-3,4094");
	check_list("63-65", "63-65");
	memset(map, 0, sizeof(map));
	for (unsigned id = 2; id <= VSW_VLAN_MAX; id += 2)
		vlan_bit_set(map, id);
	vlan_list_format(map, formatted, sizeof(formatted));
	assert_string_equal(formatted + strlen(formatted) - 5, ",4094");
	assert_int_equal(vlan_list_parse(formatted, map, NULL), 0);
}

static void vlan_texts(void **)
{
	struct vlan_config vlan = {.mode = VLAN_TRUNK, .native_id = 5};
	char text[80], small[12];

	vlan_list_all(vlan.allowed);
	vlan_format(&vlan, text, sizeof(text));
	assert_string_equal(text, "trunk all native 5");
	vlan_format(&vlan, small, sizeof(small));
	assert_string_equal(small, "trunk all n");
	vlan = (struct vlan_config){.mode = VLAN_ACCESS, .access_id = 10};
	vlan_format(&vlan, text, sizeof(text));
	assert_string_equal(text, "access 10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(macs),
		cmocka_unit_test(pci_addresses),
		cmocka_unit_test(vlan_lists),
		cmocka_unit_test(vlan_texts),
	};

	return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}
