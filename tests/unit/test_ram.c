/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hypervisor/machine/layout.h>
#include <hypervisor/machine/ram.h>

#define MIB (1ull << 20)

static char why[RAM_WHY_SIZE];

static void a_small_guest_has_one_region(void **)
{
	struct ram ram;

	assert_int_equal(ram_create(&ram, "test", 64 * MIB, RAM_PAGES_AUTO, why), 0);
	assert_int_equal(ram.mem.n, 1);
	assert_int_equal(ram.size, 64 * MIB);
	assert_int_equal(ram.low, 64 * MIB);
	assert_int_equal(ram.high, 0);
	assert_non_null(guest_mem_at(&ram.mem, 0, 64 * MIB));
	assert_null(guest_mem_at(&ram.mem, 1, 64 * MIB));
	guest_mem_at(&ram.mem, 64 * MIB - 1, 1)[0] = 1;
	ram_destroy(&ram);
}

static void what_does_not_fit_below_3_gib_is_above_4(void **)
{
	struct ram ram;
	int ret = ram_create(&ram, "test", 3 * 1024 * MIB + 2 * MIB, RAM_PAGES_SMALL, why);

	if (ret == -ENOMEM)
		skip();
	assert_int_equal(ret, 0);
	assert_false(ram.huge);
	assert_int_equal(ram.mem.n, 2);
	assert_int_equal(ram.high, 2 * MIB);
	assert_null(guest_mem_at(&ram.mem, GUEST_LOW_END, 1));
	assert_null(guest_mem_at(&ram.mem, GUEST_HIGH - 1, 1));
	guest_mem_at(&ram.mem, GUEST_HIGH, 2 * MIB)[0] = 1;
	guest_mem_at(&ram.mem, GUEST_LOW_END - 1, 1)[0] = 2;
	assert_int_equal(guest_mem_at(&ram.mem, GUEST_HIGH, 1)[0], 1);
	assert_null(guest_mem_at(&ram.mem, GUEST_HIGH + 2 * MIB, 1));
	ram_destroy(&ram);
}

static void whoever_gets_the_file_cannot_change_its_size_or_seals(void **)
{
	struct ram ram;
	struct stat st;
	int fd;

	assert_int_equal(ram_create(&ram, "test", 32 * MIB, RAM_PAGES_SMALL, why), 0);
	fd = ram.mem.region[0].fd;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 64 * MIB), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ram_destroy(&ram);
	ram_destroy(&ram);
}

static void sizes_that_cannot_be_are_refused_with_the_remedy(void **)
{
	struct ram ram;

	assert_int_equal(ram_create(&ram, "test", 16 * MIB, RAM_PAGES_AUTO, why), -EINVAL);
	assert_string_equal(why, "memory is 16 MiB, too little to boot in: give at least 32 MiB");
	assert_int_equal(ram_create(&ram, "test", 33 * MIB, RAM_PAGES_AUTO, why), -EINVAL);
	assert_non_null(strstr(why, "give 34 MiB"));
	assert_int_equal(ram_create(&ram, "test", GUEST_MOST * 2, RAM_PAGES_AUTO, why), -EINVAL);
	assert_non_null(strstr(why, "at most 1048576 MiB"));
	assert_int_equal(ram_create(&ram, "test", UINT64_MAX, RAM_PAGES_AUTO, why), -EINVAL);
	ram_destroy(&ram);
}

static void more_than_is_available_is_refused_with_both_numbers(void **)
{
	struct ram ram;

	assert_int_equal(ram_create(&ram, "test", GUEST_MOST, RAM_PAGES_SMALL, why), -ENOMEM);
	assert_non_null(strstr(why, "1048576 MiB of memory are wanted"));
	assert_non_null(strstr(why, "available: give the guest less"));
	assert_int_equal(ram_create(&ram, "test", GUEST_MOST, RAM_PAGES_AUTO, why), -ENOMEM);
	assert_int_equal(ram.mem.n, 0);
}

static void missing_huge_pages_are_refused_with_the_command(void **)
{
	struct ram ram;

	assert_int_equal(ram_create(&ram, "test", GUEST_MOST, RAM_PAGES_HUGE, why), -ENOMEM);
	assert_non_null(strstr(why, "524288 huge pages of 2 MiB are needed"));
	assert_non_null(strstr(why, "sysctl vm.nr_hugepages=52"));
}

static uint64_t reserved(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "re");
	unsigned long long n = 0;

	if (f == NULL)
		return 0;
	assert_int_equal(fscanf(f, "%llu", &n), 1);
	fclose(f);
	return n;
}

static void huge_pages_are_kept_for_the_guest_until_it_ends(void **)
{
	const uint64_t before = reserved();
	struct ram ram;

	if (ram_create(&ram, "test", 64 * MIB, RAM_PAGES_HUGE, why) != 0)
		skip();
	assert_true(ram.huge);
	assert_int_equal(ram.mem.region[0].page_size, 2 * MIB);
	assert_int_equal(reserved() - before, 32);
	memset(guest_mem_at(&ram.mem, 0, 64 * MIB), 1, 64 * MIB);
	assert_int_equal(reserved() - before, 0);
	ram_destroy(&ram);
	assert_int_equal(reserved() - before, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_guest_has_one_region),
		cmocka_unit_test(what_does_not_fit_below_3_gib_is_above_4),
		cmocka_unit_test(whoever_gets_the_file_cannot_change_its_size_or_seals),
		cmocka_unit_test(sizes_that_cannot_be_are_refused_with_the_remedy),
		cmocka_unit_test(more_than_is_available_is_refused_with_both_numbers),
		cmocka_unit_test(missing_huge_pages_are_refused_with_the_command),
		cmocka_unit_test(huge_pages_are_kept_for_the_guest_until_it_ends),
	};

	return cmocka_run_group_tests_name("ram", tests, NULL, NULL);
}
