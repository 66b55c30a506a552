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

static void host_macs(void **)
{
	assert_int_equal(mac_check((uint8_t[6]){2, 0, 0, 0, 0, 1}, NULL), 0);
	assert_int_equal(mac_check((uint8_t[6]){}, NULL), -VSW_E_INVALID);
	assert_int_equal(mac_check((uint8_t[6]){3, 0, 0, 0, 0, 1}, NULL), -VSW_E_INVALID);
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
		cmocka_unit_test(host_macs),
		cmocka_unit_test(vlan_lists),
		cmocka_unit_test(vlan_texts),
	};

	return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}
