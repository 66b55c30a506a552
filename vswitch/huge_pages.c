/* SPDX-License-Identifier: BSD-3-Clause */
#include "huge_pages.h"

#include <stdio.h>

#include "log.h"

#define DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static unsigned long reserved;

static bool read_number(const char *path, unsigned long *n)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fscanf(f, "%lu", n) == 1;
	fclose(f);
	return ok;
}

static bool write_number(const char *path, unsigned long n)
{
	FILE *f = fopen(path, "we");
	bool ok;

	if (f == NULL)
		return false;
	ok = fprintf(f, "%lu", n) > 0;
	return fclose(f) == 0 && ok;
}

bool huge_pages_ensure(unsigned long pages)
{
	unsigned long total, available, after;

	if (!read_number(DIR "free_hugepages", &available) ||
		!read_number(DIR "nr_hugepages", &total))
		return false;
	if (available >= pages)
		return true;
	if (!write_number(DIR "nr_hugepages", total + pages - available)) {
		log_info("memory",
			"%lu huge pages of 2 MiB are free, %lu are wanted, and reserving "
			"them is not permitted",
			available, pages);
		return false;
	}
	if (!read_number(DIR "nr_hugepages", &after) ||
		!read_number(DIR "free_hugepages", &available))
		return false;
	reserved = after > total ? after - total : 0;
	if (available >= pages) {
		log_info("memory", "reserved %lu huge pages of 2 MiB", reserved);
		return true;
	}
	huge_pages_return();
	return false;
}

void huge_pages_return(void)
{
	unsigned long total;

	if (reserved == 0 || !read_number(DIR "nr_hugepages", &total))
		return;
	write_number(DIR "nr_hugepages", total > reserved ? total - reserved : 0);
	reserved = 0;
}
