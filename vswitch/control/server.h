/* SPDX-License-Identifier: BSD-3-Clause */
// The control socket: clients, their lines in and out, and their share of the main thread. No
// DPDK: the handlers are given.
#pragma once

#include <systemd/sd-event.h>

#include "rpc.h"

#define SERVER_GROUP_CHANGE "vswitch"
#define SERVER_GROUP_READ   "vswitch-ro"
#define SERVER_STALL_MS     60000

// Most clients at once of those who may nothing, of these and those who may look, and of all:
// nobody is kept out by people with fewer rights.
#define SERVER_MAX_NONE   128u
#define SERVER_MAX_READ   1152u
#define SERVER_MAX_CHANGE 1408u

// Replies that wait in memory for slow readers; past that no further request is carried out.
#define SERVER_OUT_MAX (256u << 20)

struct server_options {
	const char *socket_path;
	const struct rpc_binding *handlers; // ends with an empty one
	const char *change_group;           // NULL: SERVER_GROUP_CHANGE
	const char *read_group;             // NULL: SERVER_GROUP_READ
	unsigned stall_ms; // reply not read for so long: closed. 0: SERVER_STALL_MS
};

struct server;

// 0 or a vsw_fail(). The socket of a dead daemon is replaced, that of a live one is not.
int server_start(struct server **server, sd_event *event, const struct server_options *options,
	struct vsw_error *err);
void server_stop(struct server *server); // NULL is welcome
unsigned server_clients(const struct server *server);
