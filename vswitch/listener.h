/* SPDX-License-Identifier: BSD-3-Clause */
// A Unix socket that everybody on the host may connect to: its place, and how to turn somebody
// away when there are no more descriptors.
#pragma once

#include <stdbool.h>
#include <sys/un.h>

#include "error.h"

struct listener {
	struct sockaddr_un addr; // set by the owner
	int type;                // SOCK_STREAM or SOCK_SEQPACKET
	const char *option;      // that gives another path, for remedies: "--socket"
	const char *rival;       // who may serve there already: "vswitchd"
	int fd;                  // -1: none
	int spare_fd;            // closed for a moment by listener_turn_away(); -1: none
	bool bound;
};

// Removes what a dead daemon left (anything alive or not a socket is left alone), binds, listens.
// 0 or a vsw_fail(); listener_close() is due either way.
int listener_open(struct listener *l, struct vsw_error *err);
void listener_close(struct listener *l);
// After EMFILE or ENFILE: takes the next connection all the same and gives it to `refuse`, which
// closes it.
void listener_turn_away(struct listener *l, void (*refuse)(int fd));
