/* SPDX-License-Identifier: BSD-3-Clause */
// While a reply is on its way nothing is read, and after each request other clients have their
// turn: the socket says at once that it can be written.
#include "control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t control_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

void control_client_close(struct control_client *client)
{
	if (client->fd < 0)
		return;
	partition_unwatch(client->subject->partition, client->fd);
	close(client->fd);
	free(client->out);
	client->out = NULL;
	client->fd = -1;
}

// --- out -------------------------------------------------------------------------------------

static void send_out(struct control_client *client)
{
	ssize_t n;

	while (client->out != NULL) {
		n = send(client->fd, client->out + client->out_sent,
			client->out_len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			return;
		client->out_sent += n < 0 ? 0 : n;
		client->active_us = control_now_us();
		if (n < 0)
			client->closing = true;
		if (n < 0 || client->out_sent == client->out_len) {
			free(client->out);
			client->out = NULL;
		}
	}
}

// Takes the line over; NULL: there is none.
static void put_out(struct control_client *client, char *line, size_t len)
{
	client->out = line;
	client->out_len = len;
	client->out_sent = 0;
	send_out(client);
}

static void refuse(
	struct control_client *client, enum control_code code, const char *why, const char *remedy)
{
	size_t len = 0;
	char *line = control_rpc_refuse(code, why, remedy, &len);

	client->closing = true;
	put_out(client, line, len);
}

// --- in --------------------------------------------------------------------------------------

static void read_more(struct control_client *client)
{
	ssize_t n = recv(client->fd, client->in + client->in_len,
		sizeof(client->in) - client->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client->eof = true;
		return;
	}
	client->in_len += n;
	client->active_us = control_now_us();
}

static bool is_blank(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	return len == 0;
}

static void run_line(struct control_client *client, size_t len)
{
	struct control_call call = {};
	size_t reply_len = 0;
	char *reply = NULL;

	if (!is_blank(client->in, len))
		reply = control_rpc(client->subject, client->in, len, &call, &reply_len);
	client->in_len -= len + 1;
	memmove(client->in, client->in + len + 1, client->in_len);
	client->to_console = call.is_console;
	client->skip_kept = call.skip_kept;
	client->leave = call.leave;
	put_out(client, reply, reply_len);
}

// Carries out a line if there is one.
static void take_line(struct control_client *client)
{
	const char *end = memchr(client->in, '\n', client->in_len);

	if (end != NULL && (size_t)(end - client->in) <= CONTROL_LINE_MAX)
		run_line(client, end - client->in);
	else if (client->in_len > CONTROL_LINE_MAX)
		refuse(client, CONTROL_INVALID_REQUEST, "the line is too long", "at most 16 KiB");
	else if (client->eof && client->in_len > 0)
		refuse(client, CONTROL_PARSE_ERROR,
			"the last line has no end and was not carried out",
			"end each request with a newline");
}

// --- turns -----------------------------------------------------------------------------------

// The connection becomes the console's, what was typed already included.
static void hand_over(struct control_client *client)
{
	const struct console_viewer viewer = {
		.sock = client->fd,
		.skip_kept = client->skip_kept,
		.leave = client->leave,
		.said = client->in,
		.n_said = client->leave ? 0 : client->in_len,
	};

	partition_unwatch(client->subject->partition, client->fd);
	if (console_add_viewer(client->subject->console, &viewer) < 0)
		close(client->fd);
	client->fd = -1;
}

static bool has_line(const struct control_client *client)
{
	return memchr(client->in, '\n', client->in_len) != NULL ||
	       client->in_len > CONTROL_LINE_MAX || (client->eof && client->in_len > 0);
}

static void settle(struct control_client *client)
{
	bool more = client->out != NULL || has_line(client);

	if (client->out == NULL && (client->closing || (client->eof && !more)))
		control_client_close(client);
	else
		partition_rewatch(
			client->subject->partition, client->fd, more ? EPOLLOUT : EPOLLIN);
}

static void on_ready(void *arg, uint32_t)
{
	struct control_client *client = arg;

	send_out(client);
	if (client->out == NULL && !client->closing && !client->to_console) {
		if (!has_line(client))
			read_more(client);
		take_line(client);
	}
	if (client->out == NULL && client->to_console && !client->closing)
		hand_over(client);
	else
		settle(client);
}

int control_client_open(
	struct control_client *client, const struct control_subject *subject, int fd)
{
	int ret;

	client->subject = subject;
	client->active_us = control_now_us();
	client->eof = client->closing = client->to_console = false;
	client->out = NULL;
	client->in_len = 0;
	ret = partition_watch(subject->partition, fd, EPOLLIN, on_ready, client);
	client->fd = ret < 0 ? -1 : fd;
	return ret;
}
