/* SPDX-License-Identifier: BSD-3-Clause */
#include "match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IPV6_PREFIX_METRIC 256 // the kernel's, of routes that come with an address

static int by_hash(const void *a, const void *b)
{
	const struct host_record *x = *(const struct host_record *const *)a;
	const struct host_record *y = *(const struct host_record *const *)b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

// The first of those with that hash, or where it would be.
static size_t find(struct host_record **sorted, size_t n, uint32_t hash)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted[middle]->hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#define NOT_THERE SIZE_MAX

// Where it is in the list of now.
static size_t pair_up(enum host_kind kind, const struct host_snapshot *wanted,
	const struct host_record *record, const struct host_snapshot *now,
	struct host_record **sorted, bool *extra)
{
	const struct host_records *list = &now->records[kind];
	uint32_t hash = record_hash(record_ops[kind], record);

	for (size_t i = find(sorted, list->n, hash); i < list->n && sorted[i]->hash == hash; i++) {
		size_t at = (size_t)(sorted[i] - list->record);

		if (!extra[at] || !record_equal(record_ops[kind], wanted, record, now, sorted[i]))
			continue;
		// One that still asks the network whether it may be used has to be made anew.
		if (kind == HOST_ADDRESSES && address_is_unfit(sorted[i]))
			continue;
		extra[at] = false;
		return at;
	}
	return NOT_THERE;
}

static bool same_class(const struct host_record *a, const struct host_record *b)
{
	const uint32_t secondary = IFA_F_SECONDARY;

	return a->header.family == b->header.family &&
	       a->header.address.ifa_scope == b->header.address.ifa_scope &&
	       (a->header.family == AF_INET6 ||
		       ((record_u32(a, IFA_FLAGS) ^ record_u32(b, IFA_FLAGS)) & secondary) == 0);
}

static void renew(struct host_records *now, const size_t *at, struct match *match, size_t which)
{
	match->missing[which] = true;
	match->extra[at[which]] = true;
	now->record[at[which]].header.address.ifa_flags |= IFA_F_TENTATIVE;
}

// The host speaks with the first of its addresses that fits. A new one becomes the last of IPv4's
// and the first of IPv6's: those on the wrong side of a missing one have to be made anew.
static void keep_order(const struct host_records *wanted, struct host_records *now,
	const size_t *at, struct match *match)
{
	const struct host_record *all = wanted->record;

	for (size_t i = 0; i < wanted->n; i++)
		for (size_t n = 0; n < i; n++)
			if (all[i].header.family == AF_INET && at[i] != NOT_THERE &&
				!match->missing[i] && same_class(&all[n], &all[i]) &&
				(match->missing[n] || (at[n] != NOT_THERE && at[n] > at[i])))
				renew(now, at, match, i);
	for (size_t i = wanted->n; i-- > 0;)
		for (size_t n = wanted->n; n-- > i + 1;)
			if (all[i].header.family == AF_INET6 && at[i] != NOT_THERE &&
				!match->missing[i] && same_class(&all[n], &all[i]) &&
				(match->missing[n] || (at[n] != NOT_THERE && at[n] < at[i])))
				renew(now, at, match, i);
}

bool address_is_unfit(const struct host_record *address)
{
	return address->header.address.ifa_flags & IFA_F_TENTATIVE;
}

static void sort(enum host_kind kind, struct host_records *list, struct host_record **sorted)
{
	for (size_t i = 0; i < list->n; i++) {
		sorted[i] = &list->record[i];
		sorted[i]->hash = record_hash(record_ops[kind], sorted[i]);
	}
	if (list->n > 0)
		qsort(sorted, list->n, sizeof(struct host_record *), by_hash);
}

int match_records(enum host_kind kind, bool in_order, const struct host_snapshot *wanted,
	struct host_snapshot *now, struct match *match)
{
	const struct host_records *from = &wanted->records[kind];
	struct host_records *list = &now->records[kind];
	struct host_record **sorted = calloc(list->n + 1, sizeof(struct host_record *));
	size_t *at = calloc(from->n + 1, sizeof(size_t));
	uint32_t age = snapshot_age(wanted);

	match->missing = calloc(from->n + 1, sizeof(bool));
	match->extra = calloc(list->n + 1, sizeof(bool));
	if (sorted == NULL || at == NULL || match->missing == NULL || match->extra == NULL) {
		free(sorted);
		free(at);
		match_free(match);
		return -ENOMEM;
	}
	sort(kind, list, sorted);
	memset(match->extra, true, list->n);
	for (size_t i = 0; i < from->n; i++) {
		at[i] = NOT_THERE;
		if (record_is_over(record_ops[kind], &from->record[i], age))
			continue;
		at[i] = pair_up(kind, wanted, &from->record[i], now, sorted, match->extra);
		match->missing[i] = at[i] == NOT_THERE;
	}
	if (kind == HOST_ADDRESSES && in_order)
		keep_order(from, list, at, match);
	free(sorted);
	free(at);
	return 0;
}

void match_free(struct match *match)
{
	free(match->missing);
	free(match->extra);
	*match = (struct match){};
}

// --- things ----------------------------------------------------------------------------------

static bool same(const struct host_record *a, const struct host_record *b, int type)
{
	const struct nlattr *x = record_get(a, type), *y = record_get(b, type);

	if (x == NULL || y == NULL)
		return x == y;
	return nla_len(x) == nla_len(y) &&
	       memcmp(nla_data(x), nla_data(y), (size_t)nla_len(x)) == 0;
}

static bool same_address(const struct host_record *a, const struct host_record *b)
{
	if (a->header.address.ifa_prefixlen != b->header.address.ifa_prefixlen ||
		!same(a, b, IFA_ADDRESS) || !same(a, b, IFA_LOCAL))
		return false;
	// Of IPv4's, only the lifetime and the metric can be changed.
	return a->header.family == AF_INET6 ||
	       (a->header.address.ifa_scope == b->header.address.ifa_scope &&
		       same(a, b, IFA_FLAGS) && same(a, b, IFA_LABEL) &&
		       same(a, b, IFA_BROADCAST) && same(a, b, IFA_PROTO));
}

static bool same_route(const struct host_record *a, const struct host_record *b)
{
	const struct rtmsg *x = &a->header.route, *y = &b->header.route;

	return x->rtm_dst_len == y->rtm_dst_len && x->rtm_src_len == y->rtm_src_len &&
	       x->rtm_tos == y->rtm_tos && same(a, b, RTA_DST) && same(a, b, RTA_SRC) &&
	       same(a, b, RTA_PRIORITY) && same(a, b, RTA_TABLE);
}

bool record_is_same_thing(
	enum host_kind kind, const struct host_record *a, const struct host_record *b)
{
	if (a->header.family != b->header.family)
		return false;
	switch (kind) {
	case HOST_ADDRESSES: return same_address(a, b);
	case HOST_NEXTHOPS: return same(a, b, NHA_ID);
	case HOST_ROUTES: return same_route(a, b);
	case HOST_NEIGHBOURS:
		return same(a, b, NDA_DST) && (a->header.neighbour.ndm_flags & NTF_PROXY) ==
		                                      (b->header.neighbour.ndm_flags & NTF_PROXY);
	default: return false;
	}
}

bool route_is_shared(const struct host_record *route)
{
	const struct nlattr *hops = record_get(route, RTA_MULTIPATH);

	for (const struct rtnexthop *hop = hops != NULL ? record_hop(hops, NULL) : NULL;
		hop != NULL; hop = record_hop(hops, hop))
		if (hop->rtnh_ifindex != 0)
			return true;
	return false;
}

static bool is_within(const uint8_t *ip, const uint8_t *prefix, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return memcmp(ip, prefix, bytes) == 0 &&
	       (rest == 0 || (ip[bytes] & mask) == (prefix[bytes] & mask));
}

// The prefix of an address, and the near end of a pair.
static bool comes_with(const struct host_record *address, const struct host_record *route)
{
	const struct nlattr *ip = record_get(address, IFA_ADDRESS);
	const struct nlattr *local = record_get(address, IFA_LOCAL);
	const struct nlattr *dst = record_get(route, RTA_DST);
	unsigned bits = route->header.route.rtm_dst_len;
	uint32_t metric = record_u32(address, IFA_RT_PRIORITY);
	bool v6 = address->header.family == AF_INET6;

	if (metric == 0 && v6)
		metric = IPV6_PREFIX_METRIC;
	if (address->header.family != route->header.family || ip == NULL || dst == NULL ||
		(record_u32(address, IFA_FLAGS) & IFA_F_NOPREFIXROUTE) ||
		metric != record_u32(route, RTA_PRIORITY))
		return false;
	if (v6 && local != NULL && bits == 128 && is_within(nla_data(local), nla_data(dst), 128))
		return true;
	return address->header.address.ifa_prefixlen == bits &&
	       is_within(nla_data(ip), nla_data(dst), bits);
}

bool route_is_connected(const struct host_snapshot *of, const struct host_record *route)
{
	const struct host_records *addresses = &of->records[HOST_ADDRESSES];

	if (route->header.route.rtm_protocol != RTPROT_KERNEL ||
		record_get(route, RTA_GATEWAY) != NULL || record_get(route, RTA_METRICS) != NULL)
		return false;
	for (size_t i = 0; i < addresses->n; i++)
		if (comes_with(&addresses->record[i], route))
			return true;
	return false;
}
