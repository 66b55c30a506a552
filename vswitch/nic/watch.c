/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <vswitch/log.h>

#define DATAGRAM_SIZE    32768
#define DATAGRAMS_A_TIME 4096
#define BACKLOG_SIZE     (1 << 20)
#define FIRST_LIST_MS    5000

struct nic_watch {
	struct mnl_socket *nl;
	struct link_table *table;
	bool list_again; // messages were lost
};

static int request_list(struct nic_watch *watch)
{
	uint32_t buf[16] = {};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (mnl_socket_sendto(watch->nl, request, request->nlmsg_len) < 0)
		return -errno;
	link_table_expect_list(watch->table);
	watch->list_again = false;
	return 0;
}

// One datagram of the kernel's. -EAGAIN: there is none.
static int receive(struct nic_watch *watch)
{
	uint32_t buf[DATAGRAM_SIZE / 4];
	struct sockaddr_nl from = {};
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t len = recvmsg(mnl_socket_get_fd(watch->nl), &msg, 0);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return -errno;
	if (len < 0 || msg.msg_flags & MSG_TRUNC) {
		// ENOBUFS: the kernel had more to say than fits.
		watch->list_again = true;
		return 0;
	}
	if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return 0;
	if (link_table_take(watch->table, buf, len) < 0)
		watch->list_again = true;
	return 0;
}

static void drain(struct nic_watch *watch)
{
	int ret = 0;

	for (unsigned i = 0; i < DATAGRAMS_A_TIME && ret != -EAGAIN; i++)
		ret = receive(watch);
	// The kernel does one listing at a time.
	if (!watch->list_again || link_table_is_listing(watch->table))
		return;
	log_info("nic", "messages of the kernel were lost: listing its interfaces again");
	ret = request_list(watch);
	if (ret < 0)
		log_error("nic", "the kernel does not list its interfaces: %s", strerror(-ret));
}

// Waits, so that nothing can happen between this and what the caller does next.
static int first_list(struct nic_watch *watch)
{
	struct pollfd pfd = {.fd = mnl_socket_get_fd(watch->nl), .events = POLLIN};
	int ret = request_list(watch);

	while (ret == 0 && (watch->list_again || link_table_is_listing(watch->table))) {
		int ready = poll(&pfd, 1, FIRST_LIST_MS);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
		drain(watch);
	}
	return ret;
}

int nic_watch_open(struct nic_watch **out)
{
	struct nic_watch *watch = calloc(1, sizeof(*watch));
	int size = BACKLOG_SIZE, ret = -ENOMEM;

	if (watch == NULL)
		return ret;
	watch->table = link_table_create();
	if (watch->table == NULL)
		goto fail;
	watch->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (watch->nl == NULL || mnl_socket_bind(watch->nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto fail;
	}
	// Without it more is lost, which is coped with.
	setsockopt(mnl_socket_get_fd(watch->nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ret = first_list(watch);
	if (ret < 0)
		goto fail;
	link_table_tell(watch->table, NULL, NULL);
	*out = watch;
	return 0;

fail:
	nic_watch_close(watch);
	return ret;
}

void nic_watch_close(struct nic_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->nl != NULL)
		mnl_socket_close(watch->nl);
	link_table_destroy(watch->table);
	free(watch);
}

int nic_watch_fd(const struct nic_watch *watch)
{
	return mnl_socket_get_fd(watch->nl);
}

void nic_watch_handle(struct nic_watch *watch, link_change_fn fn, void *arg)
{
	drain(watch);
	link_table_tell(watch->table, fn, arg);
}
