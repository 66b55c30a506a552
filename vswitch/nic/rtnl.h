/* SPDX-License-Identifier: BSD-3-Clause */
// Plain requests to the kernel's routing netlink.
#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>

// Asks for a whole table and calls each for every message. 0 or -EIO.
int rtnl_dump(int type, void *header, size_t size, nl_recvmsg_msg_cb_t each, void *arg);
// Sends one request and waits for the answer. Frees msg. 0 or -errno.
int rtnl_request(struct nl_msg *msg);
