/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket: how lines come in and replies go out, and that no client harms another.
#include "server_fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void a_request_is_answered(void **state)
{
	int fd = connect_to(*state);

	say(fd, VERSION);
	expect_line(fd, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"version\":\"test\"}}");
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
}

static void half_a_line_waits(void **state)
{
	const char *text = VERSION;
	int fd = connect_to(*state), other = connect_to(*state);

	say(fd, "{\"jsonrpc\":\"2.0\",");
	assert_true(is_silent(fd, 50));
	say(other, VERSION);
	expect_line(other, "test");
	say(fd, "\"id\":1,\"method\":\"version\"}\n");
	expect_line(fd, "test");
	for (; *text != '\0'; text++)
		assert_int_equal(send(fd, text, 1, 0), 1);
	expect_line(fd, "test");
	close(fd);
	close(other);
}

static void garbage_is_answered_and_survived(void **state)
{
	static const char nul[] = "\0{\"jsonrpc\":\"2.0\"\0}\n";
	int fd = connect_to(*state);

	say(fd, "GET / HTTP/1.1\r\n");
	expect_line(fd, "-32700");
	assert_int_equal(send(fd, nul, sizeof(nul) - 1, 0), sizeof(nul) - 1);
	expect_line(fd, "-32700");
	say(fd, "\xff\xfe\x01\n");
	expect_line(fd, "-32700");
	say(fd, "\n \r\n\n"); // nothing asked, nothing answered
	assert_true(is_silent(fd, 50));
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
}

// Sends until the other side has had enough.
static void flood(int fd, size_t len)
{
	char chunk[65536];
	ssize_t n;

	memset(chunk, 'x', sizeof(chunk));
	while (len > 0) {
		n = send(fd, chunk, len < sizeof(chunk) ? len : sizeof(chunk), MSG_NOSIGNAL);
		if (n < 0)
			return;
		len -= n;
	}
}

static void a_line_too_long_ends_it(void **state)
{
	int fd = connect_to(*state);

	flood(fd, RPC_LINE_MAX_CONFIG + 100000);
	expect_line(fd, "too long");
	expect_end(fd);
	close(fd);
}

static void requests_in_a_row_are_answered_in_order(void **state)
{
	int fd = connect_to(*state), i;
	char text[128], want[32];

	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"version\"}\n", i);
		say(fd, text);
	}
	for (i = 0; i < 500; i++) {
		snprintf(want, sizeof(want), "\"id\":%d,", i);
		expect_line(fd, want);
	}
	close(fd);
}

static void the_end_of_input_is_not_the_end(void **state)
{
	int fd = connect_to(*state);

	say(fd, VERSION VERSION "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"version\"}");
	shutdown(fd, SHUT_WR);
	expect_line(fd, "test");
	expect_line(fd, "test");
	expect_line(fd, "no end");
	expect_end(fd);
	close(fd);
}

static void leaving_in_the_middle_harms_nobody(void **state)
{
	int fd, i, other = connect_to(*state);

	for (i = 0; i < 50; i++) {
		fd = connect_to(*state);
		say(fd, i % 2 ? REQ("show-stats", "{}") REQ("show-stats", "{}") : "{\"jsonrpc\"");
		close(fd);
	}
	say(other, VERSION);
	expect_line(other, "test");
	close(other);
	// What was sent whole before the leave is carried out.
	other = connect_to(*state);
	say(other, REQ("subscribe", "{}"));
	expect_line(other, "result");
	fd = connect_to(*state);
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"flush-fdb\","
		"\"params\":{\"switch\":\"a\",\"vlan\":1}}\n");
	close(fd);
	expect_line(other, "link-up");
	close(other);
}

static void a_slow_reader_holds_up_itself_only(void **state)
{
	int fd = connect_to(*state), other = connect_to(*state), i;
	char *line;

	for (i = 0; i < 100; i++)
		say(fd, REQ("show-stats", "{}"));
	for (i = 0; i < 100; i++) {
		say(other, VERSION);
		expect_line(other, "test");
	}
	// As long as it reads a bit now and then it gets everything.
	for (i = 0; i < 3; i++) {
		line = hear_line(fd);
		assert_non_null(line);
		assert_int_equal(strlen(line),
			strlen("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":}") + (1u << 20));
		free(line);
		usleep(150000);
	}
	// Then it stops, and is closed; what it was sent by then is still there to read.
	usleep(1500000);
	while ((line = hear_line(fd)) != NULL) {
		free(line);
		i++;
	}
	assert_true(i < 100);
	close(fd);
	close(other);
}

static void subscribers_get_events_between_replies(void **state)
{
	int fd = connect_to(*state), other = connect_to(*state);

	say(fd, REQ("subscribe", "{}"));
	expect_line(fd, "\"id\":7");
	say(other, REQ("flush-fdb", "{\"switch\":\"a\",\"vlan\":2}"));
	expect_line(other, "result");
	expect_line(fd, "link-up");
	expect_line(fd, "link-up");
	say(fd, VERSION);
	expect_line(fd, "test");
	// Its own doing reaches it too, after the reply.
	say(fd, REQ("flush-fdb", "{\"switch\":\"a\",\"vlan\":1}"));
	expect_line(fd, "result");
	expect_line(fd, "link-up");
	// Half-closed it still listens.
	shutdown(fd, SHUT_WR);
	usleep(50000);
	say(other, REQ("flush-fdb", "{\"switch\":\"a\",\"vlan\":1}"));
	expect_line(fd, "link-up");
	close(fd);
	close(other);
}

static void a_subscriber_that_sleeps_is_told_what_it_lost(void **state)
{
	int fd = connect_to(*state), other = connect_to(*state), i, seen = 0, lost = 0;
	json_t *json, *params;
	char *line;

	say(fd, REQ("subscribe", "{}"));
	expect_line(fd, "result");
	for (i = 0; i < 10; i++) {
		say(other, REQ("flush-fdb", "{\"switch\":\"a\",\"vlan\":4000}"));
		expect_line(other, "result");
	}
	usleep(1000000); // longer than a reply may wait: events may
	while (seen + lost < 40000) {
		line = hear_line(fd);
		assert_non_null(line);
		json = json_loads(line, 0, NULL);
		params = json_object_get(json, "params");
		if (strcmp(json_string_value(json_object_get(params, "event")), "overflow") == 0)
			lost += json_integer_value(json_object_get(params, "lost"));
		else
			seen++;
		json_decref(json);
		free(line);
	}
	assert_int_equal(seen + lost, 40000);
	assert_true(seen >= EVENTS_QUEUE_MAX);
	assert_true(lost > 30000);
	assert_true(is_silent(fd, 50));
	close(fd);
	close(other);
}

// Client and server ends are both in this process.
static bool may_have_fds(rlim_t n)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur >= n; // server_start() has raised it
}

static void a_thousand_clients_at_once(void **state)
{
	int fds[1000], i;

	if (!may_have_fds(2100)) {
		print_message("skipped: the limit of open files is too low\n");
		skip();
	}
	for (i = 0; i < 1000; i++) {
		fds[i] = connect_to(*state);
		say(fds[i], VERSION);
	}
	for (i = 0; i < 1000; i++)
		expect_line(fds[i], "test");
	for (i = 999; i >= 0; i--)
		say(fds[i], VERSION);
	for (i = 0; i < 1000; i++) {
		expect_line(fds[i], "test");
		close(fds[i]);
	}
}

static void too_many_clients_are_told_so(void **state)
{
	static int fds[SERVER_MAX_CHANGE];
	unsigned i;
	int fd;

	if (!may_have_fds(2 * SERVER_MAX_CHANGE + 100)) {
		print_message("skipped: the limit of open files is too low\n");
		skip();
	}
	for (i = 0; i < SERVER_MAX_CHANGE; i++) {
		fds[i] = connect_to(*state);
		say(fds[i], VERSION);
		expect_line(fds[i], "test");
	}
	fd = connect_to(*state);
	expect_line(fd, "1008");
	expect_end(fd);
	close(fd);
	close(fds[0]);
	usleep(100000);
	fd = connect_to(*state);
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
	for (i = 1; i < SERVER_MAX_CHANGE; i++)
		close(fds[i]);
}

// Connects 40 times; 0 if each was answered, some with a result and some with the limit.
static int count_answers(const char *path)
{
	unsigned served = 0, refused = 0, i;
	char *line;
	int fd;

	for (i = 0; i < 40; i++) {
		fd = client_connect(path);
		if (fd < 0)
			return 2;
		send(fd, VERSION, strlen(VERSION), MSG_NOSIGNAL);
		line = hear_line(fd);
		if (line == NULL)
			return 3;
		served += strstr(line, "test") != NULL;
		refused += strstr(line, "1008") != NULL;
		free(line);
	}
	return served > 0 && refused > 0 && served + refused == 40 ? 0 : 4;
}

static void without_fds_clients_are_told_so(void **state)
{
	struct fixture *fix = *state;
	struct rlimit limit, low;
	int fd, status;
	pid_t pid;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	fd = dup(0);
	low = limit;
	low.rlim_cur = fd + 10;
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_NOFILE, &limit);
		_exit(count_answers(fix->path));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	fd = connect_to(fix);
	say(fd, VERSION);
	expect_line(fd, "test");
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(half_a_line_waits),
		TEST(garbage_is_answered_and_survived),
		TEST(a_line_too_long_ends_it),
		TEST(requests_in_a_row_are_answered_in_order),
		TEST(the_end_of_input_is_not_the_end),
		TEST(leaving_in_the_middle_harms_nobody),
		TEST(a_slow_reader_holds_up_itself_only),
		TEST(subscribers_get_events_between_replies),
		TEST(a_subscriber_that_sleeps_is_told_what_it_lost),
		TEST(a_thousand_clients_at_once),
		TEST(too_many_clients_are_told_so),
		TEST(without_fds_clients_are_told_so),
	};

	log_set_level(LOG_LVL_ERROR);
	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
