/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists as a guest may send them, and rings made of any part of them: a list that is taken
// lies wholly in the guest's memory, and each of its bytes can be had.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hypervisor/vmbus/gpadl.h>
#include <hypervisor/vmbus/ring.h>

#include "guest_pages.h"

#define LOW_PAGES  24u
#define HIGH       0x100000u // page number of the second region
#define HIGH_PAGES 8u
#define MAX_PAGES  64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_mem mem;

struct list {
	uint32_t byte_offset, byte_count;
	uint8_t n_pages, first, n_ring;
	uint8_t pages[]; // a byte each, or eight
} __attribute__((packed));

static void must(bool truth)
{
	if (!truth)
		abort();
}

// Most bytes stand for pages that exist, the highest ones for all there might be.
static uint64_t page_number(const uint8_t *bytes, size_t left, size_t *used)
{
	uint64_t pfn;

	if (bytes[0] < 0xf0 || left < 9) {
		*used = 1;
		return bytes[0] < 0x80 ? bytes[0] % (LOW_PAGES + 1) : HIGH + bytes[0] % 16;
	}
	*used = 9;
	memcpy(&pfn, bytes + 1, sizeof(pfn));
	return pfn;
}

static bool is_memory(const uint8_t *at, uint32_t len)
{
	for (unsigned i = 0; i < mem.n; i++) {
		const struct guest_region *r = &mem.region[i];

		if (at >= r->host && len <= r->size && at - r->host <= (int64_t)(r->size - len))
			return true;
	}
	return false;
}

static void walk(const struct gpadl *g)
{
	uint32_t at = 0, run;

	must(g->byte_offset < GUEST_PAGE_SIZE && g->byte_count > 0);
	for (uint32_t i = 0; i < g->n_pages; i++)
		must(is_memory(g->page[i], GUEST_PAGE_SIZE));
	for (; at < g->byte_count; at += run) {
		const uint8_t *piece = gpadl_at(g, at, g->byte_count - at, &run);

		must(run > 0 && run <= g->byte_count - at);
		must(piece == g->page[(g->byte_offset + at) / GUEST_PAGE_SIZE] +
				      (g->byte_offset + at) % GUEST_PAGE_SIZE);
		__asm__ volatile("" : : "r"(piece[0] + piece[run - 1]));
	}
}

static void make_ring(const struct gpadl *g, uint32_t first, uint32_t n)
{
	struct vmbus_ring ring;

	if (vmbus_ring_map(&ring, &mem, g, first, n) != 0)
		return;
	must(ring.size == (n - 1) * GUEST_PAGE_SIZE && first + n <= g->n_pages);
	vmbus_ring_be_writer(&ring);
	for (uint32_t i = 0; i < n - 1; i++) {
		uint8_t *at = ring.data + i * GUEST_PAGE_SIZE;

		// The same page behind the end.
		at[ring.size]++;
		must(at[0] == at[ring.size]);
		if (ring.pages == NULL)
			must(at[0] == *g->page[first + 1 + i]);
	}
	vmbus_ring_unmap(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct list *list = (const struct list *)data;
	uint64_t pfn[MAX_PAGES];
	uint32_t n = 0;
	struct gpadl g;
	size_t used;

	if (mem.n == 0) {
		guest_pages(&mem, 0, LOW_PAGES);
		guest_pages(&mem, (uint64_t)HIGH * GUEST_PAGE_SIZE, HIGH_PAGES);
	}
	if (size < sizeof(*list))
		return 0;
	for (size_t at = sizeof(*list); at < size && n < MAX_PAGES; at += used)
		pfn[n++] = page_number(data + at, size - at, &used);
	// Headers of rings are pages like any other.
	memset(mem.region[0].host, 0, mem.region[0].size);
	memset(mem.region[1].host, 0, mem.region[1].size);
	if (list->n_pages < n)
		n = list->n_pages;
	if (gpadl_init(&g, &mem, 1, list->byte_offset, list->byte_count, pfn, n) != 0)
		return 0;
	walk(&g);
	make_ring(&g, list->first, list->n_ring);
	gpadl_fini(&g);
	return 0;
}
