/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <vswitch/error.h>

static void fail_fills_everything(void **)
{
	struct vsw_error err;

	assert_int_equal(
		vsw_fail(&err, VSW_E_NOT_FOUND, "see: list-ports", "port '%s' is gone", "a"),
		-1002);
	assert_int_equal(err.code, 1002);
	assert_string_equal(err.reason, "port 'a' is gone");
	assert_string_equal(err.remedy, "see: list-ports");
	assert_string_equal(vsw_errc_name(err.code), "not-found");
}

static void fail_cuts_long_text(void **)
{
	struct vsw_error err;
	char longer[1000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	vsw_fail(&err, VSW_E_INVALID, longer, "%s", longer);
	assert_int_equal(strlen(err.reason), sizeof(err.reason) - 1);
	assert_int_equal(strlen(err.remedy), sizeof(err.remedy) - 1);
}

static void fail_works_without_a_place(void **)
{
	assert_int_equal(vsw_fail(NULL, VSW_E_BUSY, NULL, "x"), -1003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_fills_everything),
		cmocka_unit_test(fail_cuts_long_text),
		cmocka_unit_test(fail_works_without_a_place),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
