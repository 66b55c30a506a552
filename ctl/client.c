/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connect.h"
#include "text.h"

#define REQUEST_ID 1
#define CHUNK      (64 << 10)
// A million MAC addresses come as about 100 MB. Past this the peer is not our daemon.
#define LINE_MAX_BYTES (1ul << 30)

struct client {
	const struct options *options;
	int fd;
	char *buf;
	size_t len, room;
	size_t scanned;  // no newline before this
	size_t consumed; // the line handed out last, to be dropped
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct client *client_open(const struct options *options, struct failure *failure)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		failure_set(failure, NULL, "out of memory");
		return NULL;
	}
	client->options = options;
	client->fd = connect_daemon(options, failure);
	if (client->fd < 0) {
		free(client);
		return NULL;
	}
	return client;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->buf);
	free(client);
}

// Waits for the socket. 1 ready, 0 time is up, -1 interrupted by a signal that ends us.
// start < 0: for ever.
static int wait_for(struct client *client, short events, double start)
{
	struct pollfd pfd = {.fd = client->fd, .events = events};
	bool shown = false, terminal = isatty(STDERR_FILENO);
	int ready = 0;

	do {
		double waited = start < 0 ? 0 : now() - start;
		double left = client->options->timeout_s - waited;
		int ms = 1000 - (int)(waited * 1000) % 1000;

		if (start < 0 || (!client->options->timeout_s && !terminal)) {
			ms = -1;
		} else if (client->options->timeout_s) {
			if (left <= 0)
				break;
			if (left * 1000 < ms || !terminal)
				ms = (int)(left * 1000) + 1;
		}
		ready = poll(&pfd, 1, ms);
		if (ready == 0 && terminal && start >= 0) {
			fprintf(stderr, "\rwaiting for the daemon%s (%.0f s)",
				text_is_utf8() ? "\u2026" : "...", now() - start);
			shown = true;
		}
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	if (shown)
		fputs("\r\033[K", stderr);
	return ready;
}

static int fail_timeout(const struct client *client, struct failure *failure)
{
	return failure_set(failure, "vswitchctl --timeout 300 COMMAND, or: journalctl -u vswitchd",
		"the daemon did not answer within %u s; a change may still be carried out",
		client->options->timeout_s);
}

static int send_all(
	struct client *client, const char *data, size_t len, double start, struct failure *failure)
{
	while (len > 0) {
		ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(client, POLLOUT, start) == 0)
				return fail_timeout(client, failure);
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0; // a daemon that refuses a request early has said why
		} else if (errno != EINTR) {
			return failure_set(
				failure, NULL, "cannot write to the daemon: %s", strerror(errno));
		}
	}
	return 0;
}

static int fail_eof(const struct client *client, bool half, struct failure *failure)
{
	return failure_set(failure, "vswitchctl show, or: journalctl -u vswitchd -e",
		half ? "the daemon went away in the middle of its reply"
		     : "the daemon went away without a reply");
}

static int read_more(struct client *client, double start, struct failure *failure)
{
	ssize_t n;

	if (client->room - client->len < CHUNK) {
		size_t room = client->room ? client->room * 2 : 2 * CHUNK;
		char *buf = room <= LINE_MAX_BYTES ? realloc(client->buf, room) : NULL;

		if (!buf)
			return failure_set(failure, NULL,
				"the daemon's reply is too long (%zu MiB)", client->len >> 20);
		client->buf = buf;
		client->room = room;
	}
	if (wait_for(client, POLLIN, start) == 0)
		return fail_timeout(client, failure);
	n = recv(client->fd, client->buf + client->len, client->room - client->len, 0);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return fail_eof(client, client->len > 0, failure);
	if (n < 0)
		return failure_set(
			failure, NULL, "cannot read from the daemon: %s", strerror(errno));
	client->len += (size_t)n;
	return 0;
}

// The next line as an object; NULL: failure.
static json_t *next_object(struct client *client, double start, struct failure *failure)
{
	json_error_t error;
	json_t *object;
	char *end;

	if (client->consumed) {
		client->len -= client->consumed;
		memmove(client->buf, client->buf + client->consumed, client->len);
		client->consumed = client->scanned = 0;
	}
	while (!(end = client->len > client->scanned ? memchr(client->buf + client->scanned, '\n',
							       client->len - client->scanned)
	                                             : NULL)) {
		client->scanned = client->len;
		if (read_more(client, start, failure) < 0)
			return NULL;
	}
	client->consumed = (size_t)(end - client->buf) + 1;
	object = json_loadb(client->buf, client->consumed - 1, 0, &error);
	if (!json_is_object(object)) {
		json_decref(object);
		failure_set(failure, "vswitchctl version, and check what --socket names",
			"%s does not speak vswitchd's protocol: its reply is not a JSON object",
			client->options->socket);
		return NULL;
	}
	return object;
}

json_t *client_call(
	struct client *client, const char *method, json_t *params, struct failure *failure)
{
	json_t *request, *reply = NULL, *result;
	double start = now();
	char *text;
	int rc;

	request = json_pack("{s:s, s:i, s:s, s:o*}", "jsonrpc", "2.0", "id", REQUEST_ID, "method",
		method, "params", params);
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!text) {
		failure_set(failure, NULL, "a parameter is not valid UTF-8");
		return NULL;
	}
	rc = send_all(client, text, strlen(text), start, failure);
	if (rc == 0)
		rc = send_all(client, "\n", 1, start, failure);
	free(text);
	if (rc < 0)
		return NULL;
	// Events that come first belong to an older subscription: none of our business.
	do {
		json_decref(reply);
		reply = next_object(client, start, failure);
		if (!reply)
			return NULL;
	} while (json_object_get(reply, "method"));
	result = json_object_get(reply, "result");
	if (json_is_object(result)) {
		json_incref(result);
	} else {
		const json_t *error = json_object_get(reply, "error");

		if (json_is_object(error))
			failure_from_reply(failure, error);
		else
			failure_set(failure, "vswitchctl version",
				"the daemon's reply has neither a result nor an error");
		result = NULL;
	}
	json_decref(reply);
	return result;
}

json_t *client_event(struct client *client, struct failure *failure)
{
	for (;;) {
		json_t *object = next_object(client, -1, failure), *params;

		if (!object)
			return NULL;
		params = json_object_get(object, "params");
		if (json_is_object(params)) {
			json_incref(params);
			json_decref(object);
			return params;
		}
		json_decref(object);
	}
}

json_t *client_ask(
	const struct options *options, const char *method, json_t *params, struct failure *failure)
{
	struct client *client = client_open(options, failure);
	json_t *result, *clean;

	if (!client) {
		json_decref(params);
		return NULL;
	}
	result = client_call(client, method, params, failure);
	client_close(client);
	if (!result || options->json)
		return result;
	clean = text_clean_json(result);
	json_decref(result);
	return clean;
}
