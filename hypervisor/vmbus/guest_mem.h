/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's memory as we see it: regions of a memfd, mapped shared. The guest, or whoever gave
// us the memfd, may write at any moment: read once, check, use.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE_SHIFT      12
#define GUEST_PAGE_SIZE       4096u
#define GUEST_MEM_MAX_REGIONS 16

struct guest_region {
	uint64_t gpa, size; // bytes, multiples of a page
	uint8_t *host;
	int fd;             // our own duplicate
	uint64_t offset;    // of the region in fd
	uint64_t page_size; // of fd: GUEST_PAGE_SIZE, or that of its huge pages
};

struct guest_mem {
	unsigned n;
	struct guest_region region[GUEST_MEM_MAX_REGIONS];
	// A page was not there any more when touched (hole in huge pages, pool empty): zeros have
	// been put in its place and all around, and the owner lets go of the guest.
	_Atomic bool dead;
};

// Maps a region; the fd is duplicated. Starts with `mem` all zeros, which must not move while it
// has regions. -EPERM: not a memfd that is sealed against shrinking and can be written; -EINVAL:
// not whole pages (huge ones, if the file has such), beyond the file, or past 2^52; -EEXIST:
// overlaps; -ENOSPC: too many.
int guest_mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, int fd, uint64_t offset);
// Unmaps all; `dead` stays. Nobody may use the memory any more.
void guest_mem_clear(struct guest_mem *mem);

// Where [gpa, gpa + len) is, or NULL unless all of it lies in one region. Any thread.
static inline uint8_t *guest_mem_at(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < mem->n; i++) {
		const struct guest_region *r = &mem->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size && len <= r->size - (gpa - r->gpa))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

// Once a process: SIGBUS in a mapping of a guest's memory turns that mapping into zeros and marks
// the guest dead. Any other SIGBUS does what it did before. 0 or -errno.
int guest_mem_catch_faults(void);
