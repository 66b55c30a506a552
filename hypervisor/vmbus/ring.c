/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring.h"

#include <sys/mman.h>

#include "guest_fault.h"

// Areas of address space are a resource of the whole process: 65 530 by default. What rings may
// take of them must leave enough for everything else, as without areas even malloc fails.
static _Atomic uint32_t n_areas;

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

// Maps pages once, to `at`; NULL: only counts. Number of runs or -errno.
static int map_pages(uint8_t *at, const struct guest_mem *mem, const uint64_t *pfn, uint32_t n)
{
	int n_runs = 0;

	for (uint32_t done = 0, run; done < n; done += run, n_runs++) {
		uint64_t gpa = pfn[done] << GUEST_PAGE_SHIFT;
		const struct guest_region *region = region_of(mem, gpa);

		if (region == NULL)
			return -EINVAL;
		run = run_of(region, pfn + done, n - done);
		if (at != NULL &&
			mmap(at + (size_t)done * GUEST_PAGE_SIZE, (size_t)run * GUEST_PAGE_SIZE,
				PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
				region->fd, region->offset + (gpa - region->gpa)) == MAP_FAILED)
			return -errno;
	}
	return n_runs;
}

static int take_areas(uint32_t n)
{
	if (atomic_fetch_add(&n_areas, n) + n <= VMBUS_RING_MAX_AREAS)
		return 0;
	atomic_fetch_sub(&n_areas, n);
	return -ENOMEM;
}

static bool indices_are_good(const struct vmbus_ring *r)
{
	return vmbus_ring_index_is_good(r, atomic_load(&r->hdr->write_index)) &&
	       vmbus_ring_index_is_good(r, atomic_load(&r->hdr->read_index));
}

// The data pages, twice in a row.
static int map_twice(struct vmbus_ring *r, const struct guest_mem *mem, const uint64_t *pfn)
{
	uint32_t n = r->size / GUEST_PAGE_SIZE;
	int err;

	r->mapping_len = 2ul * r->size;
	r->mapping = mmap(NULL, r->mapping_len, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->mapping == MAP_FAILED) {
		r->mapping = NULL;
		return -errno;
	}
	r->data = r->mapping;
	err = map_pages(r->data, mem, pfn, n);
	if (err >= 0)
		err = map_pages(r->data + r->size, mem, pfn, n);
	if (err < 0)
		return err;
	madvise(r->mapping, r->mapping_len, MADV_DONTDUMP);
	madvise(r->mapping, r->mapping_len, MADV_DONTFORK);
	// `dead` belongs to whoever meets a fault, even if the memory is not theirs to change.
	err = guest_fault_watch(
		r->mapping, r->mapping_len, GUEST_PAGE_SIZE, &((struct guest_mem *)mem)->dead);
	return err == -ENOSPC ? -ENOMEM : err;
}

int vmbus_ring_map(struct vmbus_ring *r, const struct guest_mem *mem, const struct gpadl *g,
	uint32_t first, uint32_t n)
{
	int runs, err;

	*r = (struct vmbus_ring){};
	if (n < VMBUS_RING_MIN_PAGES || first >= g->n_pages || n > g->n_pages - first ||
		g->byte_offset != 0 || (first + n) * (uint64_t)GUEST_PAGE_SIZE > g->byte_count)
		return -EINVAL;
	r->size = (n - 1) * GUEST_PAGE_SIZE;
	r->hdr = (struct vmbus_ring_header *)g->page[first];
	if (!indices_are_good(r))
		return -EPROTO;
	runs = map_pages(NULL, mem, &g->pfn[first + 1], n - 1);
	if (runs < 0)
		return runs;
	if (runs > (int)VMBUS_RING_MAX_RUNS)
		return -E2BIG;
	err = take_areas(2 * runs);
	if (err != 0)
		return err;
	r->n_areas = 2 * runs;
	err = map_twice(r, mem, &g->pfn[first + 1]);
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
	atomic_fetch_sub(&n_areas, r->n_areas);
	*r = (struct vmbus_ring){};
}

static uint32_t good_or_zero(const struct vmbus_ring *r, uint32_t index)
{
	return vmbus_ring_index_is_good(r, index) ? index : 0;
}

void vmbus_ring_be_reader(struct vmbus_ring *r)
{
	r->at = r->published = good_or_zero(r, atomic_load(&r->hdr->read_index));
	r->peer = r->at;
}

void vmbus_ring_be_writer(struct vmbus_ring *r)
{
	r->at = r->published = good_or_zero(r, atomic_load(&r->hdr->write_index));
	r->peer = good_or_zero(r, atomic_load(&r->hdr->read_index));
	atomic_store_explicit(&r->hdr->pending_send_size, 0, memory_order_relaxed);
	atomic_fetch_or(&r->hdr->feature_bits, VMBUS_RING_FEATURE_PENDING_SEND);
}

bool vmbus_ring_publish_read(struct vmbus_ring *r)
{
	uint32_t taken = vmbus_ring_distance(r, r->published, r->at);
	uint32_t pending, write, room;

	if (taken == 0)
		return false;
	// Release: all that was taken has been read before the writer may write over it.
	atomic_store_explicit(&r->hdr->read_index, r->at, memory_order_release);
	r->published = r->at;
	if ((atomic_load_explicit(&r->hdr->feature_bits, memory_order_relaxed) &
		    VMBUS_RING_FEATURE_PENDING_SEND) == 0)
		return false;
	// Either we see that it waits, or it sees the room.
	atomic_thread_fence(memory_order_seq_cst);
	pending = atomic_load_explicit(&r->hdr->pending_send_size, memory_order_relaxed);
	if (pending == 0)
		return false;
	write = atomic_load_explicit(&r->hdr->write_index, memory_order_acquire);
	if (!vmbus_ring_index_is_good(r, write))
		return false;
	room = r->size - vmbus_ring_distance(r, r->at, write);
	// Only when it changes: there was not more room than that before.
	return room > pending && (int64_t)room - taken <= pending;
}
