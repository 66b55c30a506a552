/* SPDX-License-Identifier: BSD-3-Clause */
// Memory of a guest for fuzz targets.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hypervisor/vmbus/guest_mem.h>

// Adds `n` pages of a new sealed memfd at `gpa`.
static inline void guest_pages(struct guest_mem *mem, uint64_t gpa, uint32_t n)
{
	uint64_t size = (uint64_t)n * GUEST_PAGE_SIZE;
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, size) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0 ||
		guest_mem_add(mem, gpa, size, fd, 0) != 0)
		abort();
	close(fd);
}
