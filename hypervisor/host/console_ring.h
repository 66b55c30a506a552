/* SPDX-License-Identifier: BSD-3-Clause */
// What the guest said last, and how far each reader has got in it. Who falls behind further than
// is kept is told how much it missed, and goes on in the middle of what there is.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console.h"

struct console_ring {
	pthread_mutex_t lock; // held for copying only
	uint64_t head;        // bytes ever put
	uint8_t data[CONSOLE_KEPT];
};

struct console_reader {
	uint64_t at;       // the next byte to be got
	uint64_t left_out; // bytes missed
	uint64_t untold;   // of these, what no mark has told
	char mark[80];     // on its way out
	unsigned mark_len, mark_at;
};

void console_ring_init(struct console_ring *ring);
void console_ring_put(struct console_ring *ring, const uint8_t *data, size_t len); // any thread
uint64_t console_ring_head(struct console_ring *ring);

// At what is kept, or at what comes next.
void console_reader_init(struct console_reader *r, struct console_ring *ring, bool skip_kept);
// Copies what comes next, `size` bytes at most, or the mark; the reader stays where it is.
size_t console_reader_get(
	struct console_reader *r, struct console_ring *ring, uint8_t *buf, size_t size);
// Bytes that it has not got yet, those that are lost included.
uint64_t console_reader_behind(const struct console_reader *r, struct console_ring *ring);
void console_reader_advance(struct console_reader *r, size_t len); // over what was got
