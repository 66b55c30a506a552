/* SPDX-License-Identifier: BSD-3-Clause */
// Where a kernel finds itself and what it is told. `test_boot KERNEL [INITRD]` loads real ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hypervisor/machine/boot.h>
#include <hypervisor/machine/layout.h>

#include "bz_image.h"

#define MIB (1ull << 20)

static struct ram ram;
static uint8_t image[BZ_SIZE];
static struct setup_header *header;
static struct boot_entry entry;
static char why[BOOT_WHY_SIZE];

static void *at(uint64_t gpa, uint64_t len)
{
	void *host = guest_mem_at(&ram.mem, gpa, len);

	assert_non_null(host);
	return host;
}

static int load_with(const void *initrd, size_t initrd_len, struct boot_source source)
{
	int err;

	source.kernel_fd = bz_file(image, sizeof(image));
	source.initrd_fd = initrd == NULL ? -1 : bz_file(initrd, initrd_len);
	err = boot_load(&ram, &source, &entry, why);
	close(source.kernel_fd);
	if (initrd != NULL)
		close(source.initrd_fd);
	return err;
}

static int load(void)
{
	return load_with(NULL, 0, (struct boot_source){});
}

static const struct boot_params *params(void)
{
	assert_int_equal(entry.rsi, GUEST_BOOT);
	return at(entry.rsi, sizeof(struct boot_params));
}

static int begin_with(uint64_t size)
{
	header = bz_image(image);
	memset(&entry, 0xee, sizeof(entry));
	return ram_create(&ram, "test", size, RAM_PAGES_SMALL, why);
}

static int begin(void **)
{
	return begin_with(64 * MIB);
}

static int end(void **)
{
	ram_destroy(&ram);
	return 0;
}

static void a_64_bit_kernel_begins_in_long_mode(void **)
{
	const uint64_t *gdt = at(GUEST_GDT, 32);

	assert_int_equal(load(), 0);
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, 0x1000200);
	assert_memory_equal(at(0x1000000, BZ_BODY), image + BZ_AT, BZ_BODY);
	assert_int_equal(params()->hdr.code32_start, 0x1000000);
	assert_int_equal(entry.gdt, GUEST_GDT);
	assert_int_equal(entry.gdt_limit, 31);
	assert_int_equal(gdt[2], 0x00af9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);
}

static void its_page_tables_map_4_gib_one_to_one(void **)
{
	const uint64_t *top, *middle;

	assert_int_equal(load(), 0);
	top = at(entry.cr3, 4096);
	assert_int_equal(top[0] & 0xfff, 3);
	assert_int_equal(top[1], 0);
	middle = at(top[0] & ~0xfffull, 4096);
	assert_int_equal(middle[4], 0);
	for (uint64_t i = 0; i < 2048; i++) {
		const uint64_t *low = at(middle[i / 512] & ~0xfffull, 4096);

		assert_int_equal(low[i % 512], i << 21 | 0x83);
	}
}

static void a_32_bit_kernel_begins_in_protected_mode(void **)
{
	const uint64_t *gdt = at(GUEST_GDT, 32);

	header->xloadflags = 0;
	assert_int_equal(load(), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 0x1000000);
	assert_int_equal(entry.cr3, 0);
	assert_int_equal(gdt[2], 0x00cf9b000000ffff);
	assert_int_equal(gdt[3], 0x00cf93000000ffff);
	// The flags are younger than the field's other use.
	header->xloadflags = XLF_KERNEL_64;
	header->version = 0x20b;
	assert_int_equal(load(), 0);
	assert_false(entry.long_mode);
}

static void one_that_cannot_move_is_at_1_mib(void **)
{
	header->relocatable_kernel = 0;
	header->kernel_alignment = 0;
	assert_int_equal(load(), 0);
	assert_int_equal(entry.rip, 0x100200);
	assert_memory_equal(at(0x100000, BZ_BODY), image + BZ_AT, BZ_BODY);
	// Nor do old ones say where they would like to be.
	header->version = 0x206;
	header->pref_address = UINT64_MAX;
	assert_int_equal(load(), 0);
	assert_int_equal(entry.rip, 0x100000);
}

static void one_that_can_move_is_where_it_prefers_and_aligned(void **)
{
	header->pref_address = 0x1000001;
	assert_int_equal(load(), 0);
	assert_int_equal(entry.rip, 0x1200200);
	header->pref_address = 0;
	assert_int_equal(load(), 0);
	assert_int_equal(entry.rip, 0x200200);
}

static void the_header_is_copied_and_nothing_else(void **)
{
	const struct boot_params *p;

	memset(image, 0x77, BZ_HDR);
	memset(image + BZ_HDR + sizeof(*header), 0x77, BZ_AT - BZ_HDR - sizeof(*header));
	header->jump = 0xeb | 0x40 << 8; // an end before pref_address
	header->hardware_subarch = 0x11223344;
	assert_int_equal(load(), 0);
	p = params();
	assert_int_equal(p->hdr.hardware_subarch, 0x11223344);
	assert_int_equal(p->hdr.version, 0x20f);
	assert_int_equal(p->hdr.pref_address, 0);
	assert_int_equal(p->hdr.init_size, 0);
	assert_int_equal(p->sentinel, 0);
	assert_int_equal(p->screen_info.orig_video_isVGA, 0);
	assert_int_equal(p->_pad7[0], 0);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.loadflags, LOADED_HIGH | CAN_USE_HEAP);
	header->jump = 0xffeb;
	assert_int_equal(load(), 0);
	assert_int_equal(params()->_pad7[0], 0);
}

static void the_map_has_a_hole_below_1_mib_and_what_is_above_4_gib(void **)
{
	const struct boot_params *p;
	uint64_t sum = 0, last = 0;

	end(NULL);
	if (begin_with(3 * 1024 * MIB + 64 * MIB) == -ENOMEM)
		skip();
	assert_int_equal(load(), 0);
	p = params();
	assert_int_equal(p->e820_entries, 5);
	for (int i = 0; i < 5; i++) {
		const struct boot_e820_entry *e = &p->e820_table[i];

		assert_true(e->addr >= last && e->size > 0);
		last = e->addr + e->size;
		sum += e->type == 1 ? e->size : 0;
		assert_false(e->type == 1 && e->addr < MIB && last > GUEST_EBDA);
		if (e->addr == GUEST_ACPI)
			assert_int_equal(e->type, 2);
	}
	assert_int_equal(last, GUEST_HIGH + 64 * MIB);
	assert_int_equal(sum, GUEST_EBDA + ram.size - MIB);
}

static void the_command_line_is_whole_or_refused(void **)
{
	char line[GUEST_CMDLINE_MAX + 1];

	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = "a=b c"}), 0);
	assert_int_equal(params()->hdr.cmd_line_ptr, GUEST_CMDLINE);
	assert_string_equal(at(GUEST_CMDLINE, 6), "a=b c");
	assert_int_equal(load(), 0);
	assert_string_equal(at(GUEST_CMDLINE, 1), "");
	memset(line, 'x', sizeof(line));
	line[2047] = '\0';
	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = line}), 0);
	assert_string_equal(at(GUEST_CMDLINE, 2048), line);
	line[2047] = 'x', line[2048] = '\0';
	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = line}), -E2BIG);
	assert_string_equal(
		why, "the command line has 2048 characters, this kernel takes 2047: shorten it");
	header->cmdline_size = UINT32_MAX;
	line[2048] = 'x', line[4095] = '\0';
	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = line}), 0);
	line[4095] = 'x', line[4096] = '\0';
	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = line}), -E2BIG);
	header->cmdline_size = 0;
	line[256] = '\0';
	assert_int_equal(load_with(NULL, 0, (struct boot_source){.cmdline = line}), -E2BIG);
}

static void the_initrd_is_below_all_limits_and_off_the_kernel(void **)
{
	static uint8_t initrd[5 * MIB + 123];
	const struct boot_params *p;

	memset(initrd, 0x5a, sizeof(initrd));
	assert_int_equal(load_with(initrd, sizeof(initrd), (struct boot_source){}), 0);
	p = params();
	assert_int_equal(p->hdr.ramdisk_size, sizeof(initrd));
	assert_int_equal(p->hdr.ramdisk_image % 4096, 0);
	assert_true(p->hdr.ramdisk_image + sizeof(initrd) > 64 * MIB - 4096);
	assert_memory_equal(at(p->hdr.ramdisk_image, sizeof(initrd)), initrd, sizeof(initrd));
	header->initrd_addr_max = 0x2ffffff;
	assert_int_equal(load_with(initrd, sizeof(initrd), (struct boot_source){}), 0);
	p = params();
	assert_true(p->hdr.ramdisk_image + sizeof(initrd) <= 0x3000000);
	assert_true(p->hdr.ramdisk_image >= header->pref_address + header->init_size);
	assert_int_equal(load(), 0);
	assert_int_equal(params()->hdr.ramdisk_size, 0);
}

static void an_initrd_without_room_is_refused_with_the_remedy(void **)
{
	static uint8_t initrd[5 * MIB];

	header->init_size = 44 * MIB; // to 60 MiB
	assert_int_equal(load_with(initrd, 5 * MIB, (struct boot_source){}), -ENOMEM);
	assert_string_equal(why,
		"the initrd has 5 MiB, behind the kernel there are 4 MiB of memory: give the "
		"guest at least 3 MiB more");
	assert_int_equal(load_with(initrd, 4 * MIB, (struct boot_source){}), 0);
	assert_int_equal(params()->hdr.ramdisk_image, 60 * MIB);
	header->initrd_addr_max = 62 * MIB - 1;
	assert_int_equal(load_with(initrd, 4 * MIB, (struct boot_source){}), -EFBIG);
	assert_non_null(strstr(why, "this kernel has room for 2 MiB: make it smaller"));
	header->initrd_addr_max = 0;
	assert_int_equal(load_with(initrd, 4096, (struct boot_source){}), -EFBIG);
	assert_int_equal(load_with(initrd, 0, (struct boot_source){}), -ENODATA);
	assert_string_equal(why, "the initrd is empty: copy it again");
}

static void a_kernel_without_room_is_refused_with_the_remedy(void **)
{
	header->init_size = 48 * MIB;
	assert_int_equal(load(), 0);
	header->init_size++;
	assert_int_equal(load(), -ENOMEM);
	assert_string_equal(why,
		"the kernel unpacks itself into more than the guest's 64 MiB of memory: give the "
		"guest at least 66 MiB");
	header->init_size = UINT32_MAX;
	assert_int_equal(load(), -ENOMEM);
	for (uint64_t pref = GUEST_LOW_END; pref != 0; pref <<= 1) {
		header->pref_address = pref - 1;
		assert_int_equal(load(), -ENOEXEC);
	}
	assert_non_null(strstr(why, "where no guest has memory"));
}

static void the_seed_and_the_tables_are_told_to_kernels_that_know_them(void **)
{
	struct boot_source source = {.acpi_rsdp = GUEST_ACPI};
	const struct setup_data *data;

	assert_int_equal(load_with(NULL, 0, source), 0);
	assert_int_equal(params()->acpi_rsdp_addr, GUEST_ACPI);
	assert_int_equal(params()->hdr.setup_data, 0);
	memset(source.seed, 0x42, sizeof(source.seed));
	assert_int_equal(load_with(NULL, 0, source), 0);
	data = at(params()->hdr.setup_data, sizeof(*data) + 32);
	assert_int_equal(data->next, 0);
	assert_int_equal(data->type, 9);
	assert_int_equal(data->len, 32);
	assert_memory_equal(data->data, source.seed, 32);
	header->version = 0x208;
	assert_int_equal(load_with(NULL, 0, source), 0);
	assert_int_equal(params()->acpi_rsdp_addr, 0);
	assert_int_equal(params()->hdr.setup_data, 0);
}

static void a_reset_loads_the_same_again(void **)
{
	struct boot_source source = {.cmdline = "one", .seed = {1}, .initrd_fd = -1};

	source.kernel_fd = bz_file(image, sizeof(image));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(boot_load(&ram, &source, &entry, why), 0);
		assert_memory_equal(at(0x1000000, BZ_BODY), image + BZ_AT, BZ_BODY);
		assert_string_equal(at(GUEST_CMDLINE, 4), "one");
		assert_int_equal(params()->e820_entries, 4);
		memset(at(0, ram.low), 0xcc, ram.low);
	}
	close(source.kernel_fd);
}

static void other_files_are_refused_by_what_they_are(void **)
{
	static const struct {
		const char *bytes;
		size_t len, at;
		const char *what;
	} files[] = {
		{"\x1f\x8b\x08", 3, 0, "compressed with gzip"},
		{"\x28\xb5\x2f\xfd", 4, 0, "compressed with zstd"},
		{"\xfd\x37zXZ\0", 6, 0, "compressed with xz"},
		{"\177ELF\2\1\1", 7, 0, "an ELF file, like vmlinux"},
		{"070701", 6, 0, "a cpio archive"},
		{"#!/bin/sh", 9, 0, "a script"},
		{"ARM\x64", 4, 0x38, "for ARM"},
		{"RSC\5", 4, 0x38, "for RISC-V"},
		{"MZ", 2, 0, "a DOS program"},
		{"hello", 5, 0, "not a Linux kernel for x86"},
	};
	static const struct {
		uint16_t machine;
		const char *what;
	} programs[] = {{0x8664, "an EFI program"}, {0xaa64, "for ARM"}, {0x5064, "for RISC-V"},
		{0x200, "for other processors"}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		memset(image, 0, sizeof(image));
		memcpy(image + files[i].at, files[i].bytes, files[i].len);
		assert_int_equal(load(), -ENOEXEC);
		assert_non_null(strstr(why, files[i].what));
		assert_non_null(strstr(why, "give the bzImage"));
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		memset(image, 0, sizeof(image));
		memcpy(image, "MZ", 2);
		image[0x3c] = 0x80;
		memcpy(image + 0x80, "PE\0", 4);
		memcpy(image + 0x84, &programs[i].machine, 2);
		assert_int_equal(load(), -ENOEXEC);
		assert_non_null(strstr(why, programs[i].what));
	}
	memset(image + 0x3c, 0xff, 4); // a pointer to nowhere
	assert_int_equal(load(), -ENOEXEC);
	memcpy(image + 0x3c, "\xfd\x0f\0", 4); // and to the edge
	assert_int_equal(load(), -ENOEXEC);
}

static void damaged_headers_are_refused(void **)
{
	static const uint32_t alignments[] = {0, 3, 0x80000000, 0xffffffff};

	header->version = 0x205;
	assert_int_equal(load(), -ENOEXEC);
	assert_non_null(strstr(why, "of boot protocol 2.05: give one of 2.06"));
	header = bz_image(image);
	header->loadflags = 0;
	assert_int_equal(load(), -ENOEXEC);
	assert_non_null(strstr(why, "a zImage"));
	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
		header = bz_image(image);
		header->kernel_alignment = alignments[i];
		assert_int_equal(load(), -ENOEXEC);
		assert_non_null(strstr(why, "damaged"));
	}
	header = bz_image(image);
	header->boot_flag = 0;
	assert_int_equal(load(), -ENOEXEC);
	header = bz_image(image);
	header->setup_sects = 255;
	assert_int_equal(load(), -ENODATA);
	header = bz_image(image);
	header->syssize = 0xffffffff;
	assert_int_equal(load(), -ENODATA);
}

static void a_file_that_is_cut_off_anywhere_is_refused(void **)
{
	struct boot_source source = {.initrd_fd = -1};

	for (size_t len = 0; len <= sizeof(image); len += len < 0x300 ? 1 : 61) {
		source.kernel_fd = bz_file(image, len);
		assert_true(boot_load(&ram, &source, &entry, why) < 0);
		assert_non_null(strchr(why, ':')); // and what to do about it
		close(source.kernel_fd);
	}
	assert_string_equal(
		why, "the kernel is cut off, 9674 bytes of 9728 are there: copy it again");
	// Old kernels tell of up to 15 bytes that are not there; signed ones have more.
	source.kernel_fd = bz_file(image, sizeof(image) - 15);
	assert_int_equal(boot_load(&ram, &source, &entry, why), 0);
	close(source.kernel_fd);
}

static void what_is_not_a_file_is_refused(void **)
{
	struct boot_source source = {.initrd_fd = -1};
	int ends[2];

	source.kernel_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(boot_load(&ram, &source, &entry, why), -EISDIR);
	assert_string_equal(why, "the kernel is a directory: name a file in it");
	close(source.kernel_fd);
	assert_int_equal(pipe(ends), 0);
	source.kernel_fd = ends[0];
	assert_int_equal(boot_load(&ram, &source, &entry, why), -EINVAL);
	assert_non_null(strstr(why, "copy it to a file first"));
	close(ends[1]);
	source.kernel_fd = bz_file(image, sizeof(image));
	source.initrd_fd = ends[0];
	assert_int_equal(boot_load(&ram, &source, &entry, why), -EINVAL);
	assert_non_null(strstr(why, "the initrd is a pipe"));
	close(ends[0]);
	close(source.kernel_fd);
	source.kernel_fd = 987654;
	assert_int_equal(boot_load(&ram, &source, &entry, why), -EBADF);
}

static bool cut;

// In place of the C library's: the file has become shorter.
ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
	if (cut && offset > 0)
		return 0;
	if (lseek(fd, offset, SEEK_SET) < 0)
		return -1;
	// By halves, as may be.
	return read(fd, to, len > 1 ? len / 2 : len);
}

static void a_file_that_becomes_shorter_meanwhile_is_refused(void **)
{
	cut = true;
	assert_int_equal(load(), -ENODATA);
	assert_string_equal(why,
		"the kernel became shorter while it was read: start again once it is complete");
	cut = false;
}

static int load_real(char **argv)
{
	struct boot_source source = {.initrd_fd = -1, .cmdline = "console=ttyS0"};
	int err;

	source.kernel_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (argv[2] != NULL)
		source.initrd_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (begin_with(512 * MIB) != 0)
		return 1;
	err = boot_load(&ram, &source, &entry, why);
	if (err != 0)
		printf("%s\n", why);
	else
		printf("%s-bit entry at %#llx, protocol %#x, initrd at %#x\n",
			entry.long_mode ? "64" : "32", (unsigned long long)entry.rip,
			params()->hdr.version, params()->hdr.ramdisk_image);
	end(NULL);
	return err != 0;
}

#define rule(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		rule(a_64_bit_kernel_begins_in_long_mode),
		rule(its_page_tables_map_4_gib_one_to_one),
		rule(a_32_bit_kernel_begins_in_protected_mode),
		rule(one_that_cannot_move_is_at_1_mib),
		rule(one_that_can_move_is_where_it_prefers_and_aligned),
		rule(the_header_is_copied_and_nothing_else),
		rule(the_map_has_a_hole_below_1_mib_and_what_is_above_4_gib),
		rule(the_command_line_is_whole_or_refused),
		rule(the_initrd_is_below_all_limits_and_off_the_kernel),
		rule(an_initrd_without_room_is_refused_with_the_remedy),
		rule(a_kernel_without_room_is_refused_with_the_remedy),
		rule(the_seed_and_the_tables_are_told_to_kernels_that_know_them),
		rule(a_reset_loads_the_same_again),
		rule(other_files_are_refused_by_what_they_are),
		rule(damaged_headers_are_refused),
		rule(a_file_that_is_cut_off_anywhere_is_refused),
		rule(what_is_not_a_file_is_refused),
		rule(a_file_that_becomes_shorter_meanwhile_is_refused),
	};

	if (argc > 1)
		return load_real(argv);
	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
