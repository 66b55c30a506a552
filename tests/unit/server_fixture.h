/* SPDX-License-Identifier: BSD-3-Clause */
// A control server with handlers of its own in a thread, and blocking clients for it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vswitch/control/events.h>
#include <vswitch/control/server.h>
#include <vswitch/log.h>

#define REQ(method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}\n"
#define VERSION REQ("version", "{}")

struct fixture {
	char dir[64], path[96];
	struct server_options options;
	struct server *server;
	sd_event *event;
	pthread_t thread;
	int stop_fd;
};

static int answer_version(struct rpc_call *call)
{
	call->result = json_pack("{s:s}", "version", "test");
	return 0;
}

// 1 MiB: more than a socket takes.
static int answer_large(struct rpc_call *call)
{
	size_t size = 1u << 20;

	call->result_text = malloc(size + 1);
	memset(call->result_text, ' ', size);
	memcpy(call->result_text, "{}", 2);
	call->result_text[size] = '\0';
	return 0;
}

// As many events as the VLAN's number says.
static int answer_events(struct rpc_call *call)
{
	uint64_t n = rpc_uint(call, "vlan", 0), i;

	for (i = 0; i < n; i++)
		events_publish("link-up", json_pack("{s:i}", "n", (int)i));
	return 0;
}

static int answer_subscribe(struct rpc_call *call)
{
	return call->peer->subscribe(call->peer, UINT32_MAX, &call->err);
}

static const struct rpc_binding test_handlers[] = {
	{"version", answer_version},
	{"show-stats", answer_large},
	{"flush-fdb", answer_events},
	{"subscribe", answer_subscribe},
	{},
};

static inline int on_stop(sd_event_source *source, int, uint32_t, void *)
{
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static inline void *run_loop(void *arg)
{
	sd_event_loop(arg);
	return NULL;
}

static inline void fixture_start(struct fixture *fix)
{
	struct vsw_error err;

	assert_true(sd_event_new(&fix->event) >= 0);
	fix->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(sd_event_add_io(fix->event, NULL, fix->stop_fd, POLLIN, on_stop, NULL) >= 0);
	if (server_start(&fix->server, fix->event, &fix->options, &err) < 0)
		fail_msg("%s", err.reason);
	assert_int_equal(pthread_create(&fix->thread, NULL, run_loop, fix->event), 0);
}

static inline void fixture_stop(struct fixture *fix)
{
	assert_int_equal(eventfd_write(fix->stop_fd, 1), 0);
	pthread_join(fix->thread, NULL);
	server_stop(fix->server);
	sd_event_unref(fix->event);
	close(fix->stop_fd);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));

	snprintf(fix->dir, sizeof(fix->dir), "/tmp/vsw-server-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	assert_int_equal(chmod(fix->dir, 0755), 0);
	snprintf(fix->path, sizeof(fix->path), "%s/control.sock", fix->dir);
	fix->options = (struct server_options){
		.socket_path = fix->path, .handlers = test_handlers, .stall_ms = 400};
	fixture_start(fix);
	*state = fix;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fix = *state;

	fixture_stop(fix);
	assert_int_equal(access(fix->path, F_OK), -1);
	assert_int_equal(rmdir(fix->dir), 0); // nothing is left behind
	free(fix);
	return 0;
}

// --- clients ---------------------------------------------------------------------------------

// -errno, or a socket whose reads end after ten seconds.
static inline int client_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static inline int connect_to(const struct fixture *fix)
{
	int fd = client_connect(fix->path);

	assert_true(fd >= 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

static inline bool is_silent(int fd, int ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, ms) == 0;
}

// The next line without its newline, for the caller to free; NULL at the end.
static inline char *hear_line(int fd)
{
	char *line = NULL, chunk[4096], *end;
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = recv(fd, chunk, sizeof(chunk), MSG_PEEK);
		if (n <= 0) {
			free(line);
			return NULL;
		}
		end = memchr(chunk, '\n', n);
		if (end != NULL)
			n = end - chunk + 1;
		line = realloc(line, len + n + 1);
		assert_int_equal(recv(fd, line + len, n, 0), n);
		len += n;
		line[len] = '\0';
		if (end != NULL) {
			line[len - 1] = '\0';
			return line;
		}
	}
}

static inline void expect_line(int fd, const char *words)
{
	char *line = hear_line(fd);

	if (line == NULL)
		fail_msg("the connection ended where '%s' was expected", words);
	if (strstr(line, words) == NULL)
		fail_msg("'%.200s' where '%s' was expected", line, words);
	free(line);
}

static inline void expect_end(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}
