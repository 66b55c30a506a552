/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct record_ops *const record_ops[HOST_N_KINDS] = {
	[HOST_ADDRESSES] = &address_ops,
	[HOST_NEXTHOPS] = &nexthop_ops,
	[HOST_ROUTES] = &route_ops,
	[HOST_NEIGHBOURS] = &neighbour_ops,
	[HOST_RULES] = &rule_ops,
};

// --- attributes ------------------------------------------------------------------------------

static const struct attr_rule *find_rule(const struct record_ops *ops, int type)
{
	for (const struct attr_rule *rule = ops->attrs; rule->type != 0; rule++)
		if (rule->type == type)
			return rule;
	return NULL;
}

bool record_knows(const struct record_ops *ops, int type)
{
	return find_rule(ops, type) != NULL;
}

enum attr_kind record_kind_of(const struct record_ops *ops, int type)
{
	const struct attr_rule *rule = find_rule(ops, type);

	return rule != NULL ? rule->kind : ATTR_DROP;
}

const struct nlattr *record_get(const struct host_record *record, int type)
{
	return record->size > 0 ? nla_find(record->attrs, (int)record->size, type) : NULL;
}

uint32_t record_u32(const struct host_record *record, int type)
{
	const struct nlattr *attr = record_get(record, type);

	return attr != NULL && nla_len(attr) == 4 ? nla_get_u32(attr) : 0;
}

void record_remove(struct host_record *record, int type)
{
	struct nlattr *attr = (struct nlattr *)record_get(record, type);
	uint32_t from, len;

	if (attr == NULL)
		return;
	from = (uint32_t)((char *)attr - (char *)record->attrs);
	len = NLA_ALIGN(attr->nla_len);
	memmove(attr, (char *)attr + len, record->size - from - len);
	record->size -= len;
}

int record_put(struct host_record *record, int type, const void *data, size_t size)
{
	size_t room = NLA_ALIGN(NLA_HDRLEN + size);
	struct nlattr *attrs, *attr;

	if (record->size + room > RECORD_MAX_ATTRS)
		return -EMSGSIZE;
	attrs = realloc(record->attrs, record->size + room);
	if (attrs == NULL)
		return -ENOMEM;
	record->attrs = attrs;
	attr = (struct nlattr *)((char *)attrs + record->size);
	memset(attr, 0, room);
	attr->nla_type = (uint16_t)type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size > 0)
		memcpy(nla_data(attr), data, size);
	record->size += (uint32_t)room;
	return 0;
}

struct rtnexthop *record_hop(const struct nlattr *hops, const struct rtnexthop *after)
{
	const char *end = (const char *)nla_data(hops) + nla_len(hops);
	const char *at = nla_data(hops);
	const struct rtnexthop *hop;

	if (after != NULL)
		at = (const char *)after + RTNH_ALIGN(after->rtnh_len);
	hop = (const struct rtnexthop *)at;
	if (end - at < (long)sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
		hop->rtnh_len > end - at)
		return NULL;
	return (struct rtnexthop *)hop;
}

int record_copy(const struct host_record *from, struct host_record *to)
{
	*to = *from;
	to->attrs = malloc(from->size > 0 ? from->size : 1);
	if (to->attrs == NULL)
		return -ENOMEM;
	if (from->size > 0)
		memcpy(to->attrs, from->attrs, from->size);
	return 0;
}

// --- lists -----------------------------------------------------------------------------------

int records_append(struct host_records *list, struct host_record *record)
{
	if (list->n == list->room) {
		size_t room = list->room == 0 ? 16 : 2 * list->room;
		struct host_record *more = realloc(list->record, room * sizeof(*more));

		if (more == NULL) {
			free(record->attrs);
			return -ENOMEM;
		}
		list->record = more;
		list->room = room;
	}
	list->record[list->n++] = *record;
	return 0;
}

void records_clear(struct host_records *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->record[i].attrs);
	free(list->record);
	*list = (struct host_records){};
}

// --- from the kernel -------------------------------------------------------------------------

static int copy_attrs(const struct record_ops *ops, const struct nlmsghdr *told,
	struct host_record *record, int *unknown)
{
	struct nlattr *attr;
	int left;

	*unknown = 0;
	nlmsg_for_each_attr(attr, (struct nlmsghdr *)told, (int)ops->header_size, left)
	{
		int ret, type = nla_type(attr);

		if (!record_knows(ops, type)) {
			*unknown = type;
			continue;
		}
		if (record_kind_of(ops, type) == ATTR_DROP)
			continue;
		ret = record_put(record, type, nla_data(attr), (size_t)nla_len(attr));
		if (ret < 0)
			return ret;
	}
	return 0;
}

// The own interface's name, or what it begins, becomes the empty one.
static int strip_own_name(
	const struct host_snapshot *into, struct host_record *record, int type, enum attr_kind kind)
{
	const char *text = nla_data(record_get(record, type));
	size_t len = strlen(into->link.name);
	char rest[IFNAMSIZ];

	if (strncmp(text, into->link.name, len) != 0)
		return 0;
	if (text[len] != '\0' && (kind != ATTR_LABEL || text[len] != ':'))
		return 0;
	snprintf(rest, sizeof(rest), "%s", text + len);
	record_remove(record, type);
	if (kind == ATTR_LABEL && rest[0] == '\0')
		return 0;
	return record_put(record, type, rest, strlen(rest) + 1);
}

static int number_hops(struct host_snapshot *into, const struct nlattr *attr)
{
	for (struct rtnexthop *hop = record_hop(attr, NULL); hop != NULL;
		hop = record_hop(attr, hop)) {
		int link = snapshot_link(into, (uint32_t)hop->rtnh_ifindex);

		if (link < 0)
			return link;
		hop->rtnh_ifindex = link;
		hop->rtnh_flags &= RTNH_F_ONLINK;
	}
	return 0;
}

// Says it without this interface's number and name.
static int make_lasting(
	struct host_snapshot *into, const struct record_ops *ops, struct host_record *record)
{
	for (const struct attr_rule *rule = ops->attrs; rule->type != 0; rule++) {
		struct nlattr *attr = (struct nlattr *)record_get(record, rule->type);
		int ret = 0;

		if (attr == NULL)
			continue;
		if (rule->kind == ATTR_LINK) {
			ret = snapshot_link(into, nla_get_u32(attr));
			if (ret >= 0)
				*(uint32_t *)nla_data(attr) = (uint32_t)ret;
		} else if (rule->kind == ATTR_HOPS) {
			ret = number_hops(into, attr);
		} else if (rule->kind == ATTR_IFNAME || rule->kind == ATTR_LABEL) {
			ret = strip_own_name(into, record, rule->type, rule->kind);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int on_told(const struct nlmsghdr *told, void *arg)
{
	struct take *take = arg;
	const struct record_ops *ops = record_ops[take->kind];
	struct host_record record = {};
	int unknown, ret;

	if (told->nlmsg_type != ops->add || told->nlmsg_len < NLMSG_LENGTH(ops->header_size))
		return 0;
	memcpy(record.header.bytes, nlmsg_data(told), ops->header_size);
	ret = copy_attrs(ops, told, &record, &unknown);
	if (ret < 0 || !ops->keep(take, told, &record)) {
		free(record.attrs);
		return ret;
	}
	ret = make_lasting(take->into, ops, &record);
	if (ret < 0) {
		free(record.attrs);
		return ret == -ENODEV ? 0 : ret; // its interface went away while we read
	}
	if (unknown != 0)
		snapshot_leave(take->into, "%s with attribute %d, which this program does not know",
			ops->noun, unknown);
	return records_append(&take->into->records[take->kind], &record);
}

static void on_restart(void *arg)
{
	struct take *take = arg;
	struct host_snapshot *into = take->into;

	records_clear(&into->records[take->kind]);
	while (into->n_left > take->n_left)
		free(into->left[--into->n_left]);
}

static int dump(struct take *take, const void *header)
{
	const struct record_ops *ops = record_ops[take->kind];
	const struct kernel_reader reader = {.each = on_told, .restart = on_restart, .arg = take};

	return kernel_dump(take->kernel, ops->get, header, ops->header_size, &reader);
}

// Each family, and what comes in a table of its own.
static unsigned rounds_of(enum host_kind kind)
{
	return kind == HOST_NEIGHBOURS ? 4 : 2;
}

int records_take(struct kernel *kernel, struct host_snapshot *into, enum host_kind kind)
{
	struct host_records found = {}, *list = &into->records[kind];
	struct take take = {.kernel = kernel, .into = into, .kind = kind};
	int ret = 0;

	records_clear(list);
	for (unsigned i = 0; ret == 0 && i < rounds_of(kind); i++) {
		struct host_record ask = {.header.family = i % 2 == 0 ? AF_INET : AF_INET6};

		if (kind == HOST_NEXTHOPS) { // all families at once
			ask.header.family = AF_UNSPEC;
			take.singles = i == 0 ? NULL : &found;
		}
		if (kind == HOST_NEIGHBOURS && i >= 2)
			ask.header.neighbour.ndm_flags = NTF_PROXY;
		take.n_left = into->n_left;
		ret = dump(&take, ask.header.bytes);
		// IPv6 may be missing, or policy routing; kernels before 5.3 have no next hops.
		if (ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP)
			ret = 0;
		for (size_t n = 0; n < list->n; n++)
			if (records_append(&found, &list->record[n]) < 0)
				ret = -ENOMEM;
		free(list->record);
		*list = (struct host_records){};
	}
	*list = found;
	return ret;
}
