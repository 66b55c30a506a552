/* SPDX-License-Identifier: BSD-3-Clause */
#include "failures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct failure *find(const struct failures *failures, uint32_t uid)
{
	for (unsigned i = 0; i < failures->n; i++)
		if (failures->list[i].uid == uid)
			return &failures->list[i];
	return NULL;
}

const struct failure *failure_find(const struct failures *failures, uint32_t uid)
{
	return find(failures, uid);
}

static struct failure *append(struct failures *failures)
{
	if (failures->n == failures->room) {
		unsigned room = failures->room * 2 + 4;
		struct failure *list = realloc(failures->list, room * sizeof(*list));

		// Nothing sensible is left to do: the port would be taken for an open one.
		if (list == NULL)
			abort();
		failures->list = list;
		failures->room = room;
	}
	return &failures->list[failures->n++];
}

bool failure_note(struct failures *failures, uint32_t uid, const char *reason, uint32_t now_s)
{
	struct failure *failure = find(failures, uid);
	bool known = failure != NULL && strcmp(failure->reason, reason) == 0;

	if (failure == NULL)
		failure = append(failures);
	failure->uid = uid;
	failure->next_s = now_s + FAILURE_RETRY_S;
	if (!known)
		snprintf(failure->reason, sizeof(failure->reason), "%s", reason);
	return !known;
}

void failure_drop(struct failures *failures, uint32_t uid)
{
	struct failure *failure = find(failures, uid);

	if (failure != NULL)
		*failure = failures->list[--failures->n];
}

void failures_clear(struct failures *failures)
{
	free(failures->list);
	*failures = (struct failures){};
}
