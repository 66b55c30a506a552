/* SPDX-License-Identifier: BSD-3-Clause */
// Makes the kernel's list of one kind what is wanted.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "parts.h"
#include "words.h"

struct sync {
	struct work *work;
	enum host_kind kind;
	const struct record_ops *ops;
	struct host_snapshot *now;
	struct target own; // of now's records
	struct match match;
	bool is_last_try;
};

static struct host_snapshot *look(struct work *work, enum host_kind kind)
{
	struct host_snapshot *now = host_snapshot_create();
	int ret = -ENOMEM;

	if (now != NULL) {
		now->ifindex = work->target.ifindex;
		snapshot_stamp(now);
		ret = link_take(work->kernel, now);
	}
	if (ret == 0 && kind == HOST_ROUTES)
		ret = records_take(work->kernel, now, HOST_NEXTHOPS);
	if (ret == 0 && kind == HOST_ROUTES)
		ret = records_take(work->kernel, now, HOST_ADDRESSES);
	if (ret == 0)
		ret = records_take(work->kernel, now, kind);
	if (ret == 0)
		return now;
	work_note(work, ret, "%s show dev %s", record_ops[kind]->noun, work->target.name);
	host_snapshot_destroy(now);
	return NULL;
}

// One of the missing that this one will be changed into.
static const struct host_record *successor(const struct sync *sync, const struct host_record *of)
{
	const struct host_records *wanted = &sync->work->wanted->records[sync->kind];

	for (size_t i = 0; i < wanted->n; i++)
		if (sync->match.missing[i] &&
			record_is_same_thing(sync->kind, &wanted->record[i], of))
			return &wanted->record[i];
	return NULL;
}

static bool wants_temporary(const struct host_snapshot *wanted)
{
	const struct host_records *list = &wanted->records[HOST_ADDRESSES];

	for (size_t i = 0; i < list->n; i++)
		if (record_u32(&list->record[i], IFA_FLAGS) & IFA_F_MANAGETEMPADDR)
			return true;
	return false;
}

// The object goes, and its routes with it; or it is a group that others are left in.
static bool goes_with_object(const struct sync *sync, const struct host_record *route)
{
	const struct host_records *list = &sync->work->wanted->records[HOST_NEXTHOPS];
	uint32_t id = record_u32(route, RTA_NH_ID);

	for (size_t i = 0; i < list->n; i++)
		if (record_u32(&list->record[i], NHA_ID) == id)
			return false;
	return id != 0;
}

static bool must_go(const struct sync *sync, const struct host_record *record)
{
	unsigned notes = record->header.address.ifa_flags;

	switch (sync->kind) {
	case HOST_ADDRESSES:
		// The kernel makes them with the one that asks for them.
		if ((notes & IFA_F_TEMPORARY) && wants_temporary(sync->work->wanted))
			return false;
		return address_is_unfit(record) || successor(sync, record) == NULL;
	case HOST_NEXTHOPS:
		// A group loses what is gone by itself, and keeps the others'.
		return record_get(record, NHA_GROUP) == NULL && successor(sync, record) == NULL;
	case HOST_ROUTES:
		if (sync->work->only_tell && route_is_connected(sync->now, record))
			return false;
		if (goes_with_object(sync, record))
			return false;
		return !route_is_shared(record) || successor(sync, record) == NULL;
	case HOST_NEIGHBOURS: return successor(sync, record) == NULL;
	default: return true;
	}
}

static bool is_gone(int ret)
{
	return ret == -ENOENT || ret == -ESRCH || ret == -EADDRNOTAVAIL || ret == -ENODEV;
}

// The kernel wants to be told its number, and nothing else.
static struct nl_msg *nexthop_deletion(const struct host_record *record)
{
	const struct nhmsg header = {};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_DELNEXTHOP, 0);

	if (msg == NULL || nlmsg_append(msg, (void *)&header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		nla_put_u32(msg, NHA_ID, record_u32(record, NHA_ID)) < 0) {
		nlmsg_free(msg);
		errno = ENOMEM;
		return NULL;
	}
	return msg;
}

static void drop(struct sync *sync, const struct host_record *record)
{
	struct work *work = sync->work;
	bool shared = sync->kind == HOST_ROUTES && route_is_shared(record);
	struct target target = sync->own;
	struct words words;
	struct nl_msg *msg;
	int ret;

	target.without_own = shared;
	record_words(
		&words, sync->ops, shared ? "change, without its hops" : "del", record, &target);
	if (!work_may(work, "%s", words.text))
		return;
	if (sync->kind == HOST_NEXTHOPS)
		msg = nexthop_deletion(record);
	else
		msg = record_message(sync->ops, shared ? sync->ops->add : sync->ops->del,
			shared ? NLM_F_REPLACE : 0, record, &target);
	ret = msg != NULL ? kernel_order(work->kernel, msg) : -errno;
	if (is_gone(ret))
		ret = 0; // with something else
	else if (ret == 0)
		work->n_done++;
	if (sync->is_last_try)
		work_note(work, ret, "%s", words.text);
}

// --- making ----------------------------------------------------------------------------------

static int flags_of(const struct sync *sync, const struct host_record *record, bool change)
{
	switch (sync->kind) {
	case HOST_ADDRESSES: return change ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
	case HOST_ROUTES:
		// Behind those of equal rank, as they were told; one that others share is there.
		return route_is_shared(record) ? NLM_F_CREATE | NLM_F_REPLACE
		                               : NLM_F_CREATE | NLM_F_APPEND;
	case HOST_RULES: return NLM_F_CREATE | NLM_F_EXCL;
	default: return NLM_F_CREATE | NLM_F_REPLACE;
	}
}

static bool exists(const struct sync *sync, const struct host_record *record)
{
	const struct host_records *list = &sync->now->records[sync->kind];

	for (size_t i = 0; sync->kind == HOST_ADDRESSES && i < list->n; i++)
		if (sync->match.extra[i] && !address_is_unfit(&list->record[i]) &&
			record_is_same_thing(sync->kind, &list->record[i], record))
			return true;
	return false;
}

// The network knows that address of this host: asking it would silence the host for a second.
static int make_address(struct sync *sync, const struct host_record *record, bool change)
{
	struct host_record quiet;
	uint32_t flags = record_u32(record, IFA_FLAGS) | IFA_F_NODAD;
	struct nl_msg *msg;
	int ret = record_copy(record, &quiet);

	if (ret < 0)
		return ret;
	record_remove(&quiet, IFA_FLAGS);
	ret = record_put(&quiet, IFA_FLAGS, &flags, sizeof(flags));
	msg = ret == 0 ? record_message(sync->ops, sync->ops->add, flags_of(sync, record, change),
				 &quiet, &sync->work->target)
	               : NULL;
	if (ret == 0 && msg == NULL)
		ret = -errno;
	free(quiet.attrs);
	return msg != NULL ? kernel_order(sync->work->kernel, msg) : ret;
}

static int make(struct sync *sync, const struct host_record *record, bool change)
{
	struct nl_msg *msg;

	if (sync->kind == HOST_ADDRESSES && record->header.family == AF_INET6 && !change)
		return make_address(sync, record, change);
	msg = record_message(sync->ops, sync->ops->add, flags_of(sync, record, change), record,
		&sync->work->target);
	return msg != NULL ? kernel_order(sync->work->kernel, msg) : -errno;
}

enum progress { NOT_TOLD, TOLD, DONE };

static void try_one(struct sync *sync, size_t i, enum progress *state, bool is_last_round)
{
	struct work *work = sync->work;
	const struct host_record *record = &work->wanted->records[sync->kind].record[i];
	bool change = exists(sync, record);
	struct words words;
	int ret;

	if (*state == DONE || !sync->match.missing[i] || work->stopped)
		return;
	record_words(&words, sync->ops, change ? "change" : "add", record, &work->target);
	if (*state == NOT_TOLD && !work_may(work, "%s", words.text)) {
		*state = DONE;
		return;
	}
	*state = TOLD;
	ret = make(sync, record, change);
	if (ret == 0) {
		*state = DONE;
		work->n_done++;
	} else if (is_last_round && sync->is_last_try) {
		work_note(work, ret, "%s", words.text);
	}
}

// One may need another of the list first: round after round, until none is made any more.
static void make_missing(struct sync *sync)
{
	struct host_records wanted = sync->work->wanted->records[sync->kind];
	enum progress *state = calloc(wanted.n + 1, sizeof(*state));
	bool is_last_round = false;

	if (state == NULL) {
		work_note(sync->work, -ENOMEM, "%s add", sync->ops->noun);
		return;
	}
	for (;;) {
		unsigned before = sync->work->n_done;

		for (size_t i = 0; i < wanted.n; i++)
			if (sync->kind != HOST_ADDRESSES ||
				wanted.record[i].header.family == AF_INET)
				try_one(sync, i, &state[i], is_last_round);
		// The kernel tells the newest of IPv6's first.
		for (size_t i = wanted.n; sync->kind == HOST_ADDRESSES && i > 0; i--)
			if (wanted.record[i - 1].header.family == AF_INET6)
				try_one(sync, i - 1, &state[i - 1], is_last_round);
		if (is_last_round || sync->work->stopped)
			break;
		is_last_round = sync->work->n_done == before;
	}
	free(state);
}

static void drop_extra(struct sync *sync)
{
	const struct host_records *list = &sync->now->records[sync->kind];

	for (size_t i = 0; i < list->n && !sync->work->stopped; i++)
		if (sync->match.extra[i] && must_go(sync, &list->record[i]))
			drop(sync, &list->record[i]);
}

// Those that nobody has to ask the kernel for are not told. Returns how many are missing.
static size_t count_missing(struct sync *sync)
{
	const struct host_snapshot *wanted = sync->work->wanted;
	const struct host_records *list = &wanted->records[sync->kind];
	bool may_come = sync->work->only_tell && sync->kind == HOST_ROUTES;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (may_come && route_is_connected(wanted, &list->record[i]))
			sync->match.missing[i] = false;
		n += sync->match.missing[i];
	}
	return n;
}

size_t sync_records(struct work *work, enum host_kind kind, bool is_last_try)
{
	struct sync sync = {
		.work = work, .kind = kind, .ops = record_ops[kind], .is_last_try = is_last_try};
	size_t n_missing = 0;
	int ret;

	if (work->stopped || (work->only_tell && !is_last_try))
		return 0;
	sync.now = look(work, kind);
	if (sync.now == NULL)
		return 0;
	sync.own = (struct target){.of = sync.now, .ifindex = work->target.ifindex};
	memcpy(sync.own.name, sync.now->link.name, sizeof(sync.own.name));
	ret = match_records(kind, work->in_order, work->wanted, sync.now, &sync.match);
	if (ret < 0) {
		work_note(work, ret, "%s show", sync.ops->noun);
	} else {
		n_missing = count_missing(&sync);
		drop_extra(&sync);
		make_missing(&sync);
		match_free(&sync.match);
	}
	host_snapshot_destroy(sync.now);
	return n_missing;
}
