/* SPDX-License-Identifier: BSD-3-Clause */
// Opens the places where a console can be, and gives them back.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "partition.h"

#define CONSOLE_PATH_SIZE 256

enum console_way {
	CONSOLE_WAY_WRITE,   // does not block
	CONSOLE_WAY_CAREFUL, // little, and only when epoll says that there is room
	CONSOLE_WAY_SEND,    // a socket
	CONSOLE_WAY_FILE,    // never waits, and epoll does not take it
};

struct console_place {
	int in, out; // -1: none; a pty's are the same
	int keep;    // the pty's other end, so that it never hangs up
	enum console_way way;
	size_t most;   // bytes at once
	bool keys;     // `in` is our terminal
	int dir;       // of the link to the pty; -1: there is none
	char link[80]; // its name there
	char name[CONSOLE_PATH_SIZE];
};

// 0 or -errno with `why`.
int console_place_open(
	struct console_place *place, const struct options *opt, char why[PARTITION_WHY_SIZE]);
void console_place_close(struct console_place *place);
// The terminal passes on each key as it is, until console_terminal_restore(), a fatal signal or
// exit(). 0 or -errno.
int console_terminal_raw(int fd);
void console_terminal_restore(void);
