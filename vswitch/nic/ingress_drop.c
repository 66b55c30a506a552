/* SPDX-License-Identifier: BSD-3-Clause */
#include "ingress_drop.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

// By these a later life knows it again.
#define NAME     "vsw_ingressdrop"
#define HANDLE   0x7673
#define PRIORITY 1

static int ignore(enum libbpf_print_level, const char *, va_list)
{
	return 0;
}

static int load(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, NAME, "BSD", insns,
		sizeof(insns) / sizeof(insns[0]), NULL);

	return fd < 0 ? -errno : fd;
}

// 1: ours, 0: nothing there, -EBUSY: another's, or -errno.
static int look_up(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	int ret = bpf_tc_query(hook, &opts), fd;

	if (ret == -ENOENT || ret == -EINVAL) // -EINVAL: no clsact
		return 0;
	if (ret < 0)
		return ret;
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	if (fd < 0)
		return -errno;
	ret = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (ret < 0)
		return -errno;
	return strcmp(info.name, NAME) == 0 ? 1 : -EBUSY;
}

static int attach(struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	int ret = bpf_tc_hook_create(hook), fd;

	if (ret < 0 && ret != -EEXIST)
		return ret;
	ret = look_up(hook);
	if (ret < 0)
		return ret;
	if (ret == 1)
		opts.flags = BPF_TC_F_REPLACE;
	fd = load();
	if (fd < 0)
		return fd;
	opts.prog_fd = fd;
	ret = bpf_tc_attach(hook, &opts);
	close(fd);
	return ret == -EINVAL ? -EBUSY : ret; // the priority belongs to another kind of classifier
}

int ingress_drop_attach(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	libbpf_print_fn_t print = libbpf_set_print(ignore);
	int ret = attach(&hook);

	libbpf_set_print(print);
	return ret;
}

static int count_filter(const struct nlmsghdr *reply, void *arg)
{
	unsigned *n = arg;

	*n += reply->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

// Classifiers on either side of clsact, or -errno.
static int filters(int ifindex)
{
	const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	uint32_t buf[8192];
	unsigned n = 0;
	int ret = 0;

	if (nl == NULL)
		return -errno;
	for (unsigned i = 0; i < 2 && ret >= 0; i++) {
		struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
		struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));
		ssize_t len;

		request->nlmsg_type = RTM_GETTFILTER;
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		request->nlmsg_seq = i + 1;
		tc->tcm_ifindex = ifindex;
		tc->tcm_parent = parents[i];
		ret = mnl_socket_sendto(nl, request, request->nlmsg_len) < 0 ? -errno : MNL_CB_OK;
		while (ret > MNL_CB_STOP) {
			len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
			ret = len < 0 ? -1 : mnl_cb_run(buf, len, i + 1, 0, count_filter, &n);
		}
	}
	mnl_socket_close(nl);
	return ret < 0 ? -EIO : (int)n;
}

int ingress_drop_detach(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	libbpf_print_fn_t print = libbpf_set_print(ignore);
	int ret = look_up(&hook);

	if (ret == 1) {
		ret = bpf_tc_detach(&hook, &opts);
		// The classifier's place goes with its last user; both sides at once remove it.
		if (ret == 0 && filters(ifindex) == 0) {
			hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
			bpf_tc_hook_destroy(&hook);
		}
	} else if (ret == -EBUSY) {
		ret = 0;
	}
	libbpf_set_print(print);
	return ret;
}
