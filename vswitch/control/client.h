/* SPDX-License-Identifier: BSD-3-Clause */
// One client of the control socket. A request is read only when the reply before it is gone,
// and each turn of the main loop carries out at most one: a client costs what it reads, and
// none keeps the others waiting.
#pragma once

#include <sys/queue.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "rpc.h"

struct client;
LIST_HEAD(client_list, client);

// What the clients of a server share.
struct client_pool {
	sd_event *event;
	const struct rpc_binding *handlers;
	struct client_list clients;
	unsigned n[RPC_ACCESS_CHANGE + 1]; // by access
	size_t out_bytes;                  // replies not yet sent
	bool starved;                      // a client waits for out_bytes to shrink
};

struct client *client_first(const struct client_pool *pool);
struct client *client_next(const struct client *client);

// Takes over fd, non-blocking, on success. 0 or -errno.
int client_create(struct client_pool *pool, int fd, const struct rpc_peer *peer);
void client_destroy(struct client *client);

// True if a reply waits since before the time (CLOCK_MONOTONIC, µs) and nothing of it was read.
bool client_is_stalled(const struct client *client, uint64_t since_us);
