/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "words.h"

static const struct attr_rule attrs[] = {
	{RTA_DST, ATTR_IP},
	{RTA_SRC, ATTR_IP},
	{RTA_OIF, ATTR_LINK},
	{RTA_GATEWAY, ATTR_IP},
	{RTA_PRIORITY, ATTR_U32},
	{RTA_PREFSRC, ATTR_IP},
	{RTA_METRICS, ATTR_METRICS},
	{RTA_MULTIPATH, ATTR_HOPS},
	{RTA_FLOW, ATTR_U32},
	{RTA_CACHEINFO, ATTR_DROP}, // becomes RTA_EXPIRES
	{RTA_TABLE, ATTR_U32},
	{RTA_VIA, ATTR_VIA},
	{RTA_PREF, ATTR_U8},
	{RTA_ENCAP_TYPE, ATTR_U16},
	{RTA_ENCAP, ATTR_BLOB},
	{RTA_EXPIRES, ATTR_EXPIRES},
	{RTA_PAD, ATTR_DROP},
	{RTA_NH_ID, ATTR_U32},
	{},
};

static bool leaves_by(const struct take *take, const struct host_record *record)
{
	const struct host_records *nexthops = &take->into->records[HOST_NEXTHOPS];
	const struct nlattr *hops = record_get(record, RTA_MULTIPATH);
	uint32_t id = record_u32(record, RTA_NH_ID), own = take->into->ifindex;

	for (size_t i = 0; id != 0 && i < nexthops->n; i++)
		if (record_u32(&nexthops->record[i], NHA_ID) == id)
			return true;
	for (const struct rtnexthop *hop = hops != NULL ? record_hop(hops, NULL) : NULL;
		hop != NULL; hop = record_hop(hops, hop))
		if ((uint32_t)hop->rtnh_ifindex == own)
			return true;
	return record_u32(record, RTA_OIF) == own;
}

// Comes and goes with an address or a packet; not what NetworkManager adds with `proto kernel`.
static bool is_of_kernel(const struct rtmsg *route)
{
	if (route->rtm_flags & RTM_F_CLONED || route->rtm_protocol == RTPROT_REDIRECT)
		return true;
	return route->rtm_protocol == RTPROT_KERNEL &&
	       (route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_BROADCAST ||
		       route->rtm_type == RTN_ANYCAST || route->rtm_type == RTN_MULTICAST);
}

static void keep_expiry(const struct nlmsghdr *told, struct host_record *record)
{
	const struct nlattr *attr =
		nlmsg_find_attr((struct nlmsghdr *)told, sizeof(struct rtmsg), RTA_CACHEINFO);
	const struct rta_cacheinfo *cache = attr != NULL ? nla_data(attr) : NULL;
	long ticks = sysconf(_SC_CLK_TCK);
	uint32_t seconds;

	if (cache == NULL || (size_t)nla_len(attr) < sizeof(*cache) || cache->rta_expires <= 0 ||
		ticks <= 0)
		return;
	seconds = (uint32_t)(cache->rta_expires / ticks) + 1;
	record_put(record, RTA_EXPIRES, &seconds, sizeof(seconds));
}

static bool keep(struct take *take, const struct nlmsghdr *told, struct host_record *record)
{
	struct rtmsg *route = &record->header.route;
	uint32_t table = route->rtm_table;

	if (is_of_kernel(route) || !leaves_by(take, record))
		return false;
	// An object tells all of it: the kernel refuses both.
	if (record_get(record, RTA_NH_ID) != NULL) {
		static const int by_object[] = {RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH,
			RTA_ENCAP, RTA_ENCAP_TYPE, RTA_FLOW};

		for (size_t i = 0; i < sizeof(by_object) / sizeof(by_object[0]); i++)
			record_remove(record, by_object[i]);
	}
	if (route->rtm_family == AF_INET6)
		keep_expiry(told, record);
	if (record_get(record, RTA_TABLE) == NULL)
		record_put(record, RTA_TABLE, &table, sizeof(table));
	route->rtm_table = RT_TABLE_UNSPEC;
	route->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	return true;
}

static bool is_valid(const struct host_record *record)
{
	const struct rtmsg *route = &record->header.route;
	unsigned max = route->rtm_family == AF_INET ? 32 : 128;
	unsigned ways = (record_get(record, RTA_OIF) != NULL) +
	                (record_get(record, RTA_MULTIPATH) != NULL) +
	                (record_get(record, RTA_NH_ID) != NULL);

	return route->rtm_dst_len <= max && route->rtm_src_len <= max && ways == 1 &&
	       route->rtm_type != RTN_UNSPEC && route->rtm_type < __RTN_MAX &&
	       route->rtm_table == RT_TABLE_UNSPEC &&
	       (route->rtm_flags & ~(unsigned)(RTNH_F_ONLINK | RTNH_F_PERVASIVE)) == 0 &&
	       record_u32(record, RTA_TABLE) != 0 &&
	       (route->rtm_dst_len == 0 || record_get(record, RTA_DST) != NULL);
}

// --- words -----------------------------------------------------------------------------------

static const char *const types[__RTN_MAX] = {
	[RTN_LOCAL] = "local ",
	[RTN_BROADCAST] = "broadcast ",
	[RTN_ANYCAST] = "anycast ",
	[RTN_MULTICAST] = "multicast ",
	[RTN_BLACKHOLE] = "blackhole ",
	[RTN_UNREACHABLE] = "unreachable ",
	[RTN_PROHIBIT] = "prohibit ",
	[RTN_THROW] = "throw ",
	[RTN_NAT] = "nat ",
};

static void say_via(struct words *words, const struct nlattr *via)
{
	const struct rtvia *to = via != NULL ? nla_data(via) : NULL;

	if (to != NULL)
		words_ip(words, to->rtvia_family == AF_INET6 ? " via inet6 " : " via ",
			to->rtvia_family, to->rtvia_addr, (size_t)nla_len(via) - sizeof(*to));
}

static void say_hops(struct words *words, const struct nlattr *hops, unsigned family)
{
	for (const struct rtnexthop *hop = record_hop(hops, NULL); hop != NULL;
		hop = record_hop(hops, hop)) {
		struct nlattr *first = (struct nlattr *)(hop + 1);
		int len = hop->rtnh_len - (int)sizeof(*hop);
		struct nlattr *gateway = nla_find(first, len, RTA_GATEWAY);

		words_add(words, " nexthop");
		if (gateway != NULL)
			words_ip(words, " via ", family, nla_data(gateway),
				(size_t)nla_len(gateway));
		say_via(words, nla_find(first, len, RTA_VIA));
		words_add(words, " dev %s weight %u",
			words_link(words, (uint32_t)hop->rtnh_ifindex), hop->rtnh_hops + 1u);
		if (hop->rtnh_flags & RTNH_F_ONLINK)
			words_add(words, " onlink");
	}
}

static void say_way(struct words *words, const struct host_record *record)
{
	const struct rtmsg *route = &record->header.route;
	const struct nlattr *hops = record_get(record, RTA_MULTIPATH);

	words_u32_of(words, " nhid ", record, RTA_NH_ID);
	words_ip_of(words, " via ", record, RTA_GATEWAY);
	say_via(words, record_get(record, RTA_VIA));
	if (record_get(record, RTA_OIF) != NULL)
		words_add(words, " dev %s", words_link(words, record_u32(record, RTA_OIF)));
	if (record_u32(record, RTA_TABLE) != RT_TABLE_MAIN)
		words_u32_of(words, " table ", record, RTA_TABLE);
	if (route->rtm_protocol == RTPROT_KERNEL)
		words_add(words, " proto kernel");
	else if (route->rtm_protocol != RTPROT_BOOT)
		words_add(words, " proto %u", route->rtm_protocol);
	if (route->rtm_family == AF_INET && route->rtm_scope == RT_SCOPE_LINK)
		words_add(words, " scope link");
	if (hops != NULL)
		say_hops(words, hops, route->rtm_family);
}

static void say(struct words *words, const struct host_record *record)
{
	const struct rtmsg *route = &record->header.route;
	const struct nlattr *metrics = record_get(record, RTA_METRICS);

	words_add(words, " %s", types[route->rtm_type] != NULL ? types[route->rtm_type] : "");
	if (record_get(record, RTA_DST) == NULL) {
		words_add(words, route->rtm_family == AF_INET6 ? "default inet6" : "default");
	} else {
		words_ip_of(words, "", record, RTA_DST);
		words_add(words, "/%u", route->rtm_dst_len);
	}
	if (record_get(record, RTA_SRC) != NULL) {
		words_ip_of(words, " from ", record, RTA_SRC);
		words_add(words, "/%u", route->rtm_src_len);
	}
	if (route->rtm_tos != 0)
		words_add(words, " tos 0x%02x", route->rtm_tos);
	say_way(words, record);
	words_ip_of(words, " src ", record, RTA_PREFSRC);
	words_u32_of(words, " metric ", record, RTA_PRIORITY);
	if (metrics != NULL) {
		static const char *const names[RTAX_MAX + 1] = {
			[RTAX_MTU] = "mtu", [RTAX_ADVMSS] = "advmss", [RTAX_INITCWND] = "initcwnd"};
		struct nlattr *attr;
		int left;

		nla_for_each_nested(attr, (struct nlattr *)metrics, left)
		{
			int type = nla_type(attr);

			if (type <= RTAX_MAX && names[type] != NULL && nla_len(attr) == 4)
				words_add(words, " %s %u", names[type], nla_get_u32(attr));
		}
	}
	if (record_get(record, RTA_EXPIRES) != NULL)
		words_seconds(words, " expires ", record_u32(record, RTA_EXPIRES));
	if (route->rtm_flags & RTNH_F_ONLINK)
		words_add(words, " onlink");
}

const struct record_ops route_ops = {
	.noun = "route",
	.key = "routes",
	.get = RTM_GETROUTE,
	.add = RTM_NEWROUTE,
	.del = RTM_DELROUTE,
	.header_size = sizeof(struct rtmsg),
	.attrs = attrs,
	.keep = keep,
	.is_valid = is_valid,
	.say = say,
};
