/* SPDX-License-Identifier: BSD-3-Clause */
#include "boot_image.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "boot_file.h"
#include "layout.h"

#define MIB           (1ull << 20)
#define SECTOR        512u
#define HEAD_SIZE     4096u
#define HEADER_AT     0x1f1u
#define HEADER_BASE   0x202u // the jump at 0x200 leads over the header, counted from here
#define BOOT_FLAG     0xaa55u
#define MAGIC         0x53726448u // "HdrS"
#define OLDEST        0x0206u
#define HAS_PREFERRED 0x020au
#define DEFAULT_SECTS 4u
#define MAX_ALIGNMENT (1u << 30)
#define LEAST_BODY    0x400u // as far as the second of its entries

#define REMEDY "give the bzImage, which distributions name /boot/vmlinuz-VERSION"

static_assert(offsetof(struct boot_params, hdr) == HEADER_AT);

// What people give instead, by its first bytes.
static const struct kind {
	uint16_t at;
	uint8_t len;
	char magic[7];
	const char *what;
} kinds[] = {
	{0, 2, "\x1f\x8b", "compressed with gzip"},
	{0, 6, "\3757zXZ", "compressed with xz"},
	{0, 4, "\x28\xb5\x2f\xfd", "compressed with zstd"},
	{0, 3, "BZh", "compressed with bzip2"},
	{0, 4, "\x02\x21\x4c\x18", "compressed with lz4"},
	{0, 4, "\x04\x22\x4d\x18", "compressed with lz4"},
	{0, 3, "\x5d\0\0", "compressed with lzma"},
	{0, 4, "\177ELF", "an ELF file, like vmlinux"},
	{0, 4, "\x27\x05\x19\x56", "an image for U-Boot"},
	{0, 4, "\xd0\x0d\xfe\xed", "a device tree or an image for U-Boot"},
	{0, 5, "07070", "a cpio archive, like an initrd"},
	{0, 2, "#!", "a script"},
	{0x24, 4, "\x18\x28\x6f\x01", "a kernel for ARM"},
	{0x38, 4, "ARM\x64", "a kernel for ARM"},
	{0x38, 4, "RSC\x05", "a kernel for RISC-V"},
	{4, 4, "zimg", "a compressed kernel that only EFI can start"},
};

static uint32_t get(const uint8_t *head, uint32_t at, unsigned bytes)
{
	uint32_t value = 0;

	if (at <= HEAD_SIZE - bytes)
		memcpy(&value, head + at, bytes);
	return le32toh(value);
}

static const char *efi_program(const uint8_t *head)
{
	uint32_t pe = get(head, 0x3c, 4);

	if (pe > HEAD_SIZE || get(head, pe, 4) != 0x4550)
		return "a DOS program";
	switch (get(head, pe + 4, 2)) {
	case 0x14c: return "an EFI program, but no Linux kernel";
	case 0x8664: return "an EFI program, but no Linux kernel";
	case 0xaa64: return "a kernel or program for ARM";
	case 0x5064: return "a kernel or program for RISC-V";
	default: return "a program for other processors";
	}
}

static int refuse_kind(const uint8_t *head, char why[BOOT_WHY_SIZE])
{
	const char *what = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && what == NULL; i++)
		if (memcmp(head + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
			what = kinds[i].what;
	if (what == NULL && memcmp(head, "MZ", 2) == 0)
		what = efi_program(head);
	if (what == NULL)
		what = "not a Linux kernel for x86";
	return boot_refuse(why, -ENOEXEC, "the kernel is %s: " REMEDY, what);
}

// The header's length is in the file; what is not there of it is 0.
static void take_header(struct setup_header *header, const uint8_t *head)
{
	size_t len = HEADER_BASE + head[HEADER_BASE - 1] - HEADER_AT;

	memset(header, 0, sizeof(*header));
	memcpy(header, head + HEADER_AT, len < sizeof(*header) ? len : sizeof(*header));
}

// What is to be loaded: all that the header tells of. Behind it there may be a signature.
static int measure(struct boot_image *image, uint64_t size, char why[BOOT_WHY_SIZE])
{
	const struct setup_header *h = &image->header;
	uint64_t told = h->syssize * 16ull, rest;

	image->at = ((h->setup_sects == 0 ? DEFAULT_SECTS : h->setup_sects) + 1) * SECTOR;
	rest = size > image->at ? size - image->at : 0;
	// Counted in sixteens, which old kernels did not fill.
	if (rest + 15 < told || rest < LEAST_BODY)
		return boot_refuse(why, -ENODATA,
			"the kernel is cut off, %llu bytes of %llu are there: copy it again",
			(unsigned long long)size,
			(unsigned long long)(image->at + (told > LEAST_BODY ? told : LEAST_BODY)));
	image->len = told < LEAST_BODY || told > rest ? rest : told;
	return 0;
}

static int check_header(const struct setup_header *h, char why[BOOT_WHY_SIZE])
{
	const uint32_t align = h->kernel_alignment;

	if (h->version < OLDEST)
		return boot_refuse(why, -ENOEXEC,
			"the kernel is too old, of boot protocol %u.%02u: "
			"give one of 2.06 (Linux 2.6.22) or newer",
			h->version >> 8, h->version & 0xff);
	if ((h->loadflags & LOADED_HIGH) == 0)
		return boot_refuse(why, -ENOEXEC, "the kernel is a zImage: " REMEDY);
	if (h->relocatable_kernel &&
		(align == 0 || align > MAX_ALIGNMENT || (align & (align - 1)) != 0))
		return boot_refuse(why, -ENOEXEC,
			"the kernel's header is damaged, its alignment is %#x: copy it again",
			align);
	return 0;
}

int boot_image_read(struct boot_image *image, int fd, char why[BOOT_WHY_SIZE])
{
	uint8_t head[HEAD_SIZE] = {};
	uint64_t size;
	int err;

	memset(image, 0, sizeof(*image));
	err = boot_file_size(fd, "kernel", &size, why);
	if (err != 0)
		return err;
	err = boot_file_read(fd, "kernel", head, size < sizeof(head) ? size : sizeof(head), 0, why);
	if (err != 0)
		return err;
	take_header(&image->header, head);
	if (image->header.boot_flag != BOOT_FLAG || image->header.header != MAGIC)
		return refuse_kind(head, why);
	err = check_header(&image->header, why);
	if (err != 0)
		return err;
	return measure(image, size, why);
}

// Where it unpacks itself to, which it wants to have been loaded at if it can be anywhere.
static uint64_t running(const struct setup_header *h)
{
	uint64_t at = GUEST_KERNEL;

	if (h->version >= HAS_PREFERRED && h->pref_address > at)
		at = h->pref_address;
	if (h->relocatable_kernel && at < GUEST_LOW_END)
		at = (at + h->kernel_alignment - 1) & ~(uint64_t)(h->kernel_alignment - 1);
	return at;
}

int boot_image_place(struct boot_image *image, uint64_t low, char why[BOOT_WHY_SIZE])
{
	const struct setup_header *h = &image->header;
	const uint64_t run = running(h);
	uint64_t needs = h->version >= HAS_PREFERRED ? h->init_size : 0;

	if (run >= GUEST_LOW_END)
		return boot_refuse(why, -ENOEXEC,
			"the kernel wants to be at %#llx, where no guest has memory: "
			"give one that was built for a lower address",
			(unsigned long long)run);
	// Old ones do not say; packed, a kernel has a quarter of its size.
	if (needs == 0)
		needs = 4 * image->len;
	if (needs < image->len)
		needs = image->len;
	image->load = h->relocatable_kernel ? run : GUEST_KERNEL;
	image->end = run + needs;
	if (image->load + image->len > image->end)
		image->end = image->load + image->len;
	if (image->end > low)
		return boot_refuse(why, -ENOMEM,
			"the kernel unpacks itself into more than the guest's %llu MiB of memory: "
			"give the guest at least %llu MiB",
			(unsigned long long)(low / MIB),
			(unsigned long long)((image->end / MIB / 2 + 1) * 2));
	return 0;
}
