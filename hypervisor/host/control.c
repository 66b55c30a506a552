/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_client.h"
#include "control_place.h"
#include "log.h"

#define CLIENTS          8
#define ACCEPTS_PER_TURN 4
#define IDLE_US          10000000ull // who was silent for so long makes room for another

struct control {
	struct control_place place;
	struct control_subject subject;
	struct control_client client[CLIENTS];
	int spare_fd; // given up to tell somebody that there are no descriptors left
	bool watching;
};

// Says why; the line fits into an empty socket's buffer.
static void turn_away(int fd, enum control_code code, const char *why, const char *remedy)
{
	size_t len = 0;
	char *line = control_rpc_refuse(code, why, remedy, &len);

	if (line != NULL && send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_info("control", "a client was turned away without a word");
	free(line);
}

// A free place, or that of the one who has been silent longest.
static struct control_client *find_place(struct control *c)
{
	struct control_client *oldest = NULL;

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct control_client *client = &c->client[i];

		if (client->fd < 0)
			return client;
		if (oldest == NULL || client->active_us < oldest->active_us)
			oldest = client;
	}
	if (control_now_us() - oldest->active_us < IDLE_US)
		return NULL;
	control_client_close(oldest);
	return oldest;
}

static void admit(struct control *c, int fd)
{
	struct control_client *client;
	uid_t uid = -1;
	char why[64];

	if (!control_place_admits(&c->place, fd, &uid)) {
		snprintf(why, sizeof(why), "user %u may not control this machine", (unsigned)uid);
		turn_away(fd, CONTROL_PERMISSION, why, "be root, or the user that it runs as");
		close(fd);
		return;
	}
	client = find_place(c);
	if (client != NULL && control_client_open(client, &c->subject, fd) == 0)
		return;
	turn_away(fd, CONTROL_LIMIT, "too many clients at once", "close one and try again");
	close(fd);
}

// Otherwise the main loop would be told of it again and again. The connection's descriptor is the
// next spare one.
static void refuse_without_fds(struct control *c)
{
	int fd;

	if (c->spare_fd >= 0)
		close(c->spare_fd);
	fd = accept4(c->place.listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	c->spare_fd = fd;
	if (fd < 0)
		return;
	turn_away(fd, CONTROL_LIMIT, "hvhost has no file descriptors left",
		"raise the limit, or take a NIC out");
	shutdown(fd, SHUT_RDWR);
}

static void on_listen(void *arg, uint32_t)
{
	struct control *c = arg;
	int fd;

	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		fd = accept4(c->place.listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			refuse_without_fds(c);
		if (fd < 0)
			return;
		admit(c, fd);
	}
}

struct control *control_create(const struct options *opt, char why[PARTITION_WHY_SIZE])
{
	struct control *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL)
		return NULL;
	for (unsigned i = 0; i < CLIENTS; i++)
		c->client[i].fd = -1;
	c->subject.stop_seconds = opt->stop_seconds;
	ret = control_place_open(&c->place, opt, why);
	if (ret < 0) {
		free(c);
		errno = -ret;
		return NULL;
	}
	c->spare_fd = dup(c->place.dir);
	return c;
}

int control_start(struct control *c, struct partition *p, struct console *console)
{
	int ret;

	c->subject.partition = p;
	c->subject.console = console;
	ret = partition_watch(p, c->place.listen, EPOLLIN, on_listen, c);
	c->watching = ret == 0;
	return ret;
}

void control_destroy(struct control *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS; i++)
		control_client_close(&c->client[i]);
	if (c->watching)
		partition_unwatch(c->subject.partition, c->place.listen);
	control_place_close(&c->place);
	if (c->spare_fd >= 0)
		close(c->spare_fd);
	free(c);
}
