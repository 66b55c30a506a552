/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <vswitch/options.h>

static int parse(struct options *opt, int argc, ...)
{
	char *argv[8] = {"vswitchd"};
	va_list ap;

	va_start(ap, argc);
	for (int i = 1; i <= argc; i++)
		argv[i] = va_arg(ap, char *);
	va_end(ap);
	return options_parse(argc + 1, argv, opt);
}

static void cpu_lists(void **)
{
	static const char *const bad[] = {
		"", "a", "1,", ",1", "1-", "-1", "3-1", "1 2", "1,,2", "99999", "1-99999"};
	cpu_set_t set;

	assert_int_equal(cpu_list_parse("1,3-5", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 4);
	assert_true(CPU_ISSET(1, &set) && CPU_ISSET(3, &set) && CPU_ISSET(5, &set));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (cpu_list_parse(bad[i], &set) == 0)
			fail_msg("'%s' was taken for a list of CPUs", bad[i]);
}

static void defaults(void **)
{
	struct options opt;

	assert_int_equal(parse(&opt, 0), 0);
	assert_string_equal(opt.socket, "/run/vswitch/control.sock");
	assert_string_equal(opt.state_dir, "/var/lib/vswitch");
	assert_false(opt.poll || opt.no_huge || opt.cpus_given);
}

static void socket_follows_the_run_directory(void **)
{
	struct options opt;

	assert_int_equal(parse(&opt, 2, "--run-dir", "/tmp/x"), 0);
	assert_string_equal(opt.socket, "/tmp/x/control.sock");
	assert_string_equal(opt.vsp_socket, "/tmp/x/vsp.sock");
	assert_int_equal(parse(&opt, 4, "--run-dir", "/tmp/x", "--vsp-socket", "/tmp/v"), 0);
	assert_string_equal(opt.vsp_socket, "/tmp/v");
	assert_int_equal(parse(&opt, 4, "--run-dir", "/tmp/x", "--socket", "/tmp/y"), 0);
	assert_string_equal(opt.socket, "/tmp/y");
}

static void bad_usage(void **)
{
	char path[200];
	struct options opt;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_true(parse(&opt, 1, "--nothing") < 0);
	assert_true(parse(&opt, 1, "stray") < 0);
	assert_true(parse(&opt, 2, "--cpus", "x") < 0);
	assert_true(parse(&opt, 2, "--log-level", "loud") < 0);
	assert_true(parse(&opt, 2, "--mbufs", "12") < 0);
	assert_true(parse(&opt, 2, "--mbufs", "9999x") < 0);
	assert_true(parse(&opt, 2, "--socket", path) < 0);
	assert_true(parse(&opt, 2, "--run-dir", path) < 0);
	assert_true(parse(&opt, 1, "--version") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(defaults),
		cmocka_unit_test(socket_follows_the_run_directory),
		cmocka_unit_test(bad_usage),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
