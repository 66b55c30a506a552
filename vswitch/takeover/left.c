/* SPDX-License-Identifier: BSD-3-Clause */
// What lies on the interface and moves only with its owner's help.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "parts.h"

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr != NULL && nla_len(attr) == 4 ? nla_get_u32(attr) : 0;
}

struct children {
	struct host_snapshot *into;
	size_t n_left;
};

static int on_link(const struct nlmsghdr *told, void *arg)
{
	struct host_snapshot *into = ((struct children *)arg)->into;
	struct nlattr *tb[IFLA_MAX + 1] = {}, *info, *kind = NULL;
	char name[IFNAMSIZ] = "", what[32] = "";

	if (told->nlmsg_type != RTM_NEWLINK ||
		nlmsg_parse((struct nlmsghdr *)told, sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) <
			0 ||
		tb[IFLA_IFNAME] == NULL)
		return 0;
	nla_strlcpy(name, tb[IFLA_IFNAME], sizeof(name));
	info = tb[IFLA_LINKINFO];
	if (info != NULL)
		kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);
	if (kind != NULL)
		nla_strlcpy(what, kind, sizeof(what));
	// The far end of a veth pair is told in the same way, yet stands by itself.
	if (u32_of(tb[IFLA_LINK]) == into->ifindex && tb[IFLA_LINK_NETNSID] == NULL &&
		strcmp(what, "veth") != 0 && strcmp(name, into->link.name) != 0)
		snapshot_leave(into, "%s interface %s on it", what[0] != '\0' ? what : "the", name);
	if (u32_of(tb[IFLA_MASTER]) == into->ifindex)
		snapshot_leave(into, "member %s of it", name);
	return 0;
}

static void on_restart(void *arg)
{
	struct children *children = arg;

	while (children->into->n_left > children->n_left)
		free(children->into->left[--children->into->n_left]);
}

static int count_packet_sockets(struct host_snapshot *into)
{
	FILE *f = fopen("/proc/net/packet", "re");
	unsigned ifindex, n = 0;
	char line[256];

	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %u", &ifindex) == 1 && ifindex == into->ifindex)
			n++;
	fclose(f);
	if (n > 0)
		snapshot_leave(into, "%u packet socket%s of programs", n, n > 1 ? "s" : "");
	return 0;
}

int left_take(struct kernel *kernel, struct host_snapshot *into)
{
	const struct ifinfomsg all = {};
	struct children children = {.into = into, .n_left = into->n_left};
	const struct kernel_reader reader = {
		.each = on_link, .restart = on_restart, .arg = &children};
	int ret = kernel_dump(kernel, RTM_GETLINK, &all, sizeof(all), &reader);

	return ret < 0 ? ret : count_packet_sockets(into);
}
