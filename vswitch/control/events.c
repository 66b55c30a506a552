/* SPDX-License-Identifier: BSD-3-Clause */
#include "events.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "methods.h"

// One text for all its readers.
struct event_line {
	unsigned refs;
	size_t len;
	char text[];
};

struct subscriber {
	LIST_ENTRY(subscriber) next;
	uint32_t mask;
	void (*wake)(void *arg);
	void *arg;
	struct event_line *queue[EVENTS_QUEUE_MAX];
	unsigned head, n;
	size_t bytes;
	uint64_t lost; // since the last overflow event
};

static LIST_HEAD(, subscriber) subscribers = LIST_HEAD_INITIALIZER(subscribers);
static uint64_t last_seq;

uint64_t events_seq(void)
{
	return last_seq;
}

// "2026-01-02T03:04:05.678Z"
static void timestamp(char text[32])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, 32 - n, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

// fields: taken over, may be NULL. NULL when out of memory or when fields cannot be written.
static char *event_text(const char *event, uint64_t seq, json_t *fields)
{
	char time[32], *text;
	json_t *params;

	timestamp(time);
	params = json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)seq, "time", time, "event", event);
	if (fields != NULL)
		json_object_update_missing(params, fields);
	json_decref(fields);
	params =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event", "params", params);
	text = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL;
	json_decref(params);
	return text;
}

static struct event_line *line_create(const char *event, json_t *fields)
{
	char *text = event_text(event, last_seq, fields);
	size_t len = text != NULL ? strlen(text) : 0;
	struct event_line *line = text != NULL ? malloc(sizeof(*line) + len + 2) : NULL;

	if (line != NULL) {
		line->refs = 1;
		line->len = len + 1;
		memcpy(line->text, text, len);
		memcpy(line->text + len, "\n", 2);
	}
	free(text);
	return line;
}

static void line_put(struct event_line *line)
{
	if (line != NULL && --line->refs == 0)
		free(line);
}

static struct event_line *queue_take(struct subscriber *sub)
{
	struct event_line *line = sub->queue[sub->head];

	sub->head = (sub->head + 1) % EVENTS_QUEUE_MAX;
	sub->n--;
	sub->bytes -= line->len;
	return line;
}

static void queue_add(struct subscriber *sub, struct event_line *line)
{
	while (sub->n == EVENTS_QUEUE_MAX ||
		(sub->n > 0 && sub->bytes + line->len > EVENTS_QUEUE_BYTES)) {
		line_put(queue_take(sub));
		sub->lost++;
	}
	line->refs++;
	sub->queue[(sub->head + sub->n++) % EVENTS_QUEUE_MAX] = line;
	sub->bytes += line->len;
}

void events_publish(const char *event, json_t *fields)
{
	int index = rpc_event_index(event);
	struct event_line *line = NULL;
	struct subscriber *sub;
	bool was_empty, tried = false;

	last_seq++;
	LIST_FOREACH (sub, &subscribers, next) {
		if (index < 0 || (sub->mask >> index & 1) == 0)
			continue;
		if (!tried) {
			line = line_create(event, fields);
			fields = NULL;
			tried = true;
		}
		was_empty = sub->n == 0 && sub->lost == 0;
		if (line != NULL)
			queue_add(sub, line);
		else
			sub->lost++;
		if (was_empty)
			sub->wake(sub->arg);
	}
	line_put(line);
	json_decref(fields);
}

struct subscriber *events_subscribe(uint32_t mask, void (*wake)(void *arg), void *arg)
{
	struct subscriber *sub = calloc(1, sizeof(*sub));

	if (sub == NULL)
		return NULL;
	sub->mask = mask;
	sub->wake = wake;
	sub->arg = arg;
	LIST_INSERT_HEAD(&subscribers, sub, next);
	return sub;
}

void events_choose(struct subscriber *sub, uint32_t mask)
{
	sub->mask = mask;
}

void events_unsubscribe(struct subscriber *sub)
{
	if (sub == NULL)
		return;
	while (sub->n > 0)
		line_put(queue_take(sub));
	LIST_REMOVE(sub, next);
	free(sub);
}

static char *overflow_line(struct subscriber *sub, size_t *len)
{
	char *line = NULL, *text;
	int n;

	text = event_text("overflow", last_seq, json_pack("{s:I}", "lost", (json_int_t)sub->lost));
	if (text == NULL)
		return NULL;
	n = asprintf(&line, "%s\n", text);
	free(text);
	if (n < 0)
		return NULL;
	sub->lost = 0;
	*len = n;
	return line;
}

char *events_next(struct subscriber *sub, size_t *len)
{
	struct event_line *line;
	char *copy;

	if (sub->lost > 0)
		return overflow_line(sub, len);
	if (sub->n == 0)
		return NULL;
	line = queue_take(sub);
	copy = malloc(line->len + 1);
	if (copy != NULL) {
		memcpy(copy, line->text, line->len + 1);
		*len = line->len;
	} else {
		sub->lost++;
	}
	line_put(line);
	return copy;
}
