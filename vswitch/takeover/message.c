/* SPDX-License-Identifier: BSD-3-Clause */
// Orders to the kernel about a record.
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "record.h"

// The ifindex of now, or 0.
static uint32_t resolve(const struct target *target, uint32_t link)
{
	return link == 0 ? target->ifindex : if_nametoindex(target->of->links[link - 1]);
}

static int put_hops(struct nl_msg *msg, const struct nlattr *attr, const struct target *target)
{
	struct nlattr *nest = nla_nest_start(msg, RTA_MULTIPATH);

	if (nest == NULL)
		return -ENOMEM;
	nest->nla_type = RTA_MULTIPATH; // without the flag of nesting: it is no list of attributes
	for (const struct rtnexthop *hop = record_hop(attr, NULL); hop != NULL;
		hop = record_hop(attr, hop)) {
		uint32_t link = (uint32_t)hop->rtnh_ifindex;
		struct rtnexthop *copy;

		if (link == 0 && target->without_own)
			continue;
		copy = nlmsg_reserve(msg, hop->rtnh_len, NLMSG_ALIGNTO);
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, hop, hop->rtnh_len);
		copy->rtnh_ifindex = (int)resolve(target, link);
		if (copy->rtnh_ifindex == 0)
			return -ENODEV;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	return nla_put_u32(msg, type, value) < 0 ? -ENOMEM : 0;
}

static int put_name(struct nl_msg *msg, int type, const char *prefix, const char *name)
{
	char text[2 * IFNAMSIZ];

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	if (strlen(text) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	return nla_put_string(msg, type, text) < 0 ? -ENOMEM : 0;
}

static int put_attr(struct nl_msg *msg, enum attr_kind kind, const struct nlattr *attr,
	const struct target *target)
{
	int type = nla_type(attr);
	const char *text = nla_data(attr);
	int ret;

	switch (kind) {
	case ATTR_LINK: {
		uint32_t ifindex = resolve(target, nla_get_u32(attr));

		return ifindex == 0 ? -ENODEV : put_u32(msg, type, ifindex);
	}
	case ATTR_HOPS: return put_hops(msg, attr, target);
	case ATTR_EXPIRES: return put_u32(msg, type, remaining(nla_get_u32(attr), target->age));
	case ATTR_IFNAME: return put_name(msg, type, "", text[0] == '\0' ? target->name : text);
	case ATTR_LABEL:
		// The address matters more than what it is called.
		ret = put_name(msg, type, text[0] == ':' ? target->name : "", text);
		return ret == -ENAMETOOLONG ? 0 : ret;
	case ATTR_LIFETIME: {
		struct ifa_cacheinfo life;

		memcpy(&life, nla_data(attr), sizeof(life));
		life.ifa_valid = remaining(life.ifa_valid, target->age);
		life.ifa_prefered = remaining(life.ifa_prefered, target->age);
		return nla_put(msg, type, sizeof(life), &life) < 0 ? -ENOMEM : 0;
	}
	// The kernel dumps it without the flag, and newer parts of it want the flag.
	case ATTR_BLOB: type |= NLA_F_NESTED; __attribute__((fallthrough));
	default: return nla_put(msg, type, nla_len(attr), nla_data(attr)) < 0 ? -ENOMEM : 0;
	}
}

static void set_header(const struct record_ops *ops, const struct target *target, uint8_t *header)
{
	if (ops == &address_ops) {
		((struct ifaddrmsg *)header)->ifa_index = target->ifindex;
		((struct ifaddrmsg *)header)->ifa_flags = 0;
	} else if (ops == &neighbour_ops) {
		((struct ndmsg *)header)->ndm_ifindex = (int)target->ifindex;
	}
}

struct nl_msg *record_message(const struct record_ops *ops, int type, int flags,
	const struct host_record *record, const struct target *target)
{
	struct nl_msg *msg = nlmsg_alloc_size(record->size + 512);
	struct nlattr *attr;
	struct nlmsghdr *hdr;
	int left, ret = 0;

	hdr = msg != NULL ? nlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, type, (int)ops->header_size,
				    NLM_F_REQUEST | flags)
	                  : NULL;
	if (hdr == NULL) {
		nlmsg_free(msg);
		errno = ENOMEM;
		return NULL;
	}
	memcpy(nlmsg_data(hdr), record->header.bytes, ops->header_size);
	set_header(ops, target, nlmsg_data(hdr));
	nla_for_each_attr(attr, record->attrs, (int)record->size, left)
	{
		ret = put_attr(msg, record_kind_of(ops, nla_type(attr)), attr, target);
		if (ret < 0)
			break;
	}
	if (ret < 0) {
		nlmsg_free(msg);
		errno = -ret;
		return NULL;
	}
	return msg;
}
