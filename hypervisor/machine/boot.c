/* SPDX-License-Identifier: BSD-3-Clause */
#include "boot.h"

#include <errno.h>
#include <string.h>

#include "boot_file.h"
#include "boot_image.h"
#include "layout.h"

#define MIB         (1ull << 20)
#define HAS_XLOAD   0x020cu
#define HAS_RSDP    0x020eu
#define HAS_DATA    0x0209u
#define ENTRY_64    0x200u
#define LOADER      0xff // none that has a number
#define HEAP_END    0xe000u
#define NORMAL_MODE 0xffffu // of the screen that there is not
#define CMDLINE_OLD 255u    // where a kernel does not say

#define E820_RAM      1
#define E820_RESERVED 2
#define PAGES_END     0xa0000ull // of conventional memory

#define PTE_TABLE 0x03ull // present, writable
#define PTE_PAGE  0x83ull // and of 2 MiB

// Segments as the boot protocol numbers them.
enum { GDT_CODE = 2, GDT_DATA = 3, GDT_SIZE = 4 };
#define CODE_32 0x00cf9b000000ffffull
#define CODE_64 0x00af9b000000ffffull
#define DATA_32 0x00cf93000000ffffull

static_assert(sizeof(struct boot_params) == GUEST_PAGE_SIZE);

struct initrd {
	uint64_t at, size;
};

// A place that the layout says is there, in the least of guests too.
static void *place(struct ram *ram, uint64_t gpa, uint64_t len)
{
	return guest_mem_at(&ram->mem, gpa, len);
}

static int check_cmdline(
	const struct boot_image *image, const char *cmdline, char why[BOOT_WHY_SIZE])
{
	uint64_t limit = image->header.cmdline_size != 0 ? image->header.cmdline_size : CMDLINE_OLD;

	if (limit > GUEST_CMDLINE_MAX - 1)
		limit = GUEST_CMDLINE_MAX - 1;
	if (strlen(cmdline) > limit)
		return boot_refuse(why, -E2BIG,
			"the command line has %zu characters, this kernel takes %llu: shorten it",
			strlen(cmdline), (unsigned long long)limit);
	return 0;
}

// As high as the kernel can reach and there is memory.
static int place_initrd(const struct boot_image *image, uint64_t low, struct initrd *initrd,
	char why[BOOT_WHY_SIZE])
{
	const uint64_t reach = image->header.initrd_addr_max + 1ull;
	const uint64_t top = reach < low ? reach : low;
	const uint64_t room = top > image->end ? top - image->end : 0;

	if (initrd->size <= room)
		initrd->at = (top - initrd->size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
	if (initrd->size <= room && initrd->at >= image->end)
		return 0;
	if (reach <= low)
		return boot_refuse(why, -EFBIG,
			"the initrd has %llu MiB, this kernel has room for %llu MiB: make it "
			"smaller",
			(unsigned long long)((initrd->size + MIB - 1) / MIB),
			(unsigned long long)(room / MIB));
	return boot_refuse(why, -ENOMEM,
		"the initrd has %llu MiB, behind the kernel there are %llu MiB of memory: give "
		"the guest at least %llu MiB more",
		(unsigned long long)((initrd->size + MIB - 1) / MIB),
		(unsigned long long)(room / MIB),
		(unsigned long long)((initrd->size - room) / MIB + 2));
}

static int load_initrd(struct ram *ram, const struct boot_image *image, int fd,
	struct initrd *initrd, char why[BOOT_WHY_SIZE])
{
	int err = boot_file_size(fd, "initrd", &initrd->size, why);

	if (err == 0)
		err = place_initrd(image, ram->low, initrd, why);
	if (err != 0)
		return err;
	return boot_file_read(
		fd, "initrd", place(ram, initrd->at, initrd->size), initrd->size, 0, why);
}

static void add_e820(struct boot_params *p, uint64_t from, uint64_t to, uint32_t type)
{
	if (to > from)
		p->e820_table[p->e820_entries++] = (struct boot_e820_entry){from, to - from, type};
}

static void fill_e820(struct boot_params *p, const struct ram *ram)
{
	add_e820(p, 0, GUEST_EBDA, E820_RAM);
	add_e820(p, GUEST_EBDA, PAGES_END, E820_RESERVED);
	add_e820(p, GUEST_ACPI, GUEST_ACPI + GUEST_ACPI_SIZE, E820_RESERVED);
	add_e820(p, GUEST_KERNEL, ram->low, E820_RAM);
	add_e820(p, GUEST_HIGH, GUEST_HIGH + ram->high, E820_RAM);
}

// The guest's address of the list of further data; 0: there is none.
static uint64_t write_seed(
	struct ram *ram, const struct boot_image *image, const struct boot_source *source)
{
	static const uint8_t none[sizeof(source->seed)];
	const struct setup_data head = {.type = SETUP_RNG_SEED, .len = sizeof(source->seed)};
	uint8_t *to = place(ram, GUEST_SEED, sizeof(head) + sizeof(source->seed));

	if (image->header.version < HAS_DATA || memcmp(source->seed, none, sizeof(none)) == 0)
		return 0;
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), source->seed, sizeof(source->seed));
	return GUEST_SEED;
}

static void write_params(struct ram *ram, const struct boot_image *image,
	const struct boot_source *source, const struct initrd *initrd)
{
	struct boot_params p = {.hdr = image->header};

	p.hdr.type_of_loader = LOADER;
	p.hdr.loadflags |= CAN_USE_HEAP;
	p.hdr.heap_end_ptr = HEAP_END;
	p.hdr.vid_mode = NORMAL_MODE;
	p.hdr.code32_start = image->load;
	p.hdr.cmd_line_ptr = GUEST_CMDLINE;
	p.hdr.ramdisk_image = initrd->at;
	p.hdr.ramdisk_size = initrd->size;
	p.hdr.setup_data = write_seed(ram, image, source);
	if (image->header.version >= HAS_RSDP)
		p.acpi_rsdp_addr = source->acpi_rsdp;
	fill_e820(&p, ram);
	memcpy(place(ram, GUEST_BOOT, sizeof(p)), &p, sizeof(p));
}

static void write_gdt(struct ram *ram, bool long_mode)
{
	uint64_t gdt[GDT_SIZE] = {};

	gdt[GDT_CODE] = long_mode ? CODE_64 : CODE_32;
	gdt[GDT_DATA] = DATA_32;
	memcpy(place(ram, GUEST_GDT, sizeof(gdt)), gdt, sizeof(gdt));
}

// The first 4 GiB one to one: a table of one entry, one of four, and four of 512.
static void write_page_tables(struct ram *ram)
{
	uint64_t *table = place(ram, GUEST_TABLES, 6 * GUEST_PAGE_SIZE);

	memset(table, 0, 2 * GUEST_PAGE_SIZE);
	table[0] = (GUEST_TABLES + GUEST_PAGE_SIZE) | PTE_TABLE;
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (GUEST_TABLES + (2 + i) * GUEST_PAGE_SIZE) | PTE_TABLE;
	for (uint64_t i = 0; i < 4 * 512; i++)
		table[1024 + i] = i * 2 * MIB | PTE_PAGE;
}

static void set_entry(struct ram *ram, const struct boot_image *image, struct boot_entry *entry)
{
	const bool long_mode =
		image->header.version >= HAS_XLOAD && (image->header.xloadflags & XLF_KERNEL_64);

	write_gdt(ram, long_mode);
	if (long_mode)
		write_page_tables(ram);
	*entry = (struct boot_entry){
		.long_mode = long_mode,
		.rip = image->load + (long_mode ? ENTRY_64 : 0),
		.rsi = GUEST_BOOT,
		.cr3 = long_mode ? GUEST_TABLES : 0,
		.gdt = GUEST_GDT,
		.gdt_limit = GDT_SIZE * sizeof(uint64_t) - 1,
	};
}

int boot_load(struct ram *ram, const struct boot_source *source, struct boot_entry *entry,
	char why[BOOT_WHY_SIZE])
{
	const char *cmdline = source->cmdline != NULL ? source->cmdline : "";
	struct initrd initrd = {};
	struct boot_image image;
	int err;

	err = boot_image_read(&image, source->kernel_fd, why);
	if (err == 0)
		err = boot_image_place(&image, ram->low, why);
	if (err == 0)
		err = check_cmdline(&image, cmdline, why);
	if (err == 0)
		err = boot_file_read(source->kernel_fd, "kernel", place(ram, image.load, image.len),
			image.len, image.at, why);
	if (err == 0 && source->initrd_fd >= 0)
		err = load_initrd(ram, &image, source->initrd_fd, &initrd, why);
	if (err != 0)
		return err;
	memcpy(place(ram, GUEST_CMDLINE, strlen(cmdline) + 1), cmdline, strlen(cmdline) + 1);
	write_params(ram, &image, source, &initrd);
	set_entry(ram, &image, entry);
	return 0;
}
