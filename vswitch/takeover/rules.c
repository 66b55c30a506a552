/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "record.h"
#include "words.h"

static const struct attr_rule attrs[] = {
	{FRA_DST, ATTR_IP},
	{FRA_SRC, ATTR_IP},
	{FRA_IIFNAME, ATTR_IFNAME},
	{FRA_GOTO, ATTR_U32},
	{FRA_PRIORITY, ATTR_U32},
	{FRA_FWMARK, ATTR_U32},
	{FRA_FLOW, ATTR_U32},
	{FRA_TUN_ID, ATTR_U64},
	{FRA_SUPPRESS_IFGROUP, ATTR_U32},
	{FRA_SUPPRESS_PREFIXLEN, ATTR_U32},
	{FRA_TABLE, ATTR_U32},
	{FRA_FWMASK, ATTR_U32},
	{FRA_OIFNAME, ATTR_IFNAME},
	{FRA_PAD, ATTR_DROP},
	{FRA_L3MDEV, ATTR_U8},
	{FRA_UID_RANGE, ATTR_U64}, // two ids
	{FRA_PROTOCOL, ATTR_U8},
	{FRA_IP_PROTO, ATTR_U8},
	{FRA_SPORT_RANGE, ATTR_U32}, // two ports
	{FRA_DPORT_RANGE, ATTR_U32},
	// Newer than the headers that we build with.
	{25, ATTR_U8},  // FRA_DSCP
	{26, ATTR_U32}, // FRA_FLOWLABEL
	{27, ATTR_U32}, // FRA_FLOWLABEL_MASK
	{28, ATTR_U16}, // FRA_SPORT_MASK
	{29, ATTR_U16}, // FRA_DPORT_MASK
	{30, ATTR_U8},  // FRA_DSCP_MASK
	{},
};

static bool names(const struct host_record *record, int type, const char *ifname)
{
	const struct nlattr *attr = record_get(record, type);

	return attr != NULL && strcmp(nla_data(attr), ifname) == 0;
}

static bool keep(struct take *take, const struct nlmsghdr *, struct host_record *record)
{
	struct fib_rule_hdr *rule = &record->header.rule;
	const char *own = take->into->link.name;
	uint32_t table = rule->table;

	if (!names(record, FRA_IIFNAME, own) && !names(record, FRA_OIFNAME, own))
		return false;
	if (record_get(record, FRA_TABLE) == NULL)
		record_put(record, FRA_TABLE, &table, sizeof(table));
	rule->table = RT_TABLE_UNSPEC;
	rule->flags &= FIB_RULE_INVERT;
	rule->res1 = 0;
	rule->res2 = 0;
	return true;
}

static bool is_valid(const struct host_record *record)
{
	const struct fib_rule_hdr *rule = &record->header.rule;
	unsigned max = rule->family == AF_INET ? 32 : 128;

	return rule->dst_len <= max && rule->src_len <= max && rule->table == RT_TABLE_UNSPEC &&
	       (rule->flags & ~(unsigned)FIB_RULE_INVERT) == 0 && rule->action != FR_ACT_UNSPEC &&
	       rule->action < __FR_ACT_MAX && rule->res1 == 0 && rule->res2 == 0 &&
	       (rule->dst_len == 0 || record_get(record, FRA_DST) != NULL) &&
	       (rule->src_len == 0 || record_get(record, FRA_SRC) != NULL) &&
	       (names(record, FRA_IIFNAME, "") || names(record, FRA_OIFNAME, ""));
}

static void say_name(
	struct words *words, const char *before, const struct host_record *record, int type)
{
	const struct nlattr *attr = record_get(record, type);
	const char *name = attr != NULL ? nla_data(attr) : NULL;

	if (name != NULL)
		words_add(words, "%s%s", before, name[0] != '\0' ? name : words_link(words, 0));
}

static void say(struct words *words, const struct host_record *record)
{
	const struct fib_rule_hdr *rule = &record->header.rule;
	const struct nlattr *proto = record_get(record, FRA_IP_PROTO);

	words_add(words, "%s pref %u%s from", rule->family == AF_INET6 ? " inet6" : "",
		record_u32(record, FRA_PRIORITY), rule->flags & FIB_RULE_INVERT ? " not" : "");
	if (record_get(record, FRA_SRC) == NULL) {
		words_add(words, " all");
	} else {
		words_ip_of(words, " ", record, FRA_SRC);
		words_add(words, "/%u", rule->src_len);
	}
	if (record_get(record, FRA_DST) != NULL) {
		words_ip_of(words, " to ", record, FRA_DST);
		words_add(words, "/%u", rule->dst_len);
	}
	if (record_get(record, FRA_FWMARK) != NULL)
		words_add(words, " fwmark 0x%x/0x%x", record_u32(record, FRA_FWMARK),
			record_u32(record, FRA_FWMASK));
	say_name(words, " iif ", record, FRA_IIFNAME);
	say_name(words, " oif ", record, FRA_OIFNAME);
	if (proto != NULL)
		words_add(words, " ipproto %u", nla_get_u8(proto));
	if (rule->action == FR_ACT_TO_TBL)
		words_u32_of(words, " lookup ", record, FRA_TABLE);
	else if (rule->action == FR_ACT_GOTO)
		words_u32_of(words, " goto ", record, FRA_GOTO);
	else
		words_add(words, " action %u", rule->action);
}

const struct record_ops rule_ops = {
	.noun = "rule",
	.key = "rules",
	.get = RTM_GETRULE,
	.add = RTM_NEWRULE,
	.del = RTM_DELRULE,
	.header_size = sizeof(struct fib_rule_hdr),
	.attrs = attrs,
	.keep = keep,
	.is_valid = is_valid,
	.say = say,
};
