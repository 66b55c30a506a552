/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static gid_t group_id(const char *name)
{
	const struct group *group = getgrnam(name);

	return group != NULL ? group->gr_gid : (gid_t)-1;
}

void peer_groups_refresh(struct peer_groups *groups)
{
	groups->change_gid = group_id(groups->change);
	groups->read_gid = group_id(groups->read);
}

static enum rpc_access access_of_group(const struct peer_groups *groups, gid_t gid)
{
	if (gid == (gid_t)-1)
		return RPC_ACCESS_NONE;
	if (gid == groups->change_gid)
		return RPC_ACCESS_CHANGE;
	return gid == groups->read_gid ? RPC_ACCESS_READ : RPC_ACCESS_NONE;
}

// SO_PEERCRED tells the primary group only; the others are asked for with a buffer that is
// large enough, which the kernel tells on the first try.
static enum rpc_access access_of_groups(int fd, const struct peer_groups *groups)
{
	enum rpc_access best = RPC_ACCESS_NONE, access;
	socklen_t size = 0, i;
	gid_t *gids;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		return RPC_ACCESS_NONE;
	gids = malloc(size);
	if (gids == NULL)
		return RPC_ACCESS_NONE;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0) {
		for (i = 0; i < size / sizeof(*gids); i++) {
			access = access_of_group(groups, gids[i]);
			if (access > best)
				best = access;
		}
	}
	free(gids);
	return best;
}

int peer_identify(int fd, const struct peer_groups *groups, struct rpc_peer *peer)
{
	socklen_t size = sizeof(struct ucred);
	enum rpc_access primary, other;
	struct ucred cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	peer->uid = cred.uid;
	peer->pid = cred.pid;
	if (cred.uid == 0 || cred.uid == geteuid()) {
		peer->access = RPC_ACCESS_CHANGE;
		return 0;
	}
	primary = access_of_group(groups, cred.gid);
	other = access_of_groups(fd, groups);
	peer->access = primary > other ? primary : other;
	return 0;
}
