/* SPDX-License-Identifier: BSD-3-Clause */
#include "handover.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

size_t handover_min_len(uint32_t type)
{
	switch (type) {
	case HANDOVER_HELLO: return sizeof(struct handover_hello);
	case HANDOVER_REGION: return sizeof(struct handover_region);
	case HANDOVER_GPADL: return sizeof(struct handover_gpadl);
	case HANDOVER_OPEN: return sizeof(struct handover_open);
	case HANDOVER_MODIFY: return sizeof(struct handover_modify);
	case HANDOVER_WELCOME: return sizeof(struct handover_welcome);
	case HANDOVER_REFUSED: return sizeof(struct handover_refused);
	case HANDOVER_SUBCHANNELS: return sizeof(struct handover_subchannels);
	case HANDOVER_OPEN_RESULT:
	case HANDOVER_CHANNEL_ERROR: return sizeof(struct handover_open_result);
	case HANDOVER_GPADL_TEARDOWN:
	case HANDOVER_GPADL_GONE:
	case HANDOVER_CLOSE:
	case HANDOVER_CLOSE_DONE:
	case HANDOVER_MODIFY_DONE: return sizeof(struct handover_id);
	case HANDOVER_READY:
	case HANDOVER_READY_DONE:
	case HANDOVER_DETACH:
	case HANDOVER_DETACH_DONE: return sizeof(struct handover_plain);
	default: return 0;
	}
}

// Whether the header of a message of `len` bytes tells the truth.
static bool is_message(const void *msg, size_t len)
{
	struct handover_header hdr;
	size_t least;

	if (len < sizeof(hdr))
		return false;
	memcpy(&hdr, msg, sizeof(hdr));
	least = handover_min_len(hdr.type);
	return least != 0 && len >= least && hdr.len == len;
}

int handover_send(int sock, const void *msg, size_t len, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!is_message(msg, len))
		return -EINVAL;
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	while (sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

// Takes the first descriptor and closes all others; how many there were.
static unsigned take_fds(struct msghdr *m, int *first)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t end = c->cmsg_len;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= end; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)c + at, sizeof(fd));
			if (n++ == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return n;
}

int handover_receive(int sock, void *msg, size_t size, int *fd)
{
	// Room for two, so that a second one is seen; the kernel drops any more.
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = {.iov_base = msg, .iov_len = size};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	unsigned n_fds;
	ssize_t n;

	*fd = -1;
	// A peer that went without reading all we sent is told of before what it had said last,
	// once.
	do {
		n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	n_fds = take_fds(&m, fd);
	if (n > 0 && n_fds <= 1 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
		is_message(msg, n))
		return n;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return n == 0 ? 0 : -EPROTO;
}
