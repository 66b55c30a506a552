/* SPDX-License-Identifier: BSD-3-Clause */
// Questions and orders to the kernel's routing netlink.
#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>

struct kernel;

struct kernel *kernel_open(void); // NULL with errno
void kernel_close(struct kernel *kernel);

struct kernel_reader {
	int (*each)(const struct nlmsghdr *told, void *arg); // 0 or -errno, which ends it
	void (*restart)(void *arg);                          // the list changed: told again
	void *arg;
};

// A whole table. 0 or -errno.
int kernel_dump(struct kernel *kernel, int type, const void *header, size_t size,
	const struct kernel_reader *reader);
// The answer to one question, which may be a message with attributes. Frees msg. 0 or -errno.
int kernel_ask(struct kernel *kernel, struct nl_msg *msg, const struct kernel_reader *reader);
// An order. Frees msg, which may be NULL: -ENOMEM. 0 or -errno.
int kernel_order(struct kernel *kernel, struct nl_msg *msg);
// The kernel's own words about the last refusal; empty if it had none.
const char *kernel_complaint(const struct kernel *kernel);
