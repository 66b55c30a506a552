/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "parts.h"

// An order about the interface with at most one attribute. NULL: no memory.
static struct nl_msg *order(const struct work *work, int type, unsigned flags, unsigned mask,
	int attr, const void *data, size_t size)
{
	struct ifinfomsg info = {
		.ifi_index = (int)work->target.ifindex, .ifi_flags = flags, .ifi_change = mask};
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	if (msg == NULL || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
		(attr != 0 && nla_put(msg, attr, (int)size, data) < 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int set(struct work *work, int attr, const void *data, size_t size)
{
	return kernel_order(work->kernel, order(work, RTM_NEWLINK, 0, 0, attr, data, size));
}

// Some drivers and older kernels want it down for that; whether it is up is settled later.
static int set_maybe_down(struct work *work, int attr, const void *data, size_t size)
{
	int ret = set(work, attr, data, size);

	if (ret != -EBUSY)
		return ret;
	ret = kernel_order(work->kernel, order(work, RTM_NEWLINK, 0, IFF_UP, 0, NULL, 0));
	return ret < 0 ? ret : set(work, attr, data, size);
}

static void apply_mac(struct work *work, const struct host_link *now)
{
	const struct host_link *to = &work->wanted->link;
	const char *dev = work->target.name;
	char text[3 * HOST_MAX_LLADDR + 1] = "";

	if (to->mac_size == 0 ||
		(to->mac_size == now->mac_size && memcmp(to->mac, now->mac, to->mac_size) == 0))
		return;
	for (unsigned i = 0; i < to->mac_size; i++)
		snprintf(text + strlen(text), 4, "%s%02x", i > 0 ? ":" : "", to->mac[i]);
	if (work_may(work, "link set dev %s address %s", dev, text))
		work_note(work, set_maybe_down(work, IFLA_ADDRESS, to->mac, to->mac_size),
			"link set dev %s address %s", dev, text);
}

static void apply_u32(struct work *work, const char *what, int attr, uint32_t now, uint32_t wanted)
{
	if (now == wanted || work->stopped)
		return;
	work_order(work, order(work, RTM_NEWLINK, 0, 0, attr, &wanted, sizeof(wanted)),
		"link set dev %s %s %u", work->target.name, what, wanted);
}

static bool has_altname(const struct host_link *link, const char *name)
{
	for (size_t i = 0; i < link->n_altnames; i++)
		if (strcmp(link->altname[i], name) == 0)
			return true;
	return false;
}

static void change_altname(struct work *work, int type, const char *verb, const char *name)
{
	struct nl_msg *msg = order(work, type, 0, 0, 0, NULL, 0);
	struct nlattr *list = msg != NULL ? nla_nest_start(msg, IFLA_PROP_LIST) : NULL;

	if (list == NULL || nla_put_string(msg, IFLA_ALT_IFNAME, name) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	} else {
		list->nla_type |= NLA_F_NESTED;
		nla_nest_end(msg, list);
	}
	work_order(work, msg, "link property %s dev %s altname %s", verb, work->target.name, name);
}

static void apply_name(struct work *work, const struct host_link *now)
{
	const char *name = work->wanted->link.name, *dev = now->name;
	int ret;

	if (strcmp(name, dev) == 0 || name[0] == '\0')
		return;
	ret = work_may(work, "link set dev %s name %s", dev, name)
	              ? set_maybe_down(work, IFLA_IFNAME, name, strlen(name) + 1)
	              : 0;
	work_note(work, ret, "link set dev %s name %s", dev, name);
	if (ret == 0 && !work->stopped)
		snprintf(work->target.name, sizeof(work->target.name), "%s", name);
}

static void apply_names(struct work *work, const struct host_link *now)
{
	const struct host_link *to = &work->wanted->link;

	for (size_t i = 0; i < now->n_altnames; i++)
		if (!has_altname(to, now->altname[i]))
			change_altname(work, RTM_DELLINKPROP, "del", now->altname[i]);
	apply_name(work, now);
	for (size_t i = 0; i < to->n_altnames; i++)
		if (!has_altname(now, to->altname[i]))
			change_altname(work, RTM_NEWLINKPROP, "add", to->altname[i]);
}

void link_drop_altnames(struct work *work, const struct host_snapshot *now)
{
	for (size_t i = 0; i < now->link.n_altnames; i++)
		change_altname(work, RTM_DELLINKPROP, "del", now->link.altname[i]);
}

void link_apply(struct work *work, const struct host_snapshot *now)
{
	const struct host_link *to = &work->wanted->link, *from = &now->link;

	if (work->flags & HOST_WITH_MAC)
		apply_mac(work, from);
	if (work->flags & HOST_WITH_NAMES)
		apply_names(work, from);
	apply_u32(work, "mtu", IFLA_MTU, from->mtu, to->mtu);
	apply_u32(work, "txqueuelen", IFLA_TXQLEN, from->txqueuelen, to->txqueuelen);
	apply_u32(work, "group", IFLA_GROUP, from->group, to->group);
	if (strcmp(from->alias, to->alias) != 0)
		work_order(work,
			order(work, RTM_NEWLINK, 0, 0, IFLA_IFALIAS, to->alias, strlen(to->alias)),
			"link set dev %s alias \"%s\"", work->target.name, to->alias);
}

// Only an interface that is up and hears routers takes one.
static void apply_token(struct work *work, const struct host_link *now)
{
	const uint8_t *token = work->wanted->link.token;
	struct nlattr *families, *v6;
	char text[INET6_ADDRSTRLEN];
	struct nl_msg *msg;

	if (memcmp(token, now->token, sizeof(now->token)) == 0)
		return;
	msg = order(work, RTM_NEWLINK, 0, 0, 0, NULL, 0);
	families = msg != NULL ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;
	v6 = families != NULL ? nla_nest_start(msg, AF_INET6) : NULL;
	if (v6 == NULL || nla_put(msg, IFLA_INET6_TOKEN, sizeof(now->token), token) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	} else {
		nla_nest_end(msg, v6);
		nla_nest_end(msg, families);
	}
	inet_ntop(AF_INET6, token, text, sizeof(text));
	work_order(work, msg, "token set %s dev %s", text, work->target.name);
}

void link_apply_flags(struct work *work, const struct host_snapshot *now)
{
	static const struct {
		unsigned flag;
		const char *on, *off;
	} words[] = {
		{IFF_NOARP, "arp off", "arp on"}, {IFF_MULTICAST, "multicast on", "multicast off"},
		{IFF_ALLMULTI, "allmulticast on", "allmulticast off"},
		{IFF_PROMISC, "promisc on", "promisc off"},
		{IFF_UP, "up", "down"}, // with all else in place
	};
	uint32_t wanted = work->wanted->link.flags, differ = wanted ^ now->link.flags;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (differ & words[i].flag)
			work_order(work,
				order(work, RTM_NEWLINK, wanted & words[i].flag, words[i].flag, 0,
					NULL, 0),
				"link set dev %s %s", work->target.name,
				wanted & words[i].flag ? words[i].on : words[i].off);
	apply_token(work, &now->link);
}
