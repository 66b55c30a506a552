/* SPDX-License-Identifier: BSD-3-Clause */
// Who is at the other end of a Unix socket, and what he may do.
#pragma once

#include "rpc.h"

struct peer_groups {
	const char *change, *read;  // names
	gid_t change_gid, read_gid; // (gid_t)-1: there is no such group
};

// Looks the groups up; they may be made while the daemon runs.
void peer_groups_refresh(struct peer_groups *groups);

// Fills access, uid and pid. root, the daemon's own user and the change group may change;
// the read group may look. 0 or -errno.
int peer_identify(int fd, const struct peer_groups *groups, struct rpc_peer *peer);
