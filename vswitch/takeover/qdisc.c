/* SPDX-License-Identifier: BSD-3-Clause */
// The queueing discipline at the root, when somebody chose one: its kind only.
#include <errno.h>
#include <string.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "parts.h"

static int on_qdisc(const struct nlmsghdr *told, void *arg)
{
	struct host_snapshot *into = arg;
	const struct tcmsg *tc = nlmsg_data(told);
	struct nlattr *tb[TCA_MAX + 1] = {};

	if (told->nlmsg_type != RTM_NEWQDISC || (uint32_t)tc->tcm_ifindex != into->ifindex ||
		nlmsg_parse((struct nlmsghdr *)told, sizeof(*tc), tb, TCA_MAX, NULL) < 0 ||
		tb[TCA_KIND] == NULL)
		return 0;
	if (tc->tcm_parent == TC_H_INGRESS) {
		snapshot_leave(into, "traffic control on ingress (%s)",
			(const char *)nla_data(tb[TCA_KIND]));
	} else if (tc->tcm_parent == TC_H_ROOT && tc->tcm_handle != 0) {
		nla_strlcpy(into->link.qdisc, tb[TCA_KIND], sizeof(into->link.qdisc));
		if (tb[TCA_OPTIONS] != NULL && nla_len(tb[TCA_OPTIONS]) > 0)
			snapshot_leave(
				into, "the settings of queueing discipline %s", into->link.qdisc);
	}
	return 0;
}

int qdisc_take(struct kernel *kernel, struct host_snapshot *into)
{
	const struct tcmsg tc = {.tcm_ifindex = (int)into->ifindex};
	const struct kernel_reader reader = {.each = on_qdisc, .arg = into};

	into->link.qdisc[0] = '\0';
	return kernel_dump(kernel, RTM_GETQDISC, &tc, sizeof(tc), &reader);
}

void qdisc_apply(struct work *work, const struct host_snapshot *now)
{
	const char *wanted = work->wanted->link.qdisc;
	bool add = wanted[0] != '\0';
	struct tcmsg tc = {.tcm_ifindex = (int)work->target.ifindex, .tcm_parent = TC_H_ROOT};
	struct nl_msg *msg;

	if (strcmp(wanted, now->link.qdisc) == 0)
		return;
	msg = nlmsg_alloc_simple(
		add ? RTM_NEWQDISC : RTM_DELQDISC, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	if (msg == NULL || nlmsg_append(msg, &tc, sizeof(tc), NLMSG_ALIGNTO) < 0 ||
		(add && nla_put_string(msg, TCA_KIND, wanted) < 0)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	work_order(work, msg, "qdisc %s dev %s root %s", add ? "replace" : "del", work->target.name,
		add ? wanted : now->link.qdisc);
}
