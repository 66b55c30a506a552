/* SPDX-License-Identifier: BSD-3-Clause */
// One who reads the console, types at it, or both: its place, or a viewer. Main thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console_keys.h"
#include "console_place.h"
#include "console_ring.h"

struct partition;

struct console_end {
	struct console_reader reader;
	int in, out; // -1: none (any more); may be the same
	enum console_way way;
	size_t most;
	bool viewer;
	bool plain_in;   // epoll does not take it: read whenever there is room
	bool blocked;    // epoll will tell
	bool until_kept; // a viewer that leaves when it has what was kept
	uint64_t until;
	bool used;
	int sock;       // a viewer's, to be closed
	int watched[2]; // in, out (or both); -1: the main loop does not wait for it
	uint32_t watched_events[2];
	struct console *console;
};

enum console_flow { CONSOLE_FLOW_DONE, CONSOLE_FLOW_BLOCKED, CONSOLE_FLOW_MORE };

// Writes what the ring has for it, a bounded amount. An end that is gone loses its `out`.
enum console_flow console_end_flush(struct console_end *end, struct console_ring *ring);
// Reads what is typed, `size` bytes at most; 0: nothing now. An end that is gone loses its `in`.
size_t console_end_read(struct console_end *end, uint8_t *buf, size_t size);
