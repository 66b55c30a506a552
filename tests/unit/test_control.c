/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost's control socket: its lines, its limits, and what each method does.
#include "control_fixture.h"

// --- methods ---------------------------------------------------------------------------------

static void show_tells_everything(void **state)
{
	static const char *const words[] = {"\"id\":7", "\"name\":\"m1\"", "\"state\":\"running\"",
		"\"memory\":536870912", "\"huge_pages\":false", "\"vcpus\":2",
		"\"vmbus_version\":\"5.3\"", "\"resets\":0", "\"console\":\"none\"",
		"\"returns\":12", "\"port\":\"web1\"", "\"mac\":\"02:00:00:00:00:01\"",
		"\"state\":\"attached\"", "\"reason\":\"\"", "\"uptime\":0"};
	struct fixture *fix = *state;
	char *line;
	int fd = dial(fix);

	say(fd, SHOW);
	line = hear(fix, fd);
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]) == NULL)
			fail_msg("no %s in '%s'", words[i], line);
	close(fd);
}

static void show_bears_any_bytes(void **state)
{
	struct fixture *fix = *state;

	memset(fix->partition.info.nic[0].reason, 0xe2, 190);
	fix->partition.info.console = "/tmp/\xff";
	ask(fix, SHOW, "\"reason\":\"????");
}

static void stop_kill_and_reset_are_passed_on(void **state)
{
	struct fixture *fix = *state;

	ask(fix, REQ("stop", "{}"), "\"timeout\":30");
	assert_int_equal(fix->partition.stop_seconds, 30);
	ask(fix, REQ("stop", "{\"timeout\":0}"), "\"timeout\":0");
	assert_int_equal(fix->partition.stop_seconds, 0);
	assert_int_equal(fix->partition.n_stops, 2);
	ask(fix, SHOW, "\"state\":\"stopping\"");
	ask(fix, REQ("reset", "{}"), "\"result\":{}");
	assert_int_equal(fix->partition.n_resets, 1);
	fix->partition.reset_result = -ENOMEM;
	ask(fix, REQ("reset", "{}"), "1008");
	ask(fix, REQ("kill", "{}"), "\"result\":{}");
	assert_true(fix->partition.killed);
	ask(fix, REQ("stop", "{}"), "is off already");
	ask(fix, REQ("add-nic", "{\"port\":\"p\"}"), "\"code\":1004");
	ask(fix, SHOW, "\"state\":\"off\"");
}

static void nics_come_and_go(void **state)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 0x0a};
	struct fixture *fix = *state;
	struct options_nic *nic = &fix->partition.added;

	ask(fix, REQ("add-nic", "{\"port\":\"p2\"}"), "\"nic\":\"nic1\"");
	assert_string_equal(nic->port, "p2");
	assert_int_equal(nic->queues, 0);
	assert_false(nic->mac_given);
	ask(fix,
		REQ("add-nic", "{\"port\":\"p3\",\"name\":\"back\",\"queues\":4,"
			       "\"mac\":\"02:00:00:00:00:0A\"}"),
		"\"nic\":\"back\"");
	assert_int_equal(nic->queues, 4);
	assert_true(nic->mac_given);
	assert_memory_equal(nic->mac, mac, 6);
	ask(fix, REQ("add-nic", "{\"port\":\"p4\",\"name\":\"back\"}"),
		"\"code\":1001,\"message\":\"there is a NIC 'back' already");
	ask(fix, REQ("del-nic", "{\"nic\":\"nic1\"}"), "\"result\":{}");
	ask(fix, REQ("add-nic", "{\"port\":\"p5\"}"), "\"nic\":\"nic1\"");
	ask(fix, REQ("del-nic", "{\"nic\":\"gone\"}"), "\"code\":1002");
	fix->partition.nic_result = -ENOSPC;
	ask(fix, REQ("add-nic", "{\"port\":\"p6\"}"), "\"code\":1008");
}

static void parameters_are_checked(void **state)
{
	struct fixture *fix = *state;

	ask(fix, REQ("stop", "{\"timeout\":-1}"), "-32602");
	ask(fix, REQ("stop", "{\"timeout\":86401}"), "0 to 86400");
	ask(fix, REQ("stop", "{\"timeout\":1.5}"), "whole number");
	ask(fix, REQ("stop", "{\"timeout\":99999999999999999999}"), "-32700");
	ask(fix, REQ("stop", "{\"now\":true}"), "stop has no parameter 'now'");
	ask(fix, REQ("stop", "[30]"), "parameters are given by name");
	ask(fix, REQ("add-nic", "{}"), "add-nic needs the parameter 'port'");
	ask(fix, REQ("add-nic", "{\"port\":\"../x\"}"), "\"param\":\"port\"");
	ask(fix, REQ("add-nic", "{\"port\":\"-x\"}"), "must be a name");
	ask(fix, REQ("add-nic", "{\"port\":\"\"}"), "must be a name");
	ask(fix, REQ("add-nic", "{\"port\":\"p\\u0000q\"}"), "-32700");
	ask(fix,
		REQ("add-nic", "{\"port\":\"1234567890123456789012345678901234567890123456789012345"
			       "678901234\"}"),
		"must be a name");
	ask(fix, REQ("add-nic", "{\"port\":\"p\",\"queues\":0}"), "1 to 64");
	ask(fix, REQ("add-nic", "{\"port\":\"p\",\"mac\":\"01:00:00:00:00:05\"}"), "MAC address");
	ask(fix, REQ("add-nic", "{\"port\":\"p\",\"mac\":\"00:00:00:00:00:00\"}"), "MAC address");
	ask(fix, REQ("add-nic", "{\"port\":\"p\",\"mac\":\"2:0:0:0:0:0:0:0:0\"}"), "MAC address");
	ask(fix, REQ("console", "{\"kept\":1}"), "true or false");
	assert_string_equal(fix->partition.added.port, "");
	assert_int_equal(fix->partition.n_stops, 0);
}

static void all_is_discovered(void **state)
{
	struct fixture *fix = *state;
	json_t *reply, *methods, *method;
	int fd = dial(fix);
	size_t i;

	say(fd, REQ("rpc.discover", "{}"));
	reply = json_loads(hear(fix, fd), 0, NULL);
	methods = json_object_get(json_object_get(reply, "result"), "methods");
	assert_int_equal(json_array_size(methods), 8);
	json_array_foreach (methods, i, method)
		assert_string_equal(json_string_value(json_object_get(method, "name")),
			control_methods[i].name);
	json_decref(reply);
	close(fd);
}

// --- the console -----------------------------------------------------------------------------

static void output(struct fixture *fix, const char *text)
{
	console_output(fix->console, (const uint8_t *)text, strlen(text));
}

static void the_connection_becomes_the_console(void **state)
{
	struct fixture *fix = *state;
	int fd = dial(fix);

	output(fix, "kept\n");
	say(fd, REQ("console", "{}") "ls\r");
	expect(fix, fd, "\"result\":{\"console\":\"none\"}");
	expect(fix, fd, "kept");
	output(fix, "{\"jsonrpc\"\n");
	expect(fix, fd, "{\"jsonrpc\"");
	say(fd, SHOW);
	fake_partition_settle(&fix->partition);
	assert_memory_equal(fix->typed, "ls\r{\"jsonrpc\"", 13);
	ask(fix, SHOW, "\"viewers\":1");
	close(fd);
	fake_partition_settle(&fix->partition);
	ask(fix, SHOW, "\"viewers\":0");
}

static void the_console_may_be_only_looked_at(void **state)
{
	struct fixture *fix = *state;
	int fd = dial(fix), late = dial(fix);

	output(fix, "kept\n");
	say(fd, REQ("console", "{\"follow\":false}") "ls\r");
	expect(fix, fd, "result");
	expect(fix, fd, "kept");
	expect_end(fix, fd);
	assert_int_equal(fix->n_typed, 0);
	say(late, REQ("console", "{\"kept\":false}"));
	expect(fix, late, "result");
	output(fix, "new\n");
	expect(fix, late, "new");
	close(late);
}

static void viewers_are_limited(void **state)
{
	struct fixture *fix = *state;
	int fd[CONSOLE_VIEWERS];

	for (unsigned i = 0; i < CONSOLE_VIEWERS; i++) {
		fd[i] = dial(fix);
		say(fd[i], REQ("console", "{}"));
		expect(fix, fd[i], "result");
	}
	ask(fix, REQ("console", "{}"), "\"code\":1003");
	ask(fix, SHOW, "\"viewers\":8"); // and clients have places of their own
	for (unsigned i = 0; i < CONSOLE_VIEWERS; i++)
		close(fd[i]);
}

// --- lines -----------------------------------------------------------------------------------

static void garbage_is_answered_and_survived(void **state)
{
	static const char nul[] = "\0{\"jsonrpc\":\"2.0\"\0}\n";
	struct fixture *fix = *state;
	int fd = dial(fix);

	say(fd, "GET / HTTP/1.1\r\n");
	expect(fix, fd, "-32700");
	assert_int_equal(send(fd, nul, sizeof(nul) - 1, 0), sizeof(nul) - 1);
	expect(fix, fd, "-32700");
	say(fd, "\n \r\n\n" SHOW);
	expect(fix, fd, "m1");
	say(fd, "[1]\n");
	expect(fix, fd, "batches");
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"show\"}\n");
	expect(fix, fd, "\"id\":null");
	say(fd, "{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"show\"}\n");
	expect(fix, fd, "\"id\":3");
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"shout\"}\n");
	expect(fix, fd, "-32601");
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"show\",\"timeout\":1}\n");
	expect(fix, fd, "no member 'timeout'");
	say(fd, "[[[[[[[[[[[[[[\n");
	expect(fix, fd, "levels deep");
	close(fd);
}

static void requests_are_answered_in_order(void **state)
{
	struct fixture *fix = *state;
	char text[128], want[32];
	int fd = dial(fix);

	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"show\"}\n", i);
		say(fd, text);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(want, sizeof(want), "\"id\":%u,", i);
		expect(fix, fd, want);
	}
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"reset\"}\n" SHOW); // not answered
	expect(fix, fd, "\"resets\":1");
	for (const char *c = SHOW; *c != '\0'; c++) {
		assert_int_equal(send(fd, c, 1, 0), 1);
		fake_partition_settle(&fix->partition);
	}
	expect(fix, fd, "m1");
	close(fd);
}

static void the_end_of_input_is_not_the_end(void **state)
{
	struct fixture *fix = *state;
	int fd = dial(fix);

	say(fd, SHOW SHOW "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"show\"}");
	shutdown(fd, SHUT_WR);
	expect(fix, fd, "m1");
	expect(fix, fd, "m1");
	expect(fix, fd, "no end");
	expect_end(fix, fd);
}

static void a_line_too_long_ends_it(void **state)
{
	static char line[CONTROL_LINE_MAX + 2];
	struct fixture *fix = *state;
	int fd = dial(fix), other = dial(fix);

	memset(line, ' ', sizeof(line) - 1);
	memcpy(line, SHOW, strlen(SHOW) - 1);
	line[CONTROL_LINE_MAX] = '\n';
	say(fd, line); // as long as may be
	expect(fix, fd, "m1");
	line[CONTROL_LINE_MAX] = ' ';
	say(fd, line);
	expect(fix, fd, "too long");
	expect_end(fix, fd);
	say(other, SHOW);
	expect(fix, other, "m1");
	close(other);
}

// --- clients ---------------------------------------------------------------------------------

static void clients_are_limited(void **state)
{
	struct fixture *fix = *state;
	int fd[8], late;

	for (unsigned i = 0; i < 8; i++) {
		fd[i] = dial(fix);
		fake_partition_settle(&fix->partition);
	}
	late = dial(fix);
	expect(fix, late, "too many clients");
	expect_end(fix, late);
	say(fd[0], SHOW);
	expect(fix, fd[0], "m1");
	close(fd[5]);
	fake_partition_settle(&fix->partition);
	fd[5] = dial(fix);
	say(fd[5], SHOW);
	expect(fix, fd[5], "m1");
	for (unsigned i = 0; i < 8; i++)
		close(fd[i]);
}

// Asks and asks and never listens: others are answered, and no more is kept than one reply.
static void who_does_not_listen_is_not_read_from(void **state)
{
	struct fixture *fix = *state;
	int fd = dial(fix), other = dial(fix);
	size_t sent = 0;

	for (unsigned i = 0; i < 100000; i++) {
		if (send(fd, SHOW, strlen(SHOW), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			sent++;
		else if (!fake_partition_run(&fix->partition, 10))
			break;
	}
	assert_true(sent < 20000);
	say(other, SHOW);
	expect(fix, other, "m1");
	close(fd);
	fake_partition_settle(&fix->partition);
	close(other);
}

static void leaving_in_the_middle_harms_nobody(void **state)
{
	struct fixture *fix = *state;
	int fd;

	for (unsigned i = 0; i < 60; i++) {
		fd = dial(fix);
		say(fd, i % 3 == 0 ? SHOW SHOW : i % 3 == 1 ? "{\"json" : REQ("console", "{}"));
		if (i % 2)
			fake_partition_run(&fix->partition, 10);
		close(fd);
		fake_partition_settle(&fix->partition);
	}
	ask(fix, SHOW, "\"viewers\":0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(show_tells_everything),
		T(show_bears_any_bytes),
		T(stop_kill_and_reset_are_passed_on),
		T(nics_come_and_go),
		T(parameters_are_checked),
		T(all_is_discovered),
		T(the_connection_becomes_the_console),
		T(the_console_may_be_only_looked_at),
		T(viewers_are_limited),
		T(garbage_is_answered_and_survived),
		T(requests_are_answered_in_order),
		T(the_end_of_input_is_not_the_end),
		T(a_line_too_long_ends_it),
		T(clients_are_limited),
		T(who_does_not_listen_is_not_read_from),
		T(leaving_in_the_middle_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
