/* SPDX-License-Identifier: BSD-3-Clause */
// The memory of a soft partition: sealed memfds, mapped as guest memory, and who has which page
// of it. One thread.
#pragma once

#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>

struct guest_zone {
	uint64_t gpa;
	uint32_t n_pages;
	uint8_t *state; // one a page
};

struct guest_pages {
	struct guest_mem mem;
	unsigned n_zones;
	// The first of small pages, which rings need: they are mapped twice in a row. The second,
	// if there are any to be had, of huge ones.
	struct guest_zone zone[2];
};

enum guest_pages_use { GUEST_PAGES_RING, GUEST_PAGES_BUFFER };

// 0 or -errno; at least 4 MiB.
int guest_pages_create(struct guest_pages *pages, uint64_t bytes);
void guest_pages_destroy(struct guest_pages *pages);

// n zeroed pages that follow each other: their guest physical address; 0: not so many left.
uint64_t guest_pages_alloc(struct guest_pages *pages, uint32_t n, enum guest_pages_use use);
void guest_pages_free(struct guest_pages *pages, uint64_t gpa, uint32_t n);

static inline uint8_t *guest_pages_at(const struct guest_pages *pages, uint64_t gpa)
{
	return guest_mem_at(&pages->mem, gpa, 1);
}
