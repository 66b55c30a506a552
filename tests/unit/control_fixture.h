/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost's control socket before a partition that only notes what it is told, and clients for it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <hypervisor/host/control.h>
#include <hypervisor/host/control_rpc.h>

#include "fake_partition.h"

#define REQ(method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}\n"
#define SHOW REQ("show", "{}")

struct fixture {
	char dir[64], path[96];
	struct options opt;
	struct partition partition;
	struct console *console;
	struct control *control;
	char typed[256];
	size_t n_typed;
};

static inline size_t serial_input(void *arg, const uint8_t *data, size_t len)
{
	struct fixture *fix = arg;

	assert_true(fix->n_typed + len < sizeof(fix->typed));
	memcpy(fix->typed + fix->n_typed, data, len);
	fix->n_typed += len;
	return len;
}

static inline int setup(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));
	char why[PARTITION_WHY_SIZE] = "";

	signal(SIGPIPE, SIG_IGN);
	snprintf(fix->dir, sizeof(fix->dir), "/tmp/vsw-control-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	snprintf(fix->path, sizeof(fix->path), "%s/m1.sock", fix->dir);
	fix->opt = (struct options){.name = "m1", .run_dir = fix->dir, .stop_seconds = 30};
	fake_partition_init(&fix->partition, "m1");
	fix->control = control_create(&fix->opt, why);
	if (fix->control == NULL)
		fail_msg("%s", why);
	fix->console = console_create(&fix->opt, why);
	assert_non_null(fix->console);
	assert_int_equal(console_start(fix->console, &fix->partition, serial_input, fix), 0);
	assert_int_equal(control_start(fix->control, &fix->partition, fix->console), 0);
	*state = fix;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fix = *state;

	control_destroy(fix->control);
	console_destroy(fix->console);
	assert_int_equal(fake_partition_watches(&fix->partition), 0);
	fake_partition_close(&fix->partition);
	assert_int_equal(rmdir(fix->dir), 0); // nothing is left behind
	free(fix);
	return 0;
}

// --- a client --------------------------------------------------------------------------------

static inline int try_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static inline int dial(struct fixture *fix)
{
	int fd = try_connect(fix->path);

	assert_true(fd >= 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// The next line; NULL: the connection has ended.
static inline char *hear(struct fixture *fix, int fd)
{
	static char line[65536];
	size_t n = 0;
	ssize_t ret;

	while (n < sizeof(line) - 1) {
		ret = read(fd, line + n, 1);
		if (ret == 0 || (ret < 0 && errno != EAGAIN))
			return NULL;
		if (ret < 0) {
			if (!fake_partition_run(&fix->partition, 100))
				fail_msg("silence after '%.*s'", (int)n, line);
			continue;
		}
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	return line;
}

static inline void expect(struct fixture *fix, int fd, const char *words)
{
	char *line = hear(fix, fd);

	if (line == NULL)
		fail_msg("the connection ended where '%s' was expected", words);
	if (strstr(line, words) == NULL)
		fail_msg("'%s' where '%s' was expected", line, words);
}

static inline void expect_end(struct fixture *fix, int fd)
{
	char *line = hear(fix, fd);

	if (line != NULL)
		fail_msg("'%s' where the end was expected", line);
	close(fd);
}

static inline void ask(struct fixture *fix, const char *request, const char *words)
{
	int fd = dial(fix);

	say(fd, request);
	expect(fix, fd, words);
	close(fd);
}
