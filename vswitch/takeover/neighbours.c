/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"
#include "words.h"

// What the kernel finds again by itself is not kept: only what somebody entered.
static const struct attr_rule attrs[] = {
	{NDA_DST, ATTR_IP},
	{NDA_LLADDR, ATTR_LLADDR},
	{NDA_CACHEINFO, ATTR_DROP},
	{NDA_PROBES, ATTR_DROP},
	{NDA_PROTOCOL, ATTR_U8},
	{NDA_FLAGS_EXT, ATTR_U32},
	{},
};

#define FLAGS (NTF_PROXY | NTF_ROUTER | NTF_EXT_LEARNED)

static bool keep(struct take *take, const struct nlmsghdr *, struct host_record *record)
{
	struct ndmsg *neighbour = &record->header.neighbour;
	bool managed = record_u32(record, NDA_FLAGS_EXT) & NTF_EXT_MANAGED;

	if ((uint32_t)neighbour->ndm_ifindex != take->into->ifindex ||
		record_get(record, NDA_DST) == NULL)
		return false;
	if (!(neighbour->ndm_state & NUD_PERMANENT) && !(neighbour->ndm_flags & NTF_PROXY) &&
		!managed)
		return false;
	neighbour->ndm_ifindex = 0;
	neighbour->ndm_flags &= FLAGS;
	neighbour->ndm_state &= NUD_PERMANENT;
	neighbour->ndm_type = 0;
	neighbour->ndm_pad1 = 0;
	neighbour->ndm_pad2 = 0;
	if (managed) // its link-layer address is the kernel's to find
		record_remove(record, NDA_LLADDR);
	return true;
}

static bool is_valid(const struct host_record *record)
{
	const struct ndmsg *neighbour = &record->header.neighbour;

	return neighbour->ndm_ifindex == 0 && (neighbour->ndm_flags & ~FLAGS) == 0 &&
	       (neighbour->ndm_state & ~NUD_PERMANENT) == 0 && neighbour->ndm_type == 0 &&
	       neighbour->ndm_pad1 == 0 && neighbour->ndm_pad2 == 0 &&
	       record_get(record, NDA_DST) != NULL;
}

static void say(struct words *words, const struct host_record *record)
{
	const struct ndmsg *neighbour = &record->header.neighbour;
	const struct nlattr *lladdr = record_get(record, NDA_LLADDR);

	words_ip_of(words, neighbour->ndm_flags & NTF_PROXY ? " proxy " : " ", record, NDA_DST);
	if (lladdr != NULL)
		words_hex(words, " lladdr ", nla_data(lladdr), (size_t)nla_len(lladdr));
	words_add(words, " dev %s", words_link(words, 0));
	if (neighbour->ndm_state & NUD_PERMANENT)
		words_add(words, " nud permanent");
	if (neighbour->ndm_flags & NTF_ROUTER)
		words_add(words, " router");
	if (neighbour->ndm_flags & NTF_EXT_LEARNED)
		words_add(words, " extern_learn");
	if (record_u32(record, NDA_FLAGS_EXT) & NTF_EXT_MANAGED)
		words_add(words, " managed");
}

const struct record_ops neighbour_ops = {
	.noun = "neigh",
	.key = "neighbours",
	.get = RTM_GETNEIGH,
	.add = RTM_NEWNEIGH,
	.del = RTM_DELNEIGH,
	.header_size = sizeof(struct ndmsg),
	.attrs = attrs,
	.keep = keep,
	.is_valid = is_valid,
	.say = say,
};
