/* SPDX-License-Identifier: BSD-3-Clause */
// Where the guest's serial line ends: stdio, a pty or a file, and whoever has asked for it over
// the control socket. What was said last is kept for those who come later.
//
// Needs SIGPIPE ignored. System calls once it runs: read, write, sendto, recvfrom, poll, close,
// unlinkat, ioctl(TCSETS), and those of partition.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "partition.h"

#define CONSOLE_KEPT    65536u // bytes
#define CONSOLE_VIEWERS 8

struct console;

// Opens what the options say; before privileges are dropped, and after control_create(), which
// sees that no other machine has this name and its places. NULL + errno, with `why`.
struct console *console_create(const struct options *opt, char why[PARTITION_WHY_SIZE]);
void console_destroy(struct console *c);            // gives the terminal back as it was
const char *console_place(const struct console *c); // "stdio", path, or "none"
// Joins the main loop; typed bytes go to `input` (which takes as many as it returns), and again
// after console_room(). Main thread. 0 or -errno.
int console_start(struct console *c, struct partition *p,
	size_t (*input)(void *arg, const uint8_t *data, size_t len), void *arg);
// From the guest's processor's thread; never blocks: what a slow reader does not take is left out
// for that reader and counted.
void console_output(struct console *c, const uint8_t *data, size_t len);
void console_room(struct console *c); // any thread

struct console_viewer {
	int sock;         // a connected stream socket; taken over
	bool skip_kept;   // only what comes from now on
	bool leave;       // only what has been kept, then the end
	const char *said; // bytes that were typed already
	size_t n_said;
};

// Gets what is kept and all that follows, and types. Main thread. 0; -EBUSY: there are
// CONSOLE_VIEWERS, the socket is the caller's still.
int console_add_viewer(struct console *c, const struct console_viewer *viewer);
unsigned console_viewers(const struct console *c);
// Bytes that slow readers did not get. Main thread.
uint64_t console_left_out(const struct console *c);
