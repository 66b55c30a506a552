/* SPDX-License-Identifier: BSD-3-Clause */
// The interface itself.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "parts.h"

static void take_text(char *to, size_t size, const struct nlattr *attr)
{
	to[0] = '\0';
	if (attr != NULL)
		nla_strlcpy(to, attr, size);
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr != NULL && nla_len(attr) == 4 ? nla_get_u32(attr) : 0;
}

static int take_altnames(struct host_link *link, struct nlattr *list)
{
	struct nlattr *attr;
	int left;

	nla_for_each_nested(attr, list, left)
	{
		void *more;

		if (nla_type(attr) != IFLA_ALT_IFNAME)
			continue;
		more = realloc(link->altname, (link->n_altnames + 1) * sizeof(*link->altname));
		if (more == NULL)
			return -ENOMEM;
		link->altname = more;
		take_text(link->altname[link->n_altnames++], HOST_ALTNAME_SIZE, attr);
	}
	return 0;
}

static void take_mac(struct host_link *link, const struct nlattr *attr)
{
	if (attr == NULL || nla_len(attr) > HOST_MAX_LLADDR)
		return;
	link->mac_size = (unsigned)nla_len(attr);
	memcpy(link->mac, nla_data(attr), link->mac_size);
}

static void take_token(struct host_link *link, const struct nlattr *families)
{
	const struct nlattr *v6 = NULL, *token = NULL;

	if (families != NULL)
		v6 = nla_find(nla_data(families), nla_len(families), AF_INET6);
	if (v6 != NULL)
		token = nla_find(nla_data(v6), nla_len(v6), IFLA_INET6_TOKEN);
	if (token != NULL && nla_len(token) == sizeof(link->token))
		memcpy(link->token, nla_data(token), sizeof(link->token));
}

// What an owner of it has to know of, and only that owner can move.
static void take_left(struct host_snapshot *into, struct nlattr **tb)
{
	char master[IFNAMSIZ];
	struct nlattr *xdp =
		tb[IFLA_XDP] != NULL
			? nla_find(nla_data(tb[IFLA_XDP]), nla_len(tb[IFLA_XDP]), IFLA_XDP_ATTACHED)
			: NULL;

	if (tb[IFLA_MASTER] != NULL && if_indextoname(u32_of(tb[IFLA_MASTER]), master) != NULL)
		snapshot_leave(into, "member of %s", master);
	if (xdp != NULL && nla_get_u8(xdp) != XDP_ATTACHED_NONE)
		snapshot_leave(into, "an XDP program");
}

static int on_link(const struct nlmsghdr *told, void *arg)
{
	struct host_snapshot *into = arg;
	const struct ifinfomsg *info = nlmsg_data(told);
	struct nlattr *tb[IFLA_MAX + 1] = {}, *kind = NULL;
	struct host_link *link = &into->link;

	if (told->nlmsg_type != RTM_NEWLINK || (uint32_t)info->ifi_index != into->ifindex ||
		nlmsg_parse((struct nlmsghdr *)told, sizeof(*info), tb, IFLA_MAX, NULL) < 0)
		return 0;
	link_free(link);
	take_text(link->name, sizeof(link->name), tb[IFLA_IFNAME]);
	take_text(link->alias, sizeof(link->alias), tb[IFLA_IFALIAS]);
	take_text(link->qdisc, sizeof(link->qdisc), NULL);
	if (tb[IFLA_LINKINFO] != NULL)
		kind = nla_find(
			nla_data(tb[IFLA_LINKINFO]), nla_len(tb[IFLA_LINKINFO]), IFLA_INFO_KIND);
	take_text(link->kind, sizeof(link->kind), kind);
	take_mac(link, tb[IFLA_ADDRESS]);
	link->mtu = u32_of(tb[IFLA_MTU]);
	link->txqueuelen = u32_of(tb[IFLA_TXQLEN]);
	link->group = u32_of(tb[IFLA_GROUP]);
	link->flags = info->ifi_flags & HOST_LINK_FLAGS;
	take_token(link, tb[IFLA_AF_SPEC]);
	take_left(into, tb);
	return tb[IFLA_PROP_LIST] != NULL ? take_altnames(link, tb[IFLA_PROP_LIST]) : 0;
}

int link_take(struct kernel *kernel, struct host_snapshot *into)
{
	struct ifinfomsg info = {.ifi_index = (int)into->ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	const struct kernel_reader reader = {.each = on_link, .arg = into};
	int ret;

	if (msg == NULL || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	if (into->ifindex == 0) {
		nlmsg_free(msg);
		return -ENODEV;
	}
	ret = kernel_ask(kernel, msg, &reader);
	if (ret == 0 && into->link.name[0] == '\0')
		ret = -ENODEV;
	return ret;
}

void link_free(struct host_link *link)
{
	free(link->altname);
	*link = (struct host_link){};
}
