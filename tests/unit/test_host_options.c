/* SPDX-License-Identifier: BSD-3-Clause */
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
#include <unistd.h>

#include <hypervisor/host/options.h>

#define MAX_ARGS 64

// Parses words separated by blanks. What it says is in said[].
static char said[8192];

static int parse(const char *line, struct options *opt)
{
	static char text[8192];
	char *argv[MAX_ARGS + 1] = {"hvhost"}, *rest = text;
	int argc = 1, out = dup(1), err = dup(2), pipe_fd[2], ret;
	ssize_t n;

	strcpy(text, line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL && argc < MAX_ARGS)
		if (argv[argc][0] != '\0')
			argc++;
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	fflush(stdout);
	dup2(pipe_fd[1], 1);
	dup2(pipe_fd[1], 2);
	ret = options_parse(argc, argv, opt);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	n = read(pipe_fd[0], said, sizeof(said) - 1);
	said[n < 0 ? 0 : n] = '\0';
	close(out);
	close(err);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return ret;
}

static void defaults(void **)
{
	struct options opt;

	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(parse("--name web1 --kernel k", &opt), 0);
	assert_string_equal(opt.name, "web1");
	assert_string_equal(opt.kernel, "k");
	assert_null(opt.initrd);
	assert_string_equal(opt.append, "");
	assert_int_equal(opt.memory, 512 << 20);
	assert_int_equal(opt.cpus, 1);
	assert_int_equal(opt.pages, RAM_PAGES_AUTO);
	assert_int_equal(opt.n_nics, 0);
	assert_int_equal(opt.console, CONSOLE_STDIO);
	assert_string_equal(opt.vsp_socket, "/run/vswitch/vsp.sock");
	assert_string_equal(opt.run_dir, "/run/hvhost");
	assert_int_equal(opt.stop_seconds, 30);
	assert_null(opt.user);
	assert_false(opt.require_port || opt.no_reboot || opt.no_sandbox);
}

static void everything(void **)
{
	struct options opt;

	assert_int_equal(
		parse("--name v --kernel k --initrd i --append quiet --memory 2G --cpus 64 "
		      "--huge-pages no --console file:/tmp/c --vsp-socket /tmp/s --run-dir "
		      "/tmp/r --user u --require-port --no-reboot --no-sandbox "
		      "--stop-timeout 0 --nic port=p1 --nic "
		      "port=p2,queues=4,mac=02:00:00:0a:0b:0c,name=back --nic port=p3",
			&opt),
		0);
	assert_int_equal(opt.memory, 2ull << 30);
	assert_int_equal(opt.cpus, 64);
	assert_int_equal(opt.pages, RAM_PAGES_SMALL);
	assert_string_equal(opt.initrd, "i");
	assert_string_equal(opt.append, "quiet");
	assert_int_equal(opt.console, CONSOLE_FILE);
	assert_string_equal(opt.console_path, "/tmp/c");
	assert_string_equal(opt.vsp_socket, "/tmp/s");
	assert_string_equal(opt.run_dir, "/tmp/r");
	assert_string_equal(opt.user, "u");
	assert_true(opt.require_port && opt.no_reboot && opt.no_sandbox);
	assert_int_equal(opt.stop_seconds, 0);
	assert_int_equal(opt.n_nics, 3);
	assert_string_equal(opt.nic[0].name, "nic0");
	assert_string_equal(opt.nic[0].port, "p1");
	assert_false(opt.nic[0].mac_given);
	assert_string_equal(opt.nic[1].name, "back");
	assert_int_equal(opt.nic[1].queues, 4);
	assert_memory_equal(opt.nic[1].mac, "\x02\0\0\x0a\x0b\x0c", 6);
	assert_string_equal(opt.nic[2].name, "nic1");
}

static void names_of_nics_do_not_meet(void **)
{
	struct options opt;

	assert_int_equal(parse("--name v --kernel k --nic port=a --nic port=b,name=nic0", &opt), 0);
	assert_string_equal(opt.nic[0].name, "nic1");
	assert_string_equal(opt.nic[1].name, "nic0");
	assert_int_equal(
		parse("--name v --kernel k --nic port=a,name=x --nic port=b,name=x", &opt), -1);
	assert_non_null(strstr(said, "two have 'x'"));
	assert_int_equal(parse("--name v --kernel k --nic port=a --nic port=a", &opt), -1);
	assert_non_null(strstr(said, "two have 'a'"));
}

#define VM "--name v --kernel k "

static void bad_usage_is_told_in_one_line(void **)
{
	static const char *const bad[] = {
		"",
		"--name v",
		"--kernel k",
		"--name v/w --kernel k",
		"--name .v --kernel k",
		"--name -v --kernel k",
		VM "--memory 16M",
		VM "--memory 33M",
		VM "--memory 1025G",
		VM "--memory 99999999999999999999G",
		VM "--memory 128X",
		VM "--memory -1",
		VM "--cpus 0",
		VM "--cpus 65",
		VM "--cpus x",
		VM "--huge-pages maybe",
		VM "--console tty",
		VM "--console file:",
		VM "--stop-timeout -1",
		VM "--nic web1",
		VM "--nic name=n",
		VM "--nic port=p,queues=0",
		VM "--nic port=p,queues=65",
		VM "--nic port=p,mac=01:00:00:00:00:00",
		VM "--nic port=p,mac=00:00:00:00:00:00",
		VM "--nic port=p,mac=02:00:00:00:00",
		VM "--nic port=p,mac=02:00:00:00:00:0g",
		VM "--nic port=p,vlan=1",
		VM "--nic port=p,",
		VM "--nic port=p,port",
		VM "--nic port=p/q",
		VM "--nic port=a --nic port=b --nic port=c --nic port=d --nic port=e --nic port=f "
		   "--nic port=g --nic port=h --nic port=i --nic port=j --nic port=k --nic port=l "
		   "--nic port=m --nic port=n --nic port=o --nic port=p --nic port=q",
		VM "word",
	};
	struct options opt;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &opt) != -1)
			fail_msg("accepted: %s", bad[i]);
		if (strncmp(said, "hvhost: ", 8) != 0 || strchr(said, '\n') == NULL ||
			strchr(said, '\n')[1] != '\0' || strstr(said, "--help") == NULL)
			fail_msg("%s: not one line with a remedy: %s", bad[i], said);
	}
	assert_int_equal(parse(VM "--unknown", &opt), -1);
}

static void lengths_have_bounds(void **)
{
	char line[8000] = VM, why[128], nic[400] = "port=";
	struct options_nic n;
	struct options opt;

	strcat(line, "--append ");
	memset(line + strlen(line), 'x', 4095);
	assert_int_equal(parse(line, &opt), 0);
	strcat(line, "x");
	assert_int_equal(parse(line, &opt), -1);
	strcpy(line, "--kernel k --name ");
	memset(line + 18, 'n', 63);
	line[18 + 63] = '\0';
	assert_int_equal(parse(line, &opt), 0);
	strcat(line, "n");
	assert_int_equal(parse(line, &opt), -1);
	memset(nic + 5, 'p', 300);
	assert_int_equal(options_parse_nic(nic, &n, why), -EINVAL);
}

static void run_dir_is_the_users_own(void **)
{
	struct options opt;

	setenv("XDG_RUNTIME_DIR", "/tmp/x", 1);
	assert_int_equal(parse(VM, &opt), 0);
	assert_string_equal(opt.run_dir, geteuid() == 0 ? "/run/hvhost" : "/tmp/x/hvhost");
	unsetenv("XDG_RUNTIME_DIR");
}

static void help_and_version_end_well(void **)
{
	struct options opt;

	assert_int_equal(parse("--help", &opt), 1);
	assert_non_null(strstr(said, "Usage: hvhost"));
	assert_int_equal(parse("--version", &opt), 1);
	assert_memory_equal(said, "hvhost " VSW_VERSION "\n", sizeof("hvhost " VSW_VERSION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(names_of_nics_do_not_meet),
		cmocka_unit_test(bad_usage_is_told_in_one_line),
		cmocka_unit_test(lengths_have_bounds),
		cmocka_unit_test(run_dir_is_the_users_own),
		cmocka_unit_test(help_and_version_end_well),
	};

	return cmocka_run_group_tests_name("host_options", tests, NULL, NULL);
}
