/* SPDX-License-Identifier: BSD-3-Clause */
// Transaction ids of what we sent and the host has not completed yet. As Linux: the slot that
// came back last goes out first. The upper half of an id counts how often its slot went out, so
// that a completion that comes twice is never taken for the slot's next one.
#pragma once

#include <stdint.h>

struct requestor_slot {
	uint64_t cookie;
	uint32_t turn; // odd while out
	uint32_t next; // in the list of free ones
};

struct requestor {
	struct requestor_slot *slot;
	uint32_t size, free, n_out;
};

int requestor_init(struct requestor *r, uint32_t size); // 0 or -ENOMEM
void requestor_fini(struct requestor *r);

// An id, never 0; 0: all are out.
static inline uint64_t requestor_get(struct requestor *r, uint64_t cookie)
{
	uint32_t i = r->free;
	struct requestor_slot *slot = &r->slot[i];

	if (i == r->size)
		return 0;
	r->free = slot->next;
	r->n_out++;
	slot->cookie = cookie;
	slot->turn++;
	return (uint64_t)slot->turn << 32 | (i + 1);
}

// 1 and the cookie; 0: no such id is out.
static inline int requestor_put(struct requestor *r, uint64_t id, uint64_t *cookie)
{
	uint32_t i = (uint32_t)id - 1;

	// An even turn is no id that was given out.
	if (i >= r->size || r->slot[i].turn != id >> 32 || (id >> 32 & 1) == 0)
		return 0;
	*cookie = r->slot[i].cookie;
	r->slot[i].turn++;
	r->slot[i].next = r->free;
	r->free = i;
	r->n_out--;
	return 1;
}
