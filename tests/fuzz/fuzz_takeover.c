/* SPDX-License-Identifier: BSD-3-Clause */
// Any bytes as the file of a snapshot. What is accepted comes back to the letter, finds each of
// its records in itself, and makes messages for the kernel; what is refused says why.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/takeover/match.h>
#include <vswitch/takeover/record.h>
#include <vswitch/takeover/snapshot.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_snapshot *parse(const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct host_snapshot *snapshot = NULL;
	struct vsw_error err = {};

	if (json != NULL) {
		snapshot = host_snapshot_unpack(json, &err);
		require((snapshot == NULL) == (err.reason[0] != '\0'));
	}
	json_decref(json);
	return snapshot;
}

static char *text_of(const struct host_snapshot *snapshot)
{
	json_t *json = host_snapshot_pack(snapshot);
	char *text;

	require(json != NULL);
	text = json_dumps(json, JSON_SORT_KEYS);
	require(text != NULL);
	json_decref(json);
	return text;
}

static void compare(const struct host_snapshot *snapshot, struct host_snapshot *same)
{
	uint32_t age = snapshot_age(snapshot);

	for (unsigned kind = 0; kind < HOST_N_KINDS; kind++) {
		const struct host_records *list = &snapshot->records[kind];
		struct match match;

		require(list->n == same->records[kind].n);
		require(match_records(kind, true, snapshot, same, &match) == 0);
		// Addresses may have to be made anew although they are there.
		for (size_t i = 0; kind != HOST_ADDRESSES && i < list->n; i++)
			require(!match.missing[i]);
		for (size_t i = 0; i < list->n; i++)
			if (match.missing[i])
				require(!record_is_over(record_ops[kind], &list->record[i], age));
		match_free(&match);
	}
}

static void make_messages(const struct host_snapshot *snapshot)
{
	struct target target = {
		.of = snapshot, .ifindex = 1, .name = "lo", .age = snapshot_age(snapshot)};

	for (unsigned kind = 0; kind < HOST_N_KINDS; kind++)
		for (size_t i = 0; i < snapshot->records[kind].n; i++) {
			const struct record_ops *ops = record_ops[kind];

			target.without_own = !target.without_own;
			nlmsg_free(record_message(ops, ops->add, NLM_F_CREATE,
				&snapshot->records[kind].record[i], &target));
			if (kind == HOST_ROUTES)
				route_is_connected(snapshot, &snapshot->records[kind].record[i]);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_snapshot *snapshot = parse((const char *)data, size), *again;
	char *text, *same;

	if (snapshot == NULL)
		return 0;
	text = text_of(snapshot);
	again = parse(text, strlen(text));
	require(again != NULL);
	same = text_of(again);
	require(strcmp(text, same) == 0);
	compare(snapshot, again);
	make_messages(snapshot);
	free(text);
	free(same);
	host_snapshot_destroy(snapshot);
	host_snapshot_destroy(again);
	return 0;
}
