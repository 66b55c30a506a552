/* SPDX-License-Identifier: BSD-3-Clause */
// Where a ring's pages are mapped, or what is copied instead.
#include "ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_fault.h"

// Areas of address space are a resource of the whole process: 65 530 by default. What rings may
// take of them must leave enough for everything else, as without areas even malloc fails.
static _Atomic uint32_t n_areas;
static _Atomic uint64_t copied; // bytes of copies

static const struct guest_region *region_of(const struct guest_mem *mem, uint64_t gpa)
{
	for (unsigned i = 0; i < mem->n; i++) {
		if (gpa >= mem->region[i].gpa && gpa - mem->region[i].gpa < mem->region[i].size)
			return &mem->region[i];
	}
	return NULL;
}

// How many pages from the first on can be mapped in one piece: of one region, in a row.
static uint32_t run_of(const struct guest_region *region, const uint64_t *pfn, uint32_t n)
{
	uint64_t last = (region->gpa + region->size) / GUEST_PAGE_SIZE - 1;
	uint32_t run = 1;

	while (run < n && pfn[run] == pfn[0] + run && pfn[run] <= last)
		run++;
	return run;
}

// How many areas it takes to map the pages once; 0: it cannot be done.
static uint32_t count_runs(const struct guest_mem *mem, const uint64_t *pfn, uint32_t n)
{
	uint32_t n_runs = 0;

	for (uint32_t done = 0; done < n; n_runs++) {
		const struct guest_region *region = region_of(mem, pfn[done] << GUEST_PAGE_SHIFT);

		if (region == NULL || region->page_size != GUEST_PAGE_SIZE)
			return 0;
		done += run_of(region, pfn + done, n - done);
	}
	return n_runs;
}

// Maps the pages once, to `at`.
static int map_pages(uint8_t *at, const struct guest_mem *mem, const uint64_t *pfn, uint32_t n)
{
	uint32_t run;

	for (; n > 0; n -= run, pfn += run, at += (size_t)run * GUEST_PAGE_SIZE) {
		uint64_t gpa = *pfn << GUEST_PAGE_SHIFT;
		const struct guest_region *region = region_of(mem, gpa);

		run = run_of(region, pfn, n);
		if (mmap(at, (size_t)run * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, region->fd,
			    region->offset + (gpa - region->gpa)) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

static bool take_areas(uint32_t n)
{
	if (atomic_fetch_add(&n_areas, n) + n <= VMBUS_RING_MAX_AREAS)
		return true;
	atomic_fetch_sub(&n_areas, n);
	return false;
}

static bool indices_are_good(const struct vmbus_ring *r)
{
	return vmbus_ring_index_is_good(r, atomic_load(&r->hdr->write_index)) &&
	       vmbus_ring_index_is_good(r, atomic_load(&r->hdr->read_index));
}

static int reserve(struct vmbus_ring *r)
{
	r->mapping_len = 2ul * r->size;
	r->mapping = mmap(NULL, r->mapping_len, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->mapping == MAP_FAILED) {
		r->mapping = NULL;
		return -errno;
	}
	r->data = r->mapping;
	return 0;
}

// The guest's own data pages, twice in a row.
static int map_twice(struct vmbus_ring *r, const struct guest_mem *mem, const uint64_t *pfn)
{
	uint32_t n = r->size / GUEST_PAGE_SIZE;
	int err = reserve(r);

	if (err == 0)
		err = map_pages(r->data, mem, pfn, n);
	if (err == 0)
		err = map_pages(r->data + r->size, mem, pfn, n);
	if (err != 0)
		return err;
	madvise(r->mapping, r->mapping_len, MADV_DONTDUMP);
	madvise(r->mapping, r->mapping_len, MADV_DONTFORK);
	// `dead` belongs to whoever meets a fault, even if the memory is not theirs to change.
	err = guest_fault_watch(
		r->mapping, r->mapping_len, GUEST_PAGE_SIZE, &((struct guest_mem *)mem)->dead);
	return err == -ENOSPC ? -ENOMEM : err;
}

// Memory of our own, twice in a row.
static int map_copy(struct vmbus_ring *r)
{
	int fd = memfd_create("vmbus ring", MFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = ftruncate(fd, r->size) != 0 ? -errno : reserve(r);
	for (int i = 0; i < 2 && err == 0; i++) {
		if (mmap(r->data + (size_t)i * r->size, r->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			err = -errno;
	}
	close(fd);
	return err;
}

static int make_copy(struct vmbus_ring *r, uint8_t *const *page)
{
	uint32_t n = r->size / GUEST_PAGE_SIZE;
	int err;

	if (r->size > VMBUS_RING_MAX_COPY)
		return -E2BIG;
	if (atomic_fetch_add(&copied, r->size) + r->size > VMBUS_RING_MAX_COPIES) {
		err = -ENOMEM;
		goto budget;
	}
	err = map_copy(r);
	if (err != 0)
		goto budget;
	r->pages = malloc(n * sizeof(*r->pages));
	if (r->pages == NULL) {
		err = -ENOMEM;
		goto budget;
	}
	memcpy(r->pages, page, n * sizeof(*r->pages));
	return 0;

budget:
	atomic_fetch_sub(&copied, r->size);
	return err;
}

int vmbus_ring_map(struct vmbus_ring *r, const struct guest_mem *mem, const struct gpadl *g,
	uint32_t first, uint32_t n)
{
	uint32_t runs;
	int err;

	*r = (struct vmbus_ring){};
	if (n < VMBUS_RING_MIN_PAGES || first >= g->n_pages || n > g->n_pages - first ||
		g->byte_offset != 0 || (first + n) * (uint64_t)GUEST_PAGE_SIZE > g->byte_count)
		return -EINVAL;
	r->size = (n - 1) * GUEST_PAGE_SIZE;
	r->hdr = (struct vmbus_ring_header *)g->page[first];
	if (!indices_are_good(r))
		return -EPROTO;
	runs = count_runs(mem, &g->pfn[first + 1], n - 1);
	if (runs > 0 && runs <= VMBUS_RING_MAX_RUNS && take_areas(2 * runs)) {
		r->n_areas = 2 * runs;
		err = map_twice(r, mem, &g->pfn[first + 1]);
	} else {
		err = make_copy(r, &g->page[first + 1]);
	}
	if (err != 0)
		vmbus_ring_unmap(r);
	return err;
}

void vmbus_ring_unmap(struct vmbus_ring *r)
{
	if (r->mapping != NULL) {
		guest_fault_unwatch(r->mapping);
		munmap(r->mapping, r->mapping_len);
	}
	if (r->pages != NULL) {
		atomic_fetch_sub(&copied, r->size);
		free(r->pages);
	}
	atomic_fetch_sub(&n_areas, r->n_areas);
	*r = (struct vmbus_ring){};
}

// The next piece of [at, end) that lies in one page of the guest.
static uint8_t *piece(const struct vmbus_ring *r, uint32_t at, uint32_t end, uint32_t *len)
{
	uint32_t in_page = at % GUEST_PAGE_SIZE, left = vmbus_ring_distance(r, at, end);

	*len = left < GUEST_PAGE_SIZE - in_page ? left : GUEST_PAGE_SIZE - in_page;
	return r->pages[at / GUEST_PAGE_SIZE] + in_page;
}

void vmbus_ring_copy_in(struct vmbus_ring *r)
{
	uint32_t len;

	for (uint32_t at = r->at; at != r->peer; at = vmbus_ring_after(r, at, len)) {
		const uint8_t *from = piece(r, at, r->peer, &len);

		memcpy(r->data + at, from, len);
	}
}

void vmbus_ring_copy_out(struct vmbus_ring *r)
{
	uint32_t len;

	for (; r->flushed != r->at; r->flushed = vmbus_ring_after(r, r->flushed, len)) {
		uint8_t *to = piece(r, r->flushed, r->at, &len);

		memcpy(to, r->data + r->flushed, len);
	}
}
