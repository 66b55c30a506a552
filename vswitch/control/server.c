/* SPDX-License-Identifier: BSD-3-Clause */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vswitch/guard.h>
#include <vswitch/listener.h>
#include <vswitch/log.h>

#include "client.h"
#include "peer.h"

#define ACCEPTS_PER_TURN 16
#define GROUPS_VALID_US  10000000ull

struct server {
	struct client_pool pool;
	struct peer_groups groups;
	uint64_t groups_at;
	uint64_t stall_us;
	struct listener listener;
	char lock_path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
	int lock_fd;
	sd_event_source *listen, *sweep;
};

// --- clients come and go ---------------------------------------------------------------------

// Says why and closes; the line fits into an empty socket buffer.
static void turn_away(int fd, int code, const char *reason, const char *remedy)
{
	size_t len = 0;
	char *line = rpc_refuse(code, reason, remedy, &len);

	if (line != NULL && send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control", "client turned away without a word");
	free(line);
	guard_enter();
	close(fd);
	guard_leave();
}

static bool is_full(const struct server *server, enum rpc_access access)
{
	static const unsigned most[] = {SERVER_MAX_NONE, SERVER_MAX_READ, SERVER_MAX_CHANGE};
	unsigned n = 0, i;

	for (i = 0; i <= (unsigned)access; i++)
		n += server->pool.n[i];
	return n >= most[access];
}

static void admit(struct server *server, int fd)
{
	struct rpc_peer peer = {};
	uint64_t now = 0;
	int ret;

	sd_event_now(server->pool.event, CLOCK_MONOTONIC, &now);
	if (now - server->groups_at > GROUPS_VALID_US) {
		peer_groups_refresh(&server->groups);
		server->groups_at = now;
	}
	ret = peer_identify(fd, &server->groups, &peer);
	if (ret < 0) {
		log_warn("control", "client refused: %s", strerror(-ret));
		close(fd);
		return;
	}
	if (is_full(server, peer.access)) {
		turn_away(fd, VSW_E_LIMIT, "too many clients at once", "close one and try again");
		return;
	}
	ret = client_create(&server->pool, fd, &peer);
	if (ret < 0)
		turn_away(fd, VSW_E_LIMIT, strerror(-ret), "try again");
	else
		sd_event_source_set_enabled(server->sweep, SD_EVENT_ONESHOT);
}

static void refuse_without_fds(int fd)
{
	turn_away(fd, VSW_E_LIMIT, "the daemon has no file descriptors left",
		"close a client and try again");
}

static int on_listen(sd_event_source *, int, uint32_t, void *arg)
{
	struct server *server = arg;
	unsigned i;
	int fd;

	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			listener_turn_away(&server->listener, refuse_without_fds);
		if (fd < 0)
			break;
		admit(server, fd);
	}
	return 0;
}

// Closes clients that do not read their replies. Runs while there are clients.
static int on_sweep(sd_event_source *source, uint64_t now, void *arg)
{
	struct client *client, *next;
	struct server *server = arg;

	for (client = client_first(&server->pool); client != NULL; client = next) {
		next = client_next(client);
		if (now > server->stall_us && client_is_stalled(client, now - server->stall_us))
			client_destroy(client);
	}
	sd_event_source_set_time(source, now + server->stall_us / 2);
	sd_event_source_set_enabled(
		source, client_first(&server->pool) != NULL ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	return 0;
}

unsigned server_clients(const struct server *server)
{
	unsigned n = 0, i;

	for (i = 0; i <= RPC_ACCESS_CHANGE; i++)
		n += server->pool.n[i];
	return n;
}

// --- the socket's place ----------------------------------------------------------------------

static int somebody_else(const struct server *server, pid_t pid, struct vsw_error *err)
{
	char who[32] = "";

	if (pid > 0)
		snprintf(who, sizeof(who), " (process %d)", (int)pid);
	return vsw_fail(err, VSW_E_BUSY, "stop it, or give this one its own --run-dir or --socket",
		"another vswitchd serves on '%s'%s", server->listener.addr.sun_path, who);
}

static pid_t lock_holder(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return atoi(text);
}

// A lock tells a live daemon from a dead one without a race between two that start. The file
// may be deleted by its last holder between our open and our lock: then again.
static int take_lock(struct server *server, struct vsw_error *err)
{
	struct stat mine, there;
	char pid[16];
	int fd, n;

	for (;;) {
		fd = open(server->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return vsw_fail(err, VSW_E_DEVICE,
				"check the directory and its permissions, or give --run-dir",
				"cannot create '%s': %s", server->lock_path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			n = somebody_else(server, lock_holder(fd), err);
			close(fd);
			return n;
		}
		if (fstat(fd, &mine) == 0 && stat(server->lock_path, &there) == 0 &&
			mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
			break;
		close(fd);
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, n, 0) != n)
		log_warn("control", "cannot write '%s': %s", server->lock_path, strerror(errno));
	server->lock_fd = fd;
	return 0;
}

static int set_path(struct server *server, const char *path, struct vsw_error *err)
{
	if (strlen(path) >= sizeof(server->listener.addr.sun_path))
		return vsw_fail(err, VSW_E_INVALID, "give a shorter --socket or --run-dir",
			"the socket's path is longer than %zu characters: %.120s…",
			sizeof(server->listener.addr.sun_path) - 1, path);
	server->listener.addr.sun_family = AF_UNIX;
	snprintf(
		server->listener.addr.sun_path, sizeof(server->listener.addr.sun_path), "%s", path);
	snprintf(server->lock_path, sizeof(server->lock_path), "%s.lock", path);
	return 0;
}

// Clients and ports need more than the 1 024 that a process gets by default.
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("control", "cannot raise the limit of open files: %s", strerror(errno));
}

// --- life ------------------------------------------------------------------------------------

static int add_sources(struct server *server)
{
	sd_event *event = server->pool.event;
	int ret = sd_event_add_io(
		event, &server->listen, server->listener.fd, EPOLLIN, on_listen, server);

	if (ret < 0)
		return ret;
	ret = sd_event_add_time_relative(event, &server->sweep, CLOCK_MONOTONIC,
		server->stall_us / 2, server->stall_us / 4, on_sweep, server);
	if (ret < 0)
		return ret;
	return sd_event_source_set_enabled(server->sweep, SD_EVENT_OFF);
}

static struct server *server_create(sd_event *event, const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->pool.event = sd_event_ref(event);
	server->pool.handlers = options->handlers;
	LIST_INIT(&server->pool.clients);
	server->groups.change =
		options->change_group != NULL ? options->change_group : SERVER_GROUP_CHANGE;
	server->groups.read = options->read_group != NULL ? options->read_group : SERVER_GROUP_READ;
	peer_groups_refresh(&server->groups);
	server->stall_us = 1000ull * (options->stall_ms != 0 ? options->stall_ms : SERVER_STALL_MS);
	server->listener = (struct listener){
		.type = SOCK_STREAM,
		.option = "--socket",
		.rival = "vswitchd",
		.fd = -1,
		.spare_fd = -1,
	};
	server->lock_fd = -1;
	return server;
}

int server_start(struct server **out, sd_event *event, const struct server_options *options,
	struct vsw_error *err)
{
	struct server *server = server_create(event, options);
	int ret;

	if (server == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	raise_fd_limit();
	ret = set_path(server, options->socket_path, err);
	if (ret == 0)
		ret = take_lock(server, err);
	if (ret == 0)
		ret = listener_open(&server->listener, err);
	if (ret < 0)
		goto err_stop;
	ret = add_sources(server);
	if (ret < 0) {
		ret = vsw_fail(err, VSW_E_DEVICE, NULL, "event loop: %s", strerror(-ret));
		goto err_stop;
	}
	log_info("control", "listening path=%s", server->listener.addr.sun_path);
	*out = server;
	return 0;

err_stop:
	server_stop(server);
	return ret;
}

void server_stop(struct server *server)
{
	struct client *client;

	if (server == NULL)
		return;
	while ((client = client_first(&server->pool)) != NULL)
		client_destroy(client);
	sd_event_source_disable_unref(server->listen);
	sd_event_source_disable_unref(server->sweep);
	listener_close(&server->listener);
	if (server->lock_fd >= 0) {
		unlink(server->lock_path);
		close(server->lock_fd);
	}
	sd_event_unref(server->pool.event);
	free(server);
}
