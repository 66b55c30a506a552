/* SPDX-License-Identifier: BSD-3-Clause */
#include "console_ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void console_ring_init(struct console_ring *ring)
{
	pthread_mutex_init(&ring->lock, NULL);
	ring->head = 0;
}

void console_ring_put(struct console_ring *ring, const uint8_t *data, size_t len)
{
	size_t at, n;

	pthread_mutex_lock(&ring->lock);
	if (len > CONSOLE_KEPT) {
		ring->head += len - CONSOLE_KEPT;
		data += len - CONSOLE_KEPT;
		len = CONSOLE_KEPT;
	}
	at = ring->head % CONSOLE_KEPT;
	n = len < CONSOLE_KEPT - at ? len : CONSOLE_KEPT - at;
	memcpy(ring->data + at, data, n);
	memcpy(ring->data, data + n, len - n);
	ring->head += len;
	pthread_mutex_unlock(&ring->lock);
}

uint64_t console_ring_head(struct console_ring *ring)
{
	uint64_t head;

	pthread_mutex_lock(&ring->lock);
	head = ring->head;
	pthread_mutex_unlock(&ring->lock);
	return head;
}

void console_reader_init(struct console_reader *r, struct console_ring *ring, bool skip_kept)
{
	uint64_t head = console_ring_head(ring);

	*r = (struct console_reader){.at = head};
	if (!skip_kept)
		r->at = head > CONSOLE_KEPT ? head - CONSOLE_KEPT : 0;
}

// In the middle, so that a reader that stays slow is not told at every turn.
static void skip(struct console_reader *r, uint64_t head)
{
	uint64_t next = head - CONSOLE_KEPT / 2;

	r->left_out += next - r->at;
	r->untold += next - r->at;
	r->mark_len = snprintf(r->mark, sizeof(r->mark),
		"\r\n[hvhost: %" PRIu64 " bytes left out here]\r\n", r->untold);
	r->at = next;
}

size_t console_reader_get(
	struct console_reader *r, struct console_ring *ring, uint8_t *buf, size_t size)
{
	size_t n = 0, at, first;

	pthread_mutex_lock(&ring->lock);
	// A mark that has been begun is ended first.
	if (r->mark_at == 0 && ring->head - r->at > CONSOLE_KEPT)
		skip(r, ring->head);
	if (r->mark_at < r->mark_len) {
		n = r->mark_len - r->mark_at < size ? r->mark_len - r->mark_at : size;
		memcpy(buf, r->mark + r->mark_at, n);
	} else {
		n = ring->head - r->at < size ? ring->head - r->at : size;
		at = r->at % CONSOLE_KEPT;
		first = n < CONSOLE_KEPT - at ? n : CONSOLE_KEPT - at;
		memcpy(buf, ring->data + at, first);
		memcpy(buf + first, ring->data, n - first);
	}
	pthread_mutex_unlock(&ring->lock);
	return n;
}

void console_reader_advance(struct console_reader *r, size_t len)
{
	if (r->mark_at == r->mark_len) {
		r->at += len;
		return;
	}
	r->mark_at += len;
	if (r->mark_at == r->mark_len) {
		r->mark_at = r->mark_len = 0;
		r->untold = 0;
	}
}

uint64_t console_reader_behind(const struct console_reader *r, struct console_ring *ring)
{
	return console_ring_head(ring) - r->at + (r->mark_len - r->mark_at);
}
