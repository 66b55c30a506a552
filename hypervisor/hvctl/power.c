/* SPDX-License-Identifier: BSD-3-Clause */
// stop and reset
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "text.h"

#define GRACE_S 10 // for hvhost to end once the power is cut

static long now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

// hvhost is gone when its end of the connection is. It may close it before, for others' sake: then
// there is somebody at the socket still.
static bool is_gone(struct machine *m, const char *path)
{
	char byte;
	ssize_t n = recv(m->fd, &byte, 1, MSG_DONTWAIT);
	int fd;

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return false;
	fd = machine_connect(path);
	if (fd < 0 && fd != -EAGAIN)
		return true;
	if (fd >= 0 && machine_pid(fd) != m->pid) {
		close(fd);
		return true; // somebody has started it again
	}
	if (fd < 0)
		poll(NULL, 0, 100);
	else
		dup2(fd, m->fd);
	if (fd >= 0)
		close(fd);
	return false;
}

// 0: for ever.
static bool wait_until_gone(struct machine *m, const char *path, long seconds)
{
	long end = now_s() + seconds;

	while (!is_gone(m, path)) {
		struct pollfd pfd = {.fd = m->fd, .events = POLLIN};

		if (seconds > 0 && now_s() >= end)
			return false;
		poll(&pfd, 1, 1000);
	}
	return true;
}

static int await_end(struct machine *m, const char *path, long timeout)
{
	char remedy[96];
	long start = now_s();

	if (isatty(STDERR_FILENO) && timeout >= 0)
		fprintf(stderr, "waiting for '%s' to shut down%s\n", m->name,
			timeout > 0 ? "" : "; Ctrl-C stops waiting");
	if (wait_until_gone(m, path, timeout < 0 ? GRACE_S : timeout > 0 ? timeout + GRACE_S : 0)) {
		if (timeout > 0 && now_s() - start >= timeout)
			printf("machine '%s' did not shut down within %ld s: its power was cut\n",
				m->name, timeout);
		else
			printf("machine '%s' is off\n", m->name);
		return HVCTL_DONE;
	}
	snprintf(remedy, sizeof(remedy), "kill -9 %d", m->pid);
	return fail(m->pid > 0 ? remedy : NULL, "machine '%s' has not ended", m->name);
}

static void find_path(struct machine *m, char *path, size_t size)
{
	struct sockaddr_un addr = {};
	socklen_t len = sizeof(addr) - 1;

	getpeername(m->fd, (struct sockaddr *)&addr, &len);
	snprintf(path, size, "%s", addr.sun_path);
}

int cmd_stop(const struct args *args)
{
	json_t *params =
		args->timeout >= 0 ? json_pack("{s:i}", "timeout", (int)args->timeout) : NULL;
	struct machine m;
	json_t *result;
	char path[128];
	long timeout;
	int ret = machine_open(&m, args);

	if (ret != 0) {
		json_decref(params);
		return ret;
	}
	find_path(&m, path, sizeof(path));
	result = args->now ? machine_call(&m, "kill", NULL) : machine_call(&m, "stop", params);
	timeout = args->now ? -1 : (long)number_of(result, "timeout");
	ret = result != NULL ? await_end(&m, path, timeout) : m.failure;
	json_decref(result);
	machine_close(&m);
	return ret;
}

int cmd_reset(const struct args *args)
{
	struct machine m;
	int ret = machine_open(&m, args);
	json_t *result;

	if (ret != 0)
		return ret;
	result = machine_call(&m, "reset", NULL);
	machine_close(&m);
	if (result == NULL)
		return HVCTL_FAILED;
	printf("machine '%s' starts anew\n", args->name);
	json_decref(result);
	return HVCTL_DONE;
}
