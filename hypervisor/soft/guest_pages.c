/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL_BYTES (32ull << 20) // in small pages where the rest is in huge ones
#define HUGE_BYTES  (2ull << 20)
#define LEAST_BYTES (4ull << 20)
#define SEALS       (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define MEMFD_FLAGS (MFD_CLOEXEC | MFD_ALLOW_SEALING)

enum page_state { PAGE_FRESH, PAGE_USED, PAGE_DIRTY };

// The fd of a memfd of that size, or -errno.
static int make_memory(uint64_t bytes, unsigned flags)
{
	int fd = memfd_create("guest", MEMFD_FLAGS | flags), ret = 0;

	if (fd < 0)
		return -errno;
	// Huge pages are taken now, or the first touch of one too many would be a SIGBUS.
	if (ftruncate(fd, bytes) < 0 || (flags & MFD_HUGETLB && fallocate(fd, 0, 0, bytes) < 0) ||
		fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		ret = -errno;
	if (ret < 0)
		close(fd);
	return ret < 0 ? ret : fd;
}

static int add_zone(struct guest_pages *pages, uint64_t gpa, uint64_t bytes, unsigned flags)
{
	struct guest_zone *zone = &pages->zone[pages->n_zones];
	int fd = make_memory(bytes, flags), ret;

	if (fd < 0)
		return fd;
	zone->gpa = gpa;
	zone->n_pages = bytes / GUEST_PAGE_SIZE;
	zone->state = calloc(zone->n_pages, 1);
	ret = zone->state == NULL ? -ENOMEM : guest_mem_add(&pages->mem, gpa, bytes, fd, 0);
	close(fd);
	if (ret < 0) {
		free(zone->state);
		zone->state = NULL;
		return ret;
	}
	pages->n_zones++;
	return 0;
}

int guest_pages_create(struct guest_pages *pages, uint64_t bytes)
{
	uint64_t huge = 0;
	int ret;

	memset(pages, 0, sizeof(*pages));
	bytes &= ~(uint64_t)(GUEST_PAGE_SIZE - 1);
	if (bytes < LEAST_BYTES || bytes > 1ull << 40)
		return -EINVAL;
	if (bytes > SMALL_BYTES)
		huge = (bytes - SMALL_BYTES) & ~(HUGE_BYTES - 1);
	if (huge > 0) {
		// In the order of their addresses: the small ones first, whatever comes behind.
		ret = add_zone(pages, 0, bytes - huge, 0);
		if (ret < 0)
			return ret;
		if (add_zone(pages, bytes - huge, huge, MFD_HUGETLB) == 0)
			goto done;
		guest_pages_destroy(pages);
	}
	ret = add_zone(pages, 0, bytes, 0);
	if (ret < 0)
		return ret;
done:
	pages->zone[0].state[0] = PAGE_USED; // so that address 0 can say "none"
	return 0;
}

void guest_pages_destroy(struct guest_pages *pages)
{
	guest_mem_clear(&pages->mem);
	for (unsigned i = 0; i < pages->n_zones; i++)
		free(pages->zone[i].state);
	memset(pages, 0, sizeof(*pages));
}

static uint64_t take(struct guest_pages *pages, struct guest_zone *zone, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < zone->n_pages; i++) {
		uint32_t first = i + 1 - n;

		run = zone->state[i] == PAGE_USED ? 0 : run + 1;
		if (run < n)
			continue;
		for (uint32_t p = first; p <= i; p++) {
			if (zone->state[p] == PAGE_DIRTY)
				memset(guest_pages_at(
					       pages, zone->gpa + (uint64_t)p * GUEST_PAGE_SIZE),
					0, GUEST_PAGE_SIZE);
			zone->state[p] = PAGE_USED;
		}
		return zone->gpa + (uint64_t)first * GUEST_PAGE_SIZE;
	}
	return 0;
}

uint64_t guest_pages_alloc(struct guest_pages *pages, uint32_t n, enum guest_pages_use use)
{
	uint64_t gpa = 0;

	if (n == 0)
		return 0;
	if (use == GUEST_PAGES_BUFFER && pages->n_zones > 1)
		gpa = take(pages, &pages->zone[1], n);
	return gpa != 0 ? gpa : take(pages, &pages->zone[0], n);
}

void guest_pages_free(struct guest_pages *pages, uint64_t gpa, uint32_t n)
{
	for (unsigned i = 0; i < pages->n_zones; i++) {
		struct guest_zone *zone = &pages->zone[i];
		uint64_t first = (gpa - zone->gpa) / GUEST_PAGE_SIZE;

		if (gpa >= zone->gpa && first + n <= zone->n_pages && gpa != 0)
			memset(zone->state + first, PAGE_DIRTY, n);
	}
}
