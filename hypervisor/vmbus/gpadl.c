/* SPDX-License-Identifier: BSD-3-Clause */
#include "gpadl.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PFN_END (1ull << (52 - GUEST_PAGE_SHIFT))

static bool resolve(struct gpadl *g, const struct guest_mem *mem)
{
	bool in_a_row = true;

	for (uint32_t i = 0; i < g->n_pages; i++) {
		if (g->pfn[i] >= PFN_END)
			return false;
		g->page[i] = guest_mem_at(mem, g->pfn[i] << GUEST_PAGE_SHIFT, GUEST_PAGE_SIZE);
		if (g->page[i] == NULL)
			return false;
		in_a_row = in_a_row && (i == 0 || g->page[i] == g->page[i - 1] + GUEST_PAGE_SIZE);
	}
	g->base = in_a_row ? g->page[0] + g->byte_offset : NULL;
	return true;
}

int gpadl_init(struct gpadl *g, const struct guest_mem *mem, uint32_t id, uint32_t byte_offset,
	uint32_t byte_count, const uint64_t *pfn, uint32_t n_pages)
{
	uint64_t end = (uint64_t)byte_offset + byte_count;

	*g = (struct gpadl){
		.id = id,
		.byte_offset = byte_offset,
		.byte_count = byte_count,
		.n_pages = n_pages,
	};
	if (n_pages > GPADL_MAX_PAGES)
		return -E2BIG;
	if (byte_offset >= GUEST_PAGE_SIZE || byte_count == 0 ||
		(end + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE != n_pages)
		return -EINVAL;
	g->pfn = malloc(n_pages * sizeof(*g->pfn));
	g->page = malloc(n_pages * sizeof(*g->page));
	if (g->pfn == NULL || g->page == NULL) {
		gpadl_fini(g);
		return -ENOMEM;
	}
	memcpy(g->pfn, pfn, n_pages * sizeof(*g->pfn));
	if (!resolve(g, mem)) {
		gpadl_fini(g);
		return -EFAULT;
	}
	return 0;
}

void gpadl_fini(struct gpadl *g)
{
	free(g->pfn);
	free(g->page);
	*g = (struct gpadl){};
}
