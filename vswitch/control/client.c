/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vswitch/guard.h>
#include <vswitch/log.h>

#include "events.h"
#include "server.h"

#define READ_SIZE       (64u << 10) // most bytes read per turn
#define EVENTS_PER_TURN 64

struct client {
	LIST_ENTRY(client) next;
	struct client_pool *pool;
	struct rpc_peer peer;
	int fd;
	sd_event_source *io;
	sd_event_source *turn; // enabled when there is work that the socket will not tell of
	// Lines in: bytes start..len of in; none of them up to scanned is a newline.
	char *in;
	size_t in_size, start, len, scanned;
	char *line_end; // of a whole line that waits, else NULL
	// The reply, or event, on its way out.
	char *out;
	size_t out_len, out_sent;
	uint64_t out_since; // last progress, CLOCK_MONOTONIC µs
	struct subscriber *sub;
	bool eof;     // nothing more will come in
	bool hung_up; // nobody reads any more
	bool closing; // close when out is sent
};

static uint64_t now_us(const struct client *client)
{
	uint64_t now = 0;

	sd_event_now(client->pool->event, CLOCK_MONOTONIC, &now);
	return now;
}

static void schedule(struct client *client)
{
	sd_event_source_set_enabled(client->turn, SD_EVENT_ONESHOT);
}

// --- out -------------------------------------------------------------------------------------

static void out_clear(struct client *client)
{
	struct client_pool *pool = client->pool;
	struct client *other;

	pool->out_bytes -= client->out_len;
	free(client->out);
	client->out = NULL;
	client->out_len = 0;
	client->out_sent = 0;
	if (!pool->starved)
		return;
	pool->starved = false;
	LIST_FOREACH (other, &pool->clients, next)
		if (other->line_end != NULL)
			schedule(other);
}

static void out_send(struct client *client)
{
	ssize_t n;

	while (client->out != NULL && !client->hung_up) {
		n = send(client->fd, client->out + client->out_sent,
			client->out_len - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			return;
		if (n < 0) {
			client->hung_up = true;
			break;
		}
		client->out_sent += n;
		client->out_since = now_us(client);
		if (client->out_sent == client->out_len)
			out_clear(client);
	}
	if (client->out != NULL && client->hung_up)
		out_clear(client);
}

// Takes over text, which may be NULL.
static void out_put(struct client *client, char *text, size_t len)
{
	if (text == NULL)
		return;
	client->out = text;
	client->out_len = len;
	client->out_sent = 0;
	client->out_since = now_us(client);
	client->pool->out_bytes += len;
	out_send(client);
}

static void refuse(struct client *client, int code, const char *reason, const char *remedy)
{
	size_t len = 0;
	char *text = rpc_refuse(code, reason, remedy, &len);

	out_put(client, text, len);
}

// Returns whether more may be waiting.
static bool send_events(struct client *client)
{
	unsigned i;
	size_t len;
	char *line;

	if (client->sub == NULL || client->hung_up)
		return false;
	for (i = 0; i < EVENTS_PER_TURN; i++) {
		if (client->out != NULL)
			return false; // the socket will tell
		line = events_next(client->sub, &len);
		if (line == NULL)
			return false;
		out_put(client, line, len);
	}
	return true;
}

static void wake(void *arg)
{
	schedule(arg);
}

static int subscribe(struct rpc_peer *peer, uint32_t events, struct vsw_error *err)
{
	struct client *client = (struct client *)((char *)peer - offsetof(struct client, peer));

	if (client->sub != NULL) {
		events_choose(client->sub, events);
		return 0;
	}
	client->sub = events_subscribe(events, wake, client);
	if (client->sub == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory for a subscription");
	return 0;
}

// --- in --------------------------------------------------------------------------------------

static size_t line_max(const struct client *client)
{
	return client->peer.access == RPC_ACCESS_CHANGE ? RPC_LINE_MAX_CONFIG
	                                                : RPC_LINE_MAX_LIMITED;
}

static void find_line(struct client *client)
{
	client->line_end = NULL;
	if (client->scanned < client->len)
		client->line_end =
			memchr(client->in + client->scanned, '\n', client->len - client->scanned);
	if (client->line_end == NULL)
		client->scanned = client->len;
}

// Makes room for one read, by moving what is left to the front and by growing.
static int make_room(struct client *client)
{
	size_t size = client->in_size;
	char *in;

	if (client->start > 0) {
		memmove(client->in, client->in + client->start, client->len - client->start);
		client->len -= client->start;
		client->scanned -= client->start;
		client->start = 0;
	}
	if (client->len < size)
		return 0;
	size = size == 0 ? 4096 : size * 2;
	in = realloc(client->in, size);
	if (in == NULL)
		return -ENOMEM;
	client->in = in;
	client->in_size = size;
	return 0;
}

static void read_more(struct client *client)
{
	size_t room;
	ssize_t n;

	if (make_room(client) < 0) {
		client->closing = true;
		return;
	}
	room = client->in_size - client->len;
	guard_enter();
	n = recv(client->fd, client->in + client->len, room < READ_SIZE ? room : READ_SIZE,
		MSG_DONTWAIT);
	guard_leave();
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client->eof = true;
		return;
	}
	client->len += n;
	find_line(client);
}

// An idle client keeps no buffer.
static void shrink(struct client *client)
{
	if (client->start < client->len)
		return;
	free(client->in);
	client->in = NULL;
	client->in_size = client->start = client->len = client->scanned = 0;
}

static bool is_blank(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

// Carries out the first of the lines that wait, if any and if it may.
static void run_line(struct client *client)
{
	size_t len, reply_len = 0;
	char *line, *reply;
	bool blank;

	while (client->line_end != NULL && client->out == NULL && !client->closing) {
		if (client->pool->out_bytes > SERVER_OUT_MAX && !client->hung_up) {
			client->pool->starved = true;
			return;
		}
		line = client->in + client->start;
		len = client->line_end - line;
		blank = is_blank(line, len);
		client->start += len + 1;
		client->scanned = client->start;
		if (!blank) {
			reply = rpc_handle(
				line, len, &client->peer, client->pool->handlers, &reply_len);
			out_put(client, reply, reply_len);
		}
		find_line(client);
		if (!blank)
			break;
	}
	shrink(client);
}

static void check_line_length(struct client *client)
{
	size_t len = client->line_end != NULL
	                     ? (size_t)(client->line_end - client->in) - client->start
	                     : client->len - client->start;

	if (client->closing || client->out != NULL || len <= line_max(client))
		return;
	client->closing = true;
	client->line_end = NULL;
	refuse(client, RPC_INVALID_REQUEST, "the line is too long",
		client->peer.access == RPC_ACCESS_CHANGE
			? "at most 1 MiB, apply-config 8 MiB"
			: "at most 64 KiB without the right to change");
}

// --- turns -----------------------------------------------------------------------------------

static bool is_finished(struct client *client)
{
	if (client->out != NULL)
		return false;
	if (client->closing)
		return true;
	if (!client->eof || client->line_end != NULL)
		return false;
	// Half-closed: a subscriber may still listen.
	return client->hung_up || client->sub == NULL;
}

static void settle(struct client *client, bool more)
{
	uint32_t mask = 0;

	if (client->eof && client->line_end == NULL && client->start < client->len &&
		client->out == NULL && !client->closing) {
		client->closing = true;
		refuse(client, RPC_PARSE_ERROR, "the last line has no end and was not carried out",
			"end each request with a newline");
	}
	if (is_finished(client)) {
		client_destroy(client);
		return;
	}
	if (client->out != NULL)
		mask |= EPOLLOUT;
	else if (client->line_end == NULL && !client->eof)
		mask |= EPOLLIN;
	sd_event_source_set_io_events(client->io, mask);
	if (more || (client->out == NULL && client->line_end != NULL && !client->pool->starved))
		schedule(client);
}

static void take_turn(struct client *client)
{
	bool more;

	check_line_length(client);
	run_line(client);
	more = send_events(client);
	settle(client, more);
}

static int on_turn(sd_event_source *, void *arg)
{
	take_turn(arg);
	return 0;
}

static int on_io(sd_event_source *, int, uint32_t revents, void *arg)
{
	struct client *client = arg;

	if (revents & (EPOLLHUP | EPOLLERR)) {
		// What came before the end is still carried out; nobody will read an answer.
		client->hung_up = true;
		out_send(client);
	}
	if (revents & EPOLLOUT)
		out_send(client);
	if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && client->out == NULL &&
		client->line_end == NULL && !client->eof)
		read_more(client);
	take_turn(client);
	return 0;
}

// --- life ------------------------------------------------------------------------------------

struct client *client_first(const struct client_pool *pool)
{
	return LIST_FIRST(&pool->clients);
}

struct client *client_next(const struct client *client)
{
	return LIST_NEXT(client, next);
}

int client_create(struct client_pool *pool, int fd, const struct rpc_peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));
	int ret;

	if (client == NULL)
		return -ENOMEM;
	client->pool = pool;
	client->fd = fd;
	client->peer = *peer;
	client->peer.subscribe = subscribe;
	ret = sd_event_add_io(pool->event, &client->io, fd, EPOLLIN, on_io, client);
	if (ret < 0)
		goto err_free;
	ret = sd_event_add_defer(pool->event, &client->turn, on_turn, client);
	if (ret < 0)
		goto err_io;
	sd_event_source_set_enabled(client->turn, SD_EVENT_OFF);
	LIST_INSERT_HEAD(&pool->clients, client, next);
	pool->n[peer->access]++;
	return 0;

err_io:
	sd_event_source_disable_unref(client->io);
err_free:
	free(client);
	return ret;
}

void client_destroy(struct client *client)
{
	events_unsubscribe(client->sub);
	client->sub = NULL;
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->turn);
	LIST_REMOVE(client, next);
	client->pool->n[client->peer.access]--;
	out_clear(client);
	guard_enter();
	close(client->fd);
	guard_leave();
	free(client->in);
	free(client);
}

bool client_is_stalled(const struct client *client, uint64_t since_us)
{
	return client->out != NULL && client->sub == NULL && client->out_since < since_us;
}
