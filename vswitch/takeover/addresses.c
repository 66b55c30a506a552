/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "record.h"
#include "words.h"

// What an administrator can say of one; the others are the kernel's own findings. SECONDARY is
// kept because it tells the order.
#define FLAGS_IPV4 (IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN | IFA_F_SECONDARY)
#define FLAGS_IPV6 \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | \
		IFA_F_MCAUTOJOIN)

static const struct attr_rule attrs[] = {
	{IFA_ADDRESS, ATTR_IP},
	{IFA_LOCAL, ATTR_IP},
	{IFA_LABEL, ATTR_LABEL},
	{IFA_BROADCAST, ATTR_IP},
	{IFA_CACHEINFO, ATTR_LIFETIME},
	{IFA_FLAGS, ATTR_U32},
	{IFA_RT_PRIORITY, ATTR_U32},
	{IFA_PROTO, ATTR_U8},
	{},
};

static void keep_lifetime(struct host_record *record)
{
	const struct nlattr *attr = record_get(record, IFA_CACHEINFO);
	struct ifa_cacheinfo life = {};

	if (attr == NULL)
		return;
	life.ifa_valid = ((struct ifa_cacheinfo *)nla_data(attr))->ifa_valid;
	life.ifa_prefered = ((struct ifa_cacheinfo *)nla_data(attr))->ifa_prefered;
	record_remove(record, IFA_CACHEINFO);
	if (life.ifa_valid != RECORD_FOREVER || life.ifa_prefered != RECORD_FOREVER)
		record_put(record, IFA_CACHEINFO, &life, sizeof(life));
}

static void leave(struct take *take, const struct host_record *record, const char *why)
{
	struct words words = {};

	words_ip_of(&words, "", record, IFA_ADDRESS);
	snapshot_leave(take->into, "address %s: %s", words.text, why);
}

static bool keep(struct take *take, const struct nlmsghdr *, struct host_record *record)
{
	uint32_t flags = record_u32(record, IFA_FLAGS);
	bool v6 = record->header.family == AF_INET6;

	if (record->header.address.ifa_index != take->into->ifindex ||
		record_get(record, IFA_ADDRESS) == NULL)
		return false;
	if (v6 && (flags & IFA_F_DADFAILED)) {
		leave(take, record, "somebody else on the network has it");
		return false;
	}
	record->header.address.ifa_index = 0;
	record->header.address.ifa_flags = v6 ? flags & IFA_F_TENTATIVE : 0;
	if (v6 && (flags & IFA_F_TEMPORARY)) {
		record->header.address.ifa_flags |= IFA_F_TEMPORARY;
		leave(take, record, "temporary, moves as an ordinary one with its lifetime");
	}
	flags &= v6 ? FLAGS_IPV6 : FLAGS_IPV4;
	record_remove(record, IFA_FLAGS);
	record_put(record, IFA_FLAGS, &flags, sizeof(flags));
	keep_lifetime(record);
	return true;
}

static bool is_valid(const struct host_record *record)
{
	const struct ifaddrmsg *header = &record->header.address;

	return header->ifa_prefixlen <= (header->ifa_family == AF_INET ? 32 : 128) &&
	       header->ifa_index == 0 &&
	       (header->ifa_flags & ~(IFA_F_TEMPORARY | IFA_F_TENTATIVE)) == 0 &&
	       record_get(record, IFA_ADDRESS) != NULL && record_get(record, IFA_FLAGS) != NULL;
}

static void say(struct words *words, const struct host_record *record)
{
	const struct nlattr *local = record_get(record, IFA_LOCAL);
	const struct nlattr *address = record_get(record, IFA_ADDRESS);
	const struct nlattr *label = record_get(record, IFA_LABEL);
	const struct nlattr *life = record_get(record, IFA_CACHEINFO);
	uint32_t flags = record_u32(record, IFA_FLAGS);

	if (local != NULL && memcmp(nla_data(local), nla_data(address), nla_len(local)) != 0) {
		words_ip_of(words, " ", record, IFA_LOCAL);
		words_add(words, " peer");
	}
	words_ip_of(words, " ", record, IFA_ADDRESS);
	words_add(words, "/%u", record->header.address.ifa_prefixlen);
	words_ip_of(words, " broadcast ", record, IFA_BROADCAST);
	words_add(words, " dev %s", words_link(words, 0));
	if (label != NULL)
		words_add(words, " label %s%s",
			*(char *)nla_data(label) == ':' ? words->target->name : "",
			(const char *)nla_data(label));
	if (record->header.address.ifa_scope != RT_SCOPE_UNIVERSE)
		words_add(words, " scope %u", record->header.address.ifa_scope);
	words_u32_of(words, " metric ", record, IFA_RT_PRIORITY);
	if (life != NULL) {
		const struct ifa_cacheinfo *told = nla_data(life);

		words_seconds(words, " valid_lft ", told->ifa_valid);
		words_seconds(words, " preferred_lft ", told->ifa_prefered);
	}
	words_add(words, "%s%s%s%s%s", flags & IFA_F_NODAD ? " nodad" : "",
		flags & IFA_F_HOMEADDRESS ? " home" : "",
		flags & IFA_F_MANAGETEMPADDR ? " mngtmpaddr" : "",
		flags & IFA_F_NOPREFIXROUTE ? " noprefixroute" : "",
		flags & IFA_F_MCAUTOJOIN ? " autojoin" : "");
}

const struct record_ops address_ops = {
	.noun = "address",
	.key = "addresses",
	.get = RTM_GETADDR,
	.add = RTM_NEWADDR,
	.del = RTM_DELADDR,
	.header_size = sizeof(struct ifaddrmsg),
	.attrs = attrs,
	.keep = keep,
	.is_valid = is_valid,
	.say = say,
};
