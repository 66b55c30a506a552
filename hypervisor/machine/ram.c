/* SPDX-License-Identifier: BSD-3-Clause */
#include "ram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

#define MIB       (UINT64_C(1) << 20)
#define HUGE_PAGE (2 * MIB)
#define HUGE_DIR  "/sys/kernel/mm/hugepages/hugepages-2048kB/"

[[gnu::format(printf, 3, 4)]] static int fail(
	char why[RAM_WHY_SIZE], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, RAM_WHY_SIZE, format, args);
	va_end(args);
	return err;
}

// A number in a small file of the kernel's, after `key`; 0 if it is not there.
static uint64_t kernel_number(const char *path, const char *key)
{
	char text[4096];
	const char *at;
	uint64_t n = 0;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	at = strstr(text, key);
	if (at != NULL)
		sscanf(at + strlen(key), "%" SCNu64, &n);
	return n;
}

// Huge pages are only promised by a mapping; the promise stays with the file.
static int reserve(int fd, uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, size);
	return 0;
}

// A file that nobody can make smaller, larger, or open anew.
static int make_file(const char *name, uint64_t size, bool huge)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	int fd = memfd_create(name, flags), err;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || ftruncate(fd, size) != 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		err = -errno;
	else
		err = huge ? reserve(fd, size) : 0;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static int add_regions(struct ram *ram, int fd)
{
	int err = guest_mem_add(&ram->mem, 0, ram->low, fd, 0);

	if (err == 0 && ram->high > 0)
		err = guest_mem_add(&ram->mem, GUEST_HIGH, ram->high, fd, ram->low);
	if (err != 0)
		guest_mem_clear(&ram->mem);
	return err;
}

static int check_size(uint64_t size, char why[RAM_WHY_SIZE])
{
	if (size < GUEST_LEAST)
		return fail(why, -EINVAL,
			"memory is %" PRIu64 " MiB, too little to boot in: give at least %llu MiB",
			size / MIB, GUEST_LEAST / MIB);
	if (size > GUEST_MOST)
		return fail(why, -EINVAL,
			"memory is %" PRIu64 " MiB, more than a guest can have: "
			"give at most %llu MiB",
			size / MIB, GUEST_MOST / MIB);
	if (size % HUGE_PAGE != 0)
		return fail(why, -EINVAL,
			"memory is %" PRIu64 " KiB, which is not a multiple of 2 MiB: "
			"give %" PRIu64 " MiB",
			size / 1024, (size / HUGE_PAGE + 1) * 2);
	return 0;
}

static int no_huge_pages(uint64_t size, char why[RAM_WHY_SIZE])
{
	const uint64_t need = size / HUGE_PAGE;
	const uint64_t total = kernel_number(HUGE_DIR "nr_hugepages", "");
	const uint64_t there = kernel_number(HUGE_DIR "free_hugepages", "");
	const uint64_t taken = kernel_number(HUGE_DIR "resv_hugepages", "");
	const uint64_t left = there > taken ? there - taken : 0;

	if (left >= need)
		return fail(why, -ENOMEM,
			"%" PRIu64 " huge pages are free, but may not be used: see the hugetlb "
			"limits of this control group, or use small pages",
			left);
	return fail(why, -ENOMEM,
		"%" PRIu64 " huge pages of 2 MiB are needed, %" PRIu64 " are free: "
		"sysctl vm.nr_hugepages=%" PRIu64 ", or use small pages",
		need, left, total + need - left);
}

static int open_file(
	struct ram *ram, const char *name, enum ram_pages pages, char why[RAM_WHY_SIZE])
{
	uint64_t available;
	int fd;

	if (pages != RAM_PAGES_SMALL) {
		fd = make_file(name, ram->size, true);
		ram->huge = fd >= 0;
		if (ram->huge)
			return fd;
		if (pages == RAM_PAGES_HUGE)
			return no_huge_pages(ram->size, why);
	}
	available = kernel_number("/proc/meminfo", "MemAvailable:") * 1024;
	if (available != 0 && ram->size > available)
		return fail(why, -ENOMEM,
			"%" PRIu64 " MiB of memory are wanted, %" PRIu64 " MiB are available: "
			"give the guest less, or end something",
			ram->size / MIB, available / MIB);
	fd = make_file(name, ram->size, false);
	if (fd < 0)
		return fail(why, fd, "cannot make a file of %" PRIu64 " MiB in memory: %s",
			ram->size / MIB, strerror(-fd));
	return fd;
}

int ram_create(struct ram *ram, const char *name, uint64_t size, enum ram_pages pages,
	char why[RAM_WHY_SIZE])
{
	int err = check_size(size, why), fd;

	memset(ram, 0, sizeof(*ram));
	if (err != 0)
		return err;
	ram->size = size;
	ram->low = size < GUEST_LOW_END ? size : GUEST_LOW_END;
	ram->high = size - ram->low;
	fd = open_file(ram, name, pages, why);
	if (fd < 0)
		return fd;
	err = add_regions(ram, fd);
	close(fd);
	if (err != 0)
		return fail(why, err, "cannot map %" PRIu64 " MiB of memory: %s", size / MIB,
			strerror(-err));
	return 0;
}

void ram_destroy(struct ram *ram)
{
	guest_mem_clear(&ram->mem);
}
