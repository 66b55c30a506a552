/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hypervisor/soft/options.h>
#include <netvsp/nvsp_proto.h>

#define MAX_ARGS 32

// Parses words separated by blanks; what it says on the terminal is not shown.
static int parse(const char *line, struct options *opt)
{
	static char text[1024];
	char *argv[MAX_ARGS + 1] = {"hvsoft"}, *rest = text;
	int argc = 1, out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY), ret;

	strcpy(text, line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL && argc < MAX_ARGS)
		if (argv[argc][0] != '\0')
			argc++;
	fflush(stdout);
	dup2(null, 1);
	dup2(null, 2);
	ret = options_parse(argc, argv, opt);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(null);
	return ret;
}

static void defaults(void **)
{
	struct options opt;

	assert_int_equal(parse("--port web1 --tap eth0", &opt), 0);
	assert_string_equal(opt.port, "web1");
	assert_string_equal(opt.partition, "web1");
	assert_string_equal(opt.nic, "nic0");
	assert_string_equal(opt.vsp_socket, "/run/vswitch/vsp.sock");
	assert_int_equal(opt.memory, 128 << 20);
	assert_int_equal(opt.queues, 1);
	assert_int_equal(opt.mtu, 1500);
	assert_int_equal(opt.nvsp_version, 0);
	assert_false(opt.mac_given || opt.poll || opt.json || opt.up);
}

static void everything(void **)
{
	struct options opt;

	assert_int_equal(parse("--port p --name vm --nic n1 --mac 02:00:00:0a:0b:0c --memory 1G "
			       "--vsp-socket /tmp/s --tap t --netns ns --address 10.77.0.1/24 "
			       "--address fd77::1/64 --up",
				 &opt),
		0);
	assert_string_equal(opt.partition, "vm");
	assert_memory_equal(opt.mac, "\x02\0\0\x0a\x0b\x0c", 6);
	assert_int_equal(opt.memory, 1 << 30);
	assert_int_equal(opt.n_addresses, 2);
	assert_string_equal(opt.address[1], "fd77::1/64");
	assert_int_equal(parse("--port p --pktgen tx --size 1514 --rate 1000 --flows 16 --dst "
			       "02:00:00:00:00:01 --seconds 1.5 --queues 4 --nvsp 6.1 "
			       "--no-offloads --no-rsc --mtu 9000 --poll --cpus 1,3-4 --json",
				 &opt),
		0);
	assert_int_equal(opt.pktgen, PKTGEN_TX);
	assert_int_equal(opt.size, 1514);
	assert_int_equal(opt.rate, 1000);
	assert_int_equal(opt.flows, 16);
	assert_true(opt.seconds > 1.4 && opt.seconds < 1.6);
	assert_int_equal(opt.nvsp_version, NVSP_VERSION_6_1);
	assert_int_equal(opt.mtu, 9000);
	assert_int_equal(opt.n_cpus, 3);
	assert_true(CPU_ISSET(1, &opt.cpus) && CPU_ISSET(3, &opt.cpus) && CPU_ISSET(4, &opt.cpus));
	assert_true(opt.no_offloads && opt.no_rsc && opt.poll && opt.json);
}

static void bad_usage_is_refused(void **)
{
	static const char *const bad[] = {
		"",
		"--tap t",
		"--port p",
		"--port p --tap t --pktgen rx",
		"--port p --pktgen rx --up",
		"--port p --pktgen rx --netns x",
		"--port p --pktgen both",
		"--port p/q --tap t",
		"--port p --tap interface-name-too-long",
		"--port p --tap t --mac 01:00:00:00:00:00",
		"--port p --tap t --mac 02:00:00:00:00",
		"--port p --tap t --mac 02:00:00:00:00:0g",
		"--port p --tap t --memory 1M",
		"--port p --tap t --memory 128X",
		"--port p --tap t --queues 0",
		"--port p --tap t --queues 65",
		"--port p --tap t --queues -1",
		"--port p --tap t --nvsp 3",
		"--port p --tap t --mtu 67",
		"--port p --tap t --cpus 3-1",
		"--port p --tap t --cpus 1,",
		"--port p --pktgen tx --seconds 0",
		"--port p --pktgen tx --seconds x",
		"--port p --pktgen tx --size 59",
		"--port p --tap t word",
		"--port p --tap t --unknown",
	};
	struct options opt;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &opt) >= 0)
			fail_msg("accepted: %s", bad[i]);
}

static void help_and_version_end_well(void **)
{
	struct options opt;

	assert_int_equal(parse("--help", &opt), 1);
	assert_int_equal(parse("--version", &opt), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(bad_usage_is_refused),
		cmocka_unit_test(help_and_version_end_well),
	};

	return cmocka_run_group_tests_name("soft_options", tests, NULL, NULL);
}
