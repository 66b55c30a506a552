/* SPDX-License-Identifier: BSD-3-Clause */
// Attributes of a file: each has to be of the shape that the kernel gives it.
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "record.h"

#define MAX_BLOB 4096

static size_t ip_size(unsigned family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static bool is_text(const char *text, size_t size, size_t max)
{
	return size > 0 && size <= max && memchr(text, '\0', size) == text + size - 1;
}

static const char *via_fault(const void *data, size_t size)
{
	const struct rtvia *via = data;

	if (size < sizeof(*via) || ip_size(via->rtvia_family) == 0 ||
		size != sizeof(*via) + ip_size(via->rtvia_family))
		return "no gateway of either family";
	return NULL;
}

// Steps over one of a run of attributes. NULL: that is none.
static const struct nlattr *take_attr(const char **at, const char *end)
{
	const struct nlattr *attr = (const struct nlattr *)*at;

	if (end - *at < NLA_HDRLEN || attr->nla_len < NLA_HDRLEN || attr->nla_len > end - *at)
		return NULL;
	*at += NLA_ALIGN(attr->nla_len) < end - *at ? NLA_ALIGN(attr->nla_len) : end - *at;
	return attr;
}

static const char *metrics_fault(const void *data, size_t size)
{
	const char *at = data, *end = at + size;

	while (at < end) {
		const struct nlattr *attr = take_attr(&at, end);
		int type = attr != NULL ? nla_type(attr) : 0;

		if (type <= 0 || type > RTAX_MAX)
			return "no metrics";
		if (type == RTAX_CC_ALGO ? !is_text(nla_data(attr), (size_t)nla_len(attr), 16)
					 : nla_len(attr) != 4)
			return "a metric of a wrong size";
	}
	return NULL;
}

static const char *hop_fault(unsigned family, const struct rtnexthop *hop)
{
	const char *at = (const char *)(hop + 1);
	const char *end = (const char *)hop + hop->rtnh_len;

	while (at < end) {
		const struct nlattr *attr = take_attr(&at, end);
		size_t size = attr != NULL ? (size_t)nla_len(attr) : 0;

		switch (attr != NULL ? nla_type(attr) : 0) {
		case RTA_GATEWAY:
			if (size != ip_size(family))
				return "a gateway of the other family";
			break;
		case RTA_VIA:
			if (via_fault(nla_data(attr), size) != NULL)
				return "a gateway of no family";
			break;
		case RTA_FLOW:
			if (size != 4)
				return "a realm of a wrong size";
			break;
		case RTA_ENCAP_TYPE:
			if (size != 2)
				return "an encapsulation of a wrong size";
			break;
		case RTA_ENCAP: break;
		default: return "an attribute that no hop has";
		}
	}
	return NULL;
}

static const char *hops_fault(unsigned family, size_t n_links, const void *data, size_t size)
{
	const char *at = data, *end = at + size;

	while (at < end) {
		const struct rtnexthop *hop = (const struct rtnexthop *)at;
		const char *fault;

		if (end - at < (ptrdiff_t)sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
			hop->rtnh_len > end - at || RTNH_ALIGN(hop->rtnh_len) != hop->rtnh_len)
			return "no list of hops";
		if (hop->rtnh_ifindex < 0 || (size_t)hop->rtnh_ifindex > n_links ||
			(hop->rtnh_flags & ~RTNH_F_ONLINK) != 0)
			return "a hop by an interface that is not in the file";
		fault = hop_fault(family, hop);
		if (fault != NULL)
			return fault;
		at += hop->rtnh_len;
	}
	return size == 0 ? "no hops" : NULL;
}

static const char *wants_size(size_t size, size_t wanted)
{
	return size == wanted ? NULL : "of a wrong size";
}

static uint32_t u32_at(const void *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

const char *attr_fault(
	enum attr_kind kind, unsigned family, size_t n_links, const void *data, size_t size)
{
	switch (kind) {
	case ATTR_U8: return wants_size(size, 1);
	case ATTR_U16: return wants_size(size, 2);
	case ATTR_U32:
	case ATTR_EXPIRES: return wants_size(size, 4);
	case ATTR_U64: return wants_size(size, 8);
	case ATTR_FLAG: return wants_size(size, 0);
	case ATTR_IP:
		return ip_size(family) != 0 && size == ip_size(family) ? NULL
		                                                       : "no address of its family";
	case ATTR_VIA: return via_fault(data, size);
	case ATTR_LINK:
		if (size != 4 || u32_at(data) > n_links)
			return "an interface that is not in the file";
		return NULL;
	case ATTR_IFNAME:
	case ATTR_LABEL: return is_text(data, size, IFNAMSIZ) ? NULL : "no name";
	case ATTR_LIFETIME: return wants_size(size, sizeof(struct ifa_cacheinfo));
	case ATTR_LLADDR: return size > 0 && size <= HOST_MAX_LLADDR ? NULL : "of a wrong size";
	case ATTR_METRICS: return metrics_fault(data, size);
	case ATTR_HOPS: return hops_fault(family, n_links, data, size);
	case ATTR_GROUP:
		return size > 0 && size % sizeof(struct nexthop_grp) == 0 ? NULL
		                                                          : "of a wrong size";
	case ATTR_BLOB: return size <= MAX_BLOB ? NULL : "too long";
	case ATTR_DROP: break;
	}
	return "one that is not kept";
}
