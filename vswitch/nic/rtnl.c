/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtnl.h"

#include <errno.h>

#include <linux/rtnetlink.h>

int rtnl_dump(int type, void *header, size_t size, nl_recvmsg_msg_cb_t each, void *arg)
{
	struct nl_sock *sk = nl_socket_alloc();
	int ret;

	if (sk == NULL)
		return -ENOMEM;
	ret = nl_connect(sk, NETLINK_ROUTE);
	if (ret == 0)
		ret = nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, each, arg);
	if (ret == 0)
		ret = nl_send_simple(sk, type, NLM_F_DUMP, header, size);
	if (ret >= 0)
		ret = nl_recvmsgs_default(sk);
	nl_socket_free(sk);
	return ret < 0 ? -EIO : 0;
}

// libnl folds the kernel's errno into codes of its own: keep the kernel's.
static int on_error(struct sockaddr_nl *, struct nlmsgerr *answer, void *arg)
{
	*(int *)arg = answer->error;
	return NL_STOP;
}

int rtnl_request(struct nl_msg *msg)
{
	struct nl_sock *sk = nl_socket_alloc();
	int answer = 0, ret;

	if (sk == NULL) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	ret = nl_connect(sk, NETLINK_ROUTE);
	if (ret == 0)
		ret = nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, on_error, &answer);
	if (ret == 0)
		ret = nl_send_auto(sk, msg);
	if (ret >= 0)
		ret = nl_wait_for_ack(sk);
	nl_socket_free(sk);
	nlmsg_free(msg);
	if (answer != 0)
		return answer;
	return ret < 0 ? -EIO : 0;
}
