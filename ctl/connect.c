/* SPDX-License-Identifier: BSD-3-Clause */
#include "connect.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void start_command(const struct options *options, char *buf, size_t size)
{
	const char *sudo = geteuid() == 0 ? "" : "sudo ";

	if (strcmp(options->socket, CTL_SOCKET_DEFAULT) != 0)
		snprintf(buf, size, "%svswitchd --socket %s", sudo, options->socket);
	else if (access("/run/systemd/system", F_OK) == 0)
		snprintf(buf, size, "%ssystemctl start vswitchd", sudo);
	else
		snprintf(buf, size, "%svswitchd", sudo);
}

static int fail_missing(const struct options *options, struct failure *failure)
{
	char start[256], *dir = strdup(options->socket);
	bool no_dir = dir && access(dirname(dir), F_OK) < 0;

	free(dir);
	start_command(options, start, sizeof(start));
	if (no_dir && strcmp(options->socket, CTL_SOCKET_DEFAULT) != 0)
		return failure_set(failure,
			"vswitchctl --socket PATH, with the path vswitchd was given",
			"no daemon at %s: the folder does not exist", options->socket);
	return failure_set(
		failure, start, "vswitchd is not running: there is no %s", options->socket);
}

static int fail_refused(const struct options *options, struct failure *failure)
{
	struct stat st;
	char start[256];

	if (stat(options->socket, &st) == 0 && !S_ISSOCK(st.st_mode))
		return failure_set(failure,
			"vswitchctl --socket PATH, with the path vswitchd was given",
			"%s is not a socket", options->socket);
	start_command(options, start, sizeof(start));
	return failure_set(failure, start,
		"vswitchd is not running: %s is left over from one that died", options->socket);
}

static int fail_permission(const struct options *options, struct failure *failure)
{
	return failure_set(failure, "sudo usermod -aG vswitch \"$USER\", then log in again",
		"no permission to use %s: changing takes root or the group vswitch, looking the "
		"group "
		"vswitch-ro",
		options->socket);
}

static int fail_connect(const struct options *options, int error, struct failure *failure)
{
	switch (error) {
	case ENOENT: return fail_missing(options, failure);
	case ECONNREFUSED: return fail_refused(options, failure);
	case EACCES:
	case EPERM: return fail_permission(options, failure);
	case EAGAIN:
		return failure_set(failure, "journalctl -u vswitchd -e",
			"vswitchd does not take connections at %s (waited %u s)", options->socket,
			options->timeout_s);
	default:
		return failure_set(failure,
			"vswitchctl --socket PATH, with the path vswitchd was given",
			"cannot connect to %s: %s", options->socket, strerror(error));
	}
}

int connect_daemon(const struct options *options, struct failure *failure)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = options->timeout_s};
	int fd, error;

	if (strlen(options->socket) >= sizeof(addr.sun_path))
		return failure_set(failure, "vswitchctl --socket PATH, with a shorter path",
			"the socket's path is longer than the %zu bytes a socket can have",
			sizeof(addr.sun_path) - 1);
	if (!*options->socket)
		return failure_set(failure, "vswitchctl --socket " CTL_SOCKET_DEFAULT " COMMAND",
			"the socket's path is empty");
	strcpy(addr.sun_path, options->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failure_set(failure, NULL, "cannot make a socket: %s", strerror(errno));
	// Bounds connect() where the daemon's backlog is full; a zero means for ever.
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	error = errno;
	close(fd);
	return fail_connect(options, error, failure);
}
