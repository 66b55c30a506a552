/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "guest_fault.h"

#define GPA_END (1ull << 52)
#define HUGE    (2ull << 20)

static bool overlaps(const struct guest_mem *mem, uint64_t gpa, uint64_t size)
{
	for (unsigned i = 0; i < mem->n; i++) {
		const struct guest_region *r = &mem->region[i];

		if (gpa < r->gpa + r->size && r->gpa < gpa + size)
			return true;
	}
	return false;
}

// Only a file that can never shrink: its owner must not take pages away under us.
static int check_file(int fd, uint64_t size, uint64_t offset, uint64_t *page_size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;

	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
		return -EPERM;
	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return -errno;
	// Huge pages cannot be mapped by halves.
	*page_size = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : GUEST_PAGE_SIZE;
	if (size % *page_size != 0 || offset % *page_size != 0)
		return -EINVAL;
	if (offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
		return -EINVAL;
	return 0;
}

// Where an address and its offset in the file agree modulo 2 MiB, the kernel can map huge pages.
static uint8_t *map_aligned(uint64_t size, int fd, uint64_t offset)
{
	uint64_t before, spare = size < HUGE ? 0 : HUGE;
	uint8_t *reserved, *host;

	reserved = mmap(
		NULL, size + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return MAP_FAILED;
	before = spare == 0 ? 0 : (offset - (uintptr_t)reserved) % HUGE;
	host = mmap(reserved + before, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, offset);
	if (host == MAP_FAILED) {
		int err = errno;

		munmap(reserved, size + spare);
		errno = err;
		return MAP_FAILED;
	}
	if (before > 0)
		munmap(reserved, before);
	if (before < spare)
		munmap(host + size, spare - before);
	madvise(host, size, MADV_HUGEPAGE);
	return host;
}

int guest_mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, int fd, uint64_t offset)
{
	struct guest_region r = {.gpa = gpa, .size = size, .offset = offset};
	int err;

	if (size == 0 || (gpa | size | offset) % GUEST_PAGE_SIZE != 0 || size > GPA_END ||
		gpa > GPA_END - size || offset > INT64_MAX - size)
		return -EINVAL;
	if (overlaps(mem, gpa, size))
		return -EEXIST;
	if (mem->n == GUEST_MEM_MAX_REGIONS)
		return -ENOSPC;
	err = check_file(fd, size, offset, &r.page_size);
	if (err != 0)
		return err;
	r.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (r.fd < 0)
		return -errno;
	if (r.page_size == GUEST_PAGE_SIZE)
		r.host = map_aligned(size, r.fd, offset);
	else
		r.host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r.fd,
			offset);
	if (r.host == MAP_FAILED) {
		// Sealed or opened against writing.
		err = errno == EACCES ? -EPERM : -errno;
		goto fd;
	}
	// The guest's secrets belong neither into our core dumps nor into our children.
	madvise(r.host, size, MADV_DONTDUMP);
	madvise(r.host, size, MADV_DONTFORK);
	err = guest_fault_watch(r.host, size, r.page_size, &mem->dead);
	if (err != 0)
		goto mapping;
	mem->region[mem->n++] = r;
	return 0;

mapping:
	munmap(r.host, size);
fd:
	close(r.fd);
	return err;
}

void guest_mem_clear(struct guest_mem *mem)
{
	while (mem->n > 0) {
		struct guest_region *r = &mem->region[--mem->n];

		guest_fault_unwatch(r->host);
		munmap(r->host, r->size);
		close(r->fd);
	}
}
