/* SPDX-License-Identifier: BSD-3-Clause */
#include "claim.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct claim {
	struct claim *next;
	unsigned ifindex;
	int fd;
};

static struct claim *claims;

// Abstract names live in the network namespace, as the NIC does.
static socklen_t claim_address(unsigned ifindex, struct sockaddr_un *sun)
{
	int n;

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1, "vswitch-nic-%u", ifindex);
	return offsetof(struct sockaddr_un, sun_path) + 1 + n;
}

// Of the process that holds the name; 0: it will not say.
static int other_pid(const struct sockaddr_un *sun, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred cred = {};
	socklen_t cred_len = sizeof(cred);

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)sun, len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0)
		cred.pid = 0;
	close(fd);
	return cred.pid;
}

int nic_claim(const struct nic_info *nic, struct vsw_error *err)
{
	struct claim *claim;
	struct sockaddr_un sun;
	socklen_t len = claim_address(nic->ifindex, &sun);
	char who[32] = "";
	int ret;

	for (claim = claims; claim != NULL; claim = claim->next)
		if (claim->ifindex == nic->ifindex)
			return 0;
	claim = malloc(sizeof(*claim));
	if (claim == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "out of memory");
	claim->ifindex = nic->ifindex;
	claim->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (claim->fd < 0 || bind(claim->fd, (struct sockaddr *)&sun, len) < 0 ||
		listen(claim->fd, 1) < 0)
		goto err;
	claim->next = claims;
	claims = claim;
	return 0;

err:
	ret = errno;
	if (claim->fd >= 0)
		close(claim->fd);
	free(claim);
	if (ret != EADDRINUSE)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "NIC '%s' cannot be claimed: %s",
			nic->ifname, strerror(ret));
	ret = other_pid(&sun, len);
	if (ret > 0)
		snprintf(who, sizeof(who), " (process %d)", ret);
	return vsw_fail(err, VSW_E_BUSY, "unbind it there first",
		"NIC '%s' is held by another vswitchd%s", nic->ifname, who);
}

void nic_unclaim(unsigned ifindex)
{
	for (struct claim **at = &claims; *at != NULL; at = &(*at)->next) {
		struct claim *claim = *at;

		if (claim->ifindex != ifindex)
			continue;
		*at = claim->next;
		close(claim->fd);
		free(claim);
		return;
	}
}
