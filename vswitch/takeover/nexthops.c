/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"
#include "words.h"

static const struct attr_rule attrs[] = {
	{NHA_ID, ATTR_U32},
	{NHA_GROUP, ATTR_GROUP},
	{NHA_GROUP_TYPE, ATTR_U16},
	{NHA_OIF, ATTR_LINK},
	{NHA_GATEWAY, ATTR_IP},
	{NHA_ENCAP_TYPE, ATTR_U16},
	{NHA_ENCAP, ATTR_BLOB},
	{NHA_FDB, ATTR_FLAG},
	{NHA_RES_GROUP, ATTR_DROP},
	{14, ATTR_DROP}, // NHA_OP_FLAGS
	{15, ATTR_DROP}, // NHA_GROUP_STATS
	{16, ATTR_DROP}, // NHA_HW_STATS_ENABLE
	{17, ATTR_DROP}, // NHA_HW_STATS_USED
	{},
};

static bool is_own(const struct host_records *list, uint32_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (record_u32(&list->record[i], NHA_ID) == id)
			return true;
	return false;
}

static bool keep_group(struct take *take, struct host_record *record, const struct nlattr *group)
{
	const struct nexthop_grp *member = nla_data(group);
	const struct nlattr *type = record_get(record, NHA_GROUP_TYPE);
	bool own = false;

	for (size_t n = (size_t)nla_len(group) / sizeof(*member); n > 0; n--)
		own = own || is_own(take->singles, member[n - 1].id);
	if (own && type != NULL && nla_get_u16(type) != NEXTHOP_GRP_TYPE_MPATH) {
		snapshot_leave(take->into, "nexthop group %u: not a plain multipath one",
			record_u32(record, NHA_ID));
		return false;
	}
	return own;
}

static bool keep(struct take *take, const struct nlmsghdr *, struct host_record *record)
{
	const struct nlattr *group = record_get(record, NHA_GROUP);

	record->header.nexthop.nh_flags &= RTNH_F_ONLINK;
	record->header.nexthop.resvd = 0;
	record->header.nexthop.nh_scope = 0; // the kernel finds out by itself
	if (take->singles != NULL)
		return group != NULL && keep_group(take, record, group);
	return group == NULL && record_u32(record, NHA_OIF) == take->into->ifindex;
}

static bool is_valid(const struct host_record *record)
{
	return record_u32(record, NHA_ID) != 0 && record->header.nexthop.resvd == 0 &&
	       (record->header.nexthop.nh_flags & ~(unsigned)RTNH_F_ONLINK) == 0 &&
	       (record_get(record, NHA_GROUP) == NULL) == (record_get(record, NHA_OIF) != NULL);
}

static void say(struct words *words, const struct host_record *record)
{
	const struct nlattr *group = record_get(record, NHA_GROUP);

	words_u32_of(words, " id ", record, NHA_ID);
	if (group != NULL) {
		const struct nexthop_grp *member = nla_data(group);
		size_t n = (size_t)nla_len(group) / sizeof(*member);

		for (size_t i = 0; i < n; i++)
			words_add(words, "%s%u,%u", i == 0 ? " group " : "/", member[i].id,
				member[i].weight + 1u);
		return;
	}
	words_ip_of(words, " via ", record, NHA_GATEWAY);
	words_add(words, " dev %s", words_link(words, record_u32(record, NHA_OIF)));
	if (record->header.nexthop.nh_flags & RTNH_F_ONLINK)
		words_add(words, " onlink");
	if (record_get(record, NHA_FDB) != NULL)
		words_add(words, " fdb");
}

const struct record_ops nexthop_ops = {
	.noun = "nexthop",
	.key = "nexthops",
	.get = RTM_GETNEXTHOP,
	.add = RTM_NEWNEXTHOP,
	.del = RTM_DELNEXTHOP,
	.header_size = sizeof(struct nhmsg),
	.attrs = attrs,
	.keep = keep,
	.is_valid = is_valid,
	.say = say,
};
