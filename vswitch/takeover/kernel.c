/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <netlink/attr.h>

#define DUMP_TRIES 10 // of a table that changes while it is read

struct kernel {
	struct nl_sock *sk;
	const struct kernel_reader *reader;
	int answer; // of the kernel or the reader
	char complaint[160];
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct kernel *kernel = arg;

	// The rest of a table is read, but not looked at.
	if (kernel->reader != NULL && kernel->answer == 0)
		kernel->answer = kernel->reader->each(nlmsg_hdr(msg), kernel->reader->arg);
	return NL_OK;
}

static void note_complaint(struct kernel *kernel, struct nlmsgerr *error)
{
	struct nlmsghdr *hdr = (struct nlmsghdr *)((char *)error - NLMSG_HDRLEN);
	size_t skip = sizeof(*error);
	struct nlattr *text;

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (NLMSG_HDRLEN + skip >= hdr->nlmsg_len)
		return;
	text = nla_find((struct nlattr *)((char *)error + skip),
		(int)(hdr->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	if (text != NULL)
		snprintf(kernel->complaint, sizeof(kernel->complaint), "%.*s", nla_len(text),
			(const char *)nla_data(text));
}

// libnl folds the kernel's errno into codes of its own: keep the kernel's.
static int on_error(struct sockaddr_nl *, struct nlmsgerr *error, void *arg)
{
	struct kernel *kernel = arg;

	kernel->answer = error->error;
	note_complaint(kernel, error);
	return NL_STOP;
}

struct kernel *kernel_open(void)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int on = 1;

	if (kernel == NULL)
		return NULL;
	kernel->sk = nl_socket_alloc();
	if (kernel->sk == NULL || nl_connect(kernel->sk, NETLINK_ROUTE) < 0) {
		kernel_close(kernel);
		errno = EIO;
		return NULL;
	}
	// Old kernels have neither: then there are no words.
	setsockopt(nl_socket_get_fd(kernel->sk), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(kernel->sk), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	nl_socket_modify_cb(kernel->sk, NL_CB_VALID, NL_CB_CUSTOM, on_valid, kernel);
	nl_socket_modify_err_cb(kernel->sk, NL_CB_CUSTOM, on_error, kernel);
	return kernel;
}

void kernel_close(struct kernel *kernel)
{
	if (kernel == NULL)
		return;
	nl_socket_free(kernel->sk);
	free(kernel);
}

static void begin(struct kernel *kernel, const struct kernel_reader *reader)
{
	kernel->reader = reader;
	kernel->answer = 0;
	kernel->complaint[0] = '\0';
}

// What the kernel said goes before what the socket did.
static int outcome(const struct kernel *kernel, int ret)
{
	if (kernel->answer != 0)
		return kernel->answer;
	return ret < 0 ? -EIO : 0;
}

int kernel_dump(struct kernel *kernel, int type, const void *header, size_t size,
	const struct kernel_reader *reader)
{
	int ret = 0;

	for (unsigned i = 0; i < DUMP_TRIES; i++) {
		begin(kernel, reader);
		if (i > 0 && reader->restart != NULL)
			reader->restart(reader->arg);
		ret = nl_send_simple(kernel->sk, type, NLM_F_DUMP, (void *)header, size);
		if (ret >= 0)
			ret = nl_recvmsgs_default(kernel->sk);
		if (ret != -NLE_DUMP_INTR)
			break;
	}
	return outcome(kernel, ret);
}

int kernel_ask(struct kernel *kernel, struct nl_msg *msg, const struct kernel_reader *reader)
{
	int ret;

	if (msg == NULL)
		return -ENOMEM;
	begin(kernel, reader);
	ret = nl_send_auto(kernel->sk, msg);
	// The answer itself, then the acknowledgement that nl_send_auto() asked for.
	if (ret >= 0)
		ret = nl_recvmsgs_default(kernel->sk);
	if (ret >= 0)
		ret = nl_wait_for_ack(kernel->sk);
	nlmsg_free(msg);
	return outcome(kernel, ret);
}

int kernel_order(struct kernel *kernel, struct nl_msg *msg)
{
	int ret;

	if (msg == NULL)
		return -ENOMEM;
	begin(kernel, NULL);
	ret = nl_send_auto(kernel->sk, msg);
	if (ret >= 0)
		ret = nl_wait_for_ack(kernel->sk);
	nlmsg_free(msg);
	return outcome(kernel, ret);
}

const char *kernel_complaint(const struct kernel *kernel)
{
	return kernel->complaint;
}
