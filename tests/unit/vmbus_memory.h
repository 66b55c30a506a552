/* SPDX-License-Identifier: BSD-3-Clause */
// Guest memory for tests of the bus: a sealed memfd, its pages, lists and rings of them.
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hypervisor/vmbus/gpadl.h>
#include <hypervisor/vmbus/guest_mem.h>
#include <hypervisor/vmbus/ring.h>

static inline int sealed_memfd(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

// Adds `n_pages` of a new memfd at guest address 0.
static inline void make_memory(struct guest_mem *mem, uint32_t n_pages)
{
	int fd = sealed_memfd((uint64_t)n_pages * GUEST_PAGE_SIZE);

	assert_int_equal(guest_mem_add(mem, 0, (uint64_t)n_pages * GUEST_PAGE_SIZE, fd, 0), 0);
	close(fd);
}

// A list of pages first, first + step, …
static inline void make_gpadl(struct gpadl *g, const struct guest_mem *mem, uint32_t first,
	uint32_t n_pages, uint32_t step)
{
	uint64_t *pfn = calloc(n_pages, sizeof(*pfn));

	assert_non_null(pfn);
	for (uint32_t i = 0; i < n_pages; i++)
		pfn[i] = first + (uint64_t)i * step;
	assert_int_equal(gpadl_init(g, mem, 1, 0, n_pages * GUEST_PAGE_SIZE, pfn, n_pages), 0);
	free(pfn);
}
