/* SPDX-License-Identifier: BSD-3-Clause */
// Guest physical address descriptor list: pages of a guest, lent to us as one buffer.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guest_mem.h"

// One range as all known guests send them; a u16 of bytes carries at most 8 190 pages.
#define GPADL_MAX_PAGES 8190u

struct gpadl {
	uint32_t id;
	uint32_t byte_offset; // of the buffer in the first page, < 4096
	uint32_t byte_count;  // > 0
	uint32_t n_pages;
	uint8_t *base;   // the whole buffer if its pages follow each other in our memory, or NULL
	uint64_t *pfn;   // guest page numbers, n_pages of them
	uint8_t **page;  // where each is in our memory
	uint32_t in_use; // open channels whose rings are made of it
};

// Copies and resolves the pages. -EINVAL: no pages, count and offset do not fit n_pages;
// -E2BIG: too many pages; -EFAULT: a page is not memory of the guest; -ENOMEM.
int gpadl_init(struct gpadl *g, const struct guest_mem *mem, uint32_t id, uint32_t byte_offset,
	uint32_t byte_count, const uint64_t *pfn, uint32_t n_pages);
void gpadl_fini(struct gpadl *g);

// Where byte `at` is and how many bytes follow there in one piece (at most `len`). The caller
// has checked that at + len <= byte_count.
static inline uint8_t *gpadl_at(const struct gpadl *g, uint32_t at, uint32_t len, uint32_t *run)
{
	uint32_t from = g->byte_offset + at, in_page;

	if (g->base != NULL) {
		*run = len;
		return g->base + at;
	}
	in_page = GUEST_PAGE_SIZE - from % GUEST_PAGE_SIZE;
	*run = len < in_page ? len : in_page;
	return g->page[from / GUEST_PAGE_SIZE] + from % GUEST_PAGE_SIZE;
}
