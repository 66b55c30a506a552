/* SPDX-License-Identifier: BSD-3-Clause */
#include "xdp_socket.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_xdp.h>

static bool is_xdp(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_XDP;
}

void xdp_sockets_find(struct xdp_sockets *found)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	found->n = 0;
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL && found->n < XDP_SOCKETS_MAX) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_xdp(fd))
			found->fd[found->n++] = fd;
	}
	closedir(dir);
}

static bool has(const struct xdp_sockets *sockets, int fd)
{
	for (unsigned i = 0; i < sockets->n; i++)
		if (sockets->fd[i] == fd)
			return true;
	return false;
}

void xdp_sockets_new(const struct xdp_sockets *before, struct xdp_sockets *now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < now->n; i++)
		if (!has(before, now->fd[i]))
			now->fd[n++] = now->fd[i];
	now->n = n;
}

int xdp_sockets_watch(const struct xdp_sockets *sockets)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), ret = 0;

	if (epfd < 0)
		return -errno;
	for (unsigned i = 0; i < sockets->n && ret == 0; i++) {
		struct epoll_event event = {.events = EPOLLIN};

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, sockets->fd[i], &event) < 0)
			ret = -errno;
	}
	if (ret < 0) {
		close(epfd);
		return ret;
	}
	return epfd;
}

void xdp_sockets_close(struct xdp_sockets *sockets)
{
	for (unsigned i = 0; i < sockets->n; i++)
		if (is_xdp(sockets->fd[i]))
			close(sockets->fd[i]);
	sockets->n = 0;
}

void xdp_sockets_lost(const struct xdp_sockets *sockets, uint64_t *rx, uint64_t *tx)
{
	for (unsigned i = 0; i < sockets->n; i++) {
		struct xdp_statistics stats = {};
		socklen_t len = sizeof(stats);

		if (getsockopt(sockets->fd[i], SOL_XDP, XDP_STATISTICS, &stats, &len) < 0)
			continue;
		*rx += stats.rx_dropped + stats.rx_ring_full + stats.rx_fill_ring_empty_descs +
		       stats.rx_invalid_descs;
		*tx += stats.tx_invalid_descs;
	}
}
