/* SPDX-License-Identifier: BSD-3-Clause */
#include "link_table.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "inventory.h"

struct entry {
	struct nic_link now;
	char told_name[VSW_IFNAME_SIZE];
	uint32_t told_flags;
	uint32_t listing; // the last one it was seen in
	bool told;
	bool gone;
};

struct link_table {
	struct entry *entry;
	size_t n, room;
	uint32_t listing;
	bool is_listing;
	bool spoiled; // the kernel changed its list while it was read
};

struct link_table *link_table_create(void)
{
	return calloc(1, sizeof(struct link_table));
}

void link_table_destroy(struct link_table *table)
{
	if (table != NULL)
		free(table->entry);
	free(table);
}

void link_table_expect_list(struct link_table *table)
{
	table->listing++;
	table->is_listing = true;
	table->spoiled = false;
}

bool link_table_is_listing(const struct link_table *table)
{
	return table->is_listing;
}

// --- messages --------------------------------------------------------------------------------

static void take_text(char *to, size_t size, const struct nlattr *attr)
{
	snprintf(to, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
		(const char *)mnl_attr_get_payload(attr));
}

static void take_mac(uint8_t mac[6], const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) == 6)
		memcpy(mac, mnl_attr_get_payload(attr), 6);
}

// libmnl's other loops round a message's length up.
static void take_kind(char *kind, size_t size, const struct nlattr *info)
{
	const void *data = mnl_attr_get_payload(info);
	size_t len = mnl_attr_get_payload_len(info);
	const struct nlattr *attr;

	mnl_attr_for_each_payload(data, len) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		take_text(kind, size, attr);
}

static bool is_own_alias(const struct nlattr *attr)
{
	size_t len = strlen(NIC_OWN_ALIAS);

	return mnl_attr_get_payload_len(attr) >= len &&
	       memcmp(mnl_attr_get_payload(attr), NIC_OWN_ALIAS, len) == 0;
}

// 0, or -EBADMSG: nothing to go by.
static int parse(const struct nlmsghdr *message, struct nic_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	size_t len = mnl_nlmsg_get_payload_len(message);
	const struct nlattr *attr;
	const void *attrs;
	char kind[16] = "";
	bool own = false;

	*link = (struct nic_link){};
	if (len < sizeof(*info) || info->ifi_index <= 0)
		return -EBADMSG;
	attrs = info + 1;
	len -= sizeof(*info);
	link->ifindex = info->ifi_index;
	link->flags = info->ifi_flags & (IFF_UP | IFF_RUNNING);
	mnl_attr_for_each_payload(attrs, len)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME: take_text(link->ifname, sizeof(link->ifname), attr); break;
		case IFLA_IFALIAS: own = is_own_alias(attr); break;
		case IFLA_ADDRESS: take_mac(link->mac, attr); break;
		case IFLA_PERM_ADDRESS: take_mac(link->perm_mac, attr); break;
		case IFLA_LINKINFO: take_kind(kind, sizeof(kind), attr); break;
		}
	}
	link->physical = kind[0] == '\0';
	link->nic = info->ifi_type == ARPHRD_ETHER && !(info->ifi_flags & IFF_LOOPBACK) && !own &&
	            !nic_is_kind_unfit(kind);
	return 0;
}

// --- the table -------------------------------------------------------------------------------

static struct entry *find(const struct link_table *table, unsigned ifindex)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->entry[i].now.ifindex == ifindex && !table->entry[i].gone)
			return &table->entry[i];
	return NULL;
}

// NULL when out of memory: that interface is not followed.
static struct entry *append(struct link_table *table)
{
	if (table->n == table->room) {
		size_t room = 2 * table->room + 16;
		struct entry *entry = realloc(table->entry, room * sizeof(*entry));

		if (entry == NULL)
			return NULL;
		table->entry = entry;
		table->room = room;
	}
	table->entry[table->n] = (struct entry){};
	return &table->entry[table->n++];
}

static void take_link(struct link_table *table, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct nic_link link;
	struct entry *entry;

	// A bridge tells of its members in messages of its own family.
	if (parse(message, &link) < 0 || info->ifi_family != AF_UNSPEC)
		return;
	entry = find(table, link.ifindex);
	if (message->nlmsg_type == RTM_DELLINK) {
		if (entry != NULL)
			entry->gone = true;
		return;
	}
	if (link.ifname[0] == '\0')
		return;
	if (entry == NULL)
		entry = append(table);
	if (entry == NULL)
		return;
	entry->now = link;
	entry->listing = table->listing;
}

static int end_list(struct link_table *table)
{
	if (!table->is_listing)
		return 0;
	table->is_listing = false;
	if (table->spoiled)
		return -EAGAIN;
	for (size_t i = 0; i < table->n; i++)
		if (table->entry[i].listing != table->listing)
			table->entry[i].gone = true;
	return 0;
}

// mnl_nlmsg_ok() takes a length past INT_MAX for a negative one, which fits.
static bool is_whole(const struct nlmsghdr *message, size_t left)
{
	return left >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= left;
}

int link_table_take(struct link_table *table, const void *data, size_t len)
{
	const struct nlmsghdr *message = data;
	size_t step;
	int ret = 0;

	for (; is_whole(message, len); len -= step) {
		table->spoiled |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		switch (message->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK: take_link(table, message); break;
		case NLMSG_DONE: ret = end_list(table); break;
		// The kernel gives no list now: what is known has to do.
		case NLMSG_ERROR: table->is_listing = false; break;
		}
		step = NLMSG_ALIGN((size_t)message->nlmsg_len);
		if (step >= len)
			break;
		message = (const void *)((const uint8_t *)message + step);
	}
	return ret;
}

// --- telling ---------------------------------------------------------------------------------

static void forget_gone(struct link_table *table, link_change_fn fn, void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct entry *entry = &table->entry[i];

		if (!entry->gone)
			table->entry[kept++] = *entry;
		else if (entry->told && fn != NULL)
			fn(LINK_REMOVED, &entry->now, entry->now.ifname, arg);
	}
	table->n = kept;
}

static bool differs(const struct entry *entry, enum link_change *change)
{
	if (!entry->told)
		*change = LINK_ADDED;
	else if (strcmp(entry->told_name, entry->now.ifname) != 0)
		*change = LINK_RENAMED;
	else if (entry->told_flags != entry->now.flags)
		*change = LINK_FLAGS;
	else
		return false;
	return entry->told || entry->now.nic;
}

void link_table_tell(struct link_table *table, link_change_fn fn, void *arg)
{
	enum link_change change;

	forget_gone(table, fn, arg);
	for (size_t i = 0; i < table->n; i++) {
		struct entry *entry = &table->entry[i];
		const struct nic_link *link = &entry->now;

		if (!differs(entry, &change))
			continue;
		if (fn != NULL)
			fn(change, link, entry->told ? entry->told_name : link->ifname, arg);
		entry->told = true;
		entry->told_flags = link->flags;
		memcpy(entry->told_name, link->ifname, sizeof(entry->told_name));
	}
}
