/* SPDX-License-Identifier: BSD-3-Clause */
// When two records say the same.
#include <stdlib.h>
#include <string.h>

#include "record.h"

#define CLOCK_SLACK 5 // seconds that lifetimes may be apart: they are told in full ones

uint32_t remaining(uint32_t lifetime, uint32_t age)
{
	if (lifetime == RECORD_FOREVER)
		return lifetime;
	return lifetime > age ? lifetime - age : 0;
}

bool record_is_over(const struct record_ops *ops, const struct host_record *record, uint32_t age)
{
	for (const struct attr_rule *rule = ops->attrs; rule->type != 0; rule++) {
		const struct nlattr *attr = record_get(record, rule->type);

		if (attr == NULL)
			continue;
		if (rule->kind == ATTR_LIFETIME) {
			const struct ifa_cacheinfo *life = nla_data(attr);

			if (remaining(life->ifa_valid, age) == 0)
				return true;
		}
		if (rule->kind == ATTR_EXPIRES && remaining(nla_get_u32(attr), age) == 0)
			return true;
	}
	return false;
}

// --- hashes ----------------------------------------------------------------------------------

static uint32_t mix(uint32_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static void plain_header(const struct record_ops *ops, const struct host_record *record,
	uint8_t header[sizeof(record->header)])
{
	struct host_record copy = {.header = record->header};

	if (ops == &address_ops)
		copy.header.address.ifa_flags = 0; // notes of ours
	memcpy(header, copy.header.bytes, sizeof(copy.header));
}

uint32_t record_hash(const struct record_ops *ops, const struct host_record *record)
{
	uint8_t header[sizeof(record->header)];
	uint32_t hash;

	plain_header(ops, record, header);
	hash = mix(2166136261u, header, sizeof(header));
	for (const struct attr_rule *rule = ops->attrs; rule->type != 0; rule++) {
		const struct nlattr *attr = record_get(record, rule->type);

		if (attr != NULL && rule->kind <= ATTR_VIA) {
			hash = mix(hash, &rule->type, sizeof(rule->type));
			hash = mix(hash, nla_data(attr), (size_t)nla_len(attr));
		}
	}
	return hash;
}

// --- equality --------------------------------------------------------------------------------

static bool same_link(
	const struct host_snapshot *of_a, uint32_t a, const struct host_snapshot *of_b, uint32_t b)
{
	if (a == 0 || b == 0)
		return a == b;
	return strncmp(of_a->links[a - 1], of_b->links[b - 1], IFNAMSIZ) == 0;
}

static bool same_time(uint32_t a, uint32_t b)
{
	if (a == RECORD_FOREVER || b == RECORD_FOREVER)
		return a == b;
	return (a > b ? a - b : b - a) <= CLOCK_SLACK;
}

static bool same_lifetime(
	const struct nlattr *a, uint32_t age_a, const struct nlattr *b, uint32_t age_b)
{
	const struct ifa_cacheinfo *life_a = nla_data(a), *life_b = nla_data(b);

	return same_time(
		       remaining(life_a->ifa_valid, age_a), remaining(life_b->ifa_valid, age_b)) &&
	       same_time(remaining(life_a->ifa_prefered, age_a),
		       remaining(life_b->ifa_prefered, age_b));
}

static bool same_hops(const struct host_snapshot *of_a, const struct nlattr *a,
	const struct host_snapshot *of_b, const struct nlattr *b)
{
	const struct rtnexthop *hop_a = NULL, *hop_b = NULL;

	if (nla_len(a) != nla_len(b))
		return false;
	for (;;) {
		hop_a = record_hop(a, hop_a);
		hop_b = record_hop(b, hop_b);
		if (hop_a == NULL || hop_b == NULL)
			return hop_a == hop_b;
		if (hop_a->rtnh_len != hop_b->rtnh_len || hop_a->rtnh_flags != hop_b->rtnh_flags ||
			hop_a->rtnh_hops != hop_b->rtnh_hops ||
			!same_link(of_a, (uint32_t)hop_a->rtnh_ifindex, of_b,
				(uint32_t)hop_b->rtnh_ifindex) ||
			memcmp(hop_a + 1, hop_b + 1, hop_a->rtnh_len - sizeof(*hop_a)) != 0)
			return false;
	}
}

// A label that would not fit behind the interface's name is left out.
static bool same_label(const struct host_snapshot *of_a, const struct nlattr *a,
	const struct host_snapshot *of_b, const struct nlattr *b)
{
	const char *own = of_a->link.name, *text;

	if (a != NULL && b != NULL)
		return strcmp(nla_data(a), nla_data(b)) == 0;
	if (a == NULL && b == NULL)
		return true;
	if (a != NULL)
		own = of_b->link.name;
	text = nla_data(a != NULL ? a : b);
	return text[0] == ':' && strlen(own) + strlen(text) >= IFNAMSIZ;
}

static bool same_attr(enum attr_kind kind, const struct host_snapshot *of_a, const struct nlattr *a,
	const struct host_snapshot *of_b, const struct nlattr *b)
{
	if (kind == ATTR_LABEL)
		return same_label(of_a, a, of_b, b);
	if (a == NULL || b == NULL)
		return a == b;
	switch (kind) {
	case ATTR_LINK: return same_link(of_a, nla_get_u32(a), of_b, nla_get_u32(b));
	case ATTR_HOPS: return same_hops(of_a, a, of_b, b);
	case ATTR_LIFETIME: return same_lifetime(a, snapshot_age(of_a), b, snapshot_age(of_b));
	case ATTR_EXPIRES:
		return same_time(remaining(nla_get_u32(a), snapshot_age(of_a)),
			remaining(nla_get_u32(b), snapshot_age(of_b)));
	default:
		return nla_len(a) == nla_len(b) &&
		       memcmp(nla_data(a), nla_data(b), (size_t)nla_len(a)) == 0;
	}
}

bool record_equal(const struct record_ops *ops, const struct host_snapshot *of_a,
	const struct host_record *a, const struct host_snapshot *of_b, const struct host_record *b)
{
	uint8_t header_a[sizeof(a->header)], header_b[sizeof(b->header)];

	plain_header(ops, a, header_a);
	plain_header(ops, b, header_b);
	if (memcmp(header_a, header_b, sizeof(header_a)) != 0)
		return false;
	for (const struct attr_rule *rule = ops->attrs; rule->type != 0; rule++)
		if (!same_attr(rule->kind, of_a, record_get(a, rule->type), of_b,
			    record_get(b, rule->type)))
			return false;
	return true;
}
