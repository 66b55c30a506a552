/* SPDX-License-Identifier: BSD-3-Clause */
// A file that looks like a bzImage, and files in general, to boot from.
#pragma once

#include <asm/bootparam.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BZ_SECTS 2u
#define BZ_BODY  0x2000u
#define BZ_AT    ((BZ_SECTS + 1) * 512u)
#define BZ_SIZE  (BZ_AT + BZ_BODY)
#define BZ_HDR   0x1f1u

// One of today's: relocatable, with a 64-bit entry.
static inline struct setup_header *bz_image(uint8_t image[BZ_SIZE])
{
	struct setup_header *h = (struct setup_header *)(image + BZ_HDR);

	memset(image, 0, BZ_AT);
	for (uint32_t i = 0; i < BZ_BODY; i++)
		image[BZ_AT + i] = i * 7 + i / 256;
	image[0x1ef] = 0xff; // the sentinel, which a loader leaves where it is
	*h = (struct setup_header){
		.setup_sects = BZ_SECTS,
		.syssize = BZ_BODY / 16,
		.boot_flag = 0xaa55,
		.jump = 0xeb | (BZ_HDR + sizeof(*h) - 0x202) << 8,
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.code32_start = 0x100000,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.min_alignment = 21,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = 0x1000000,
		.init_size = 0x400000,
	};
	return h;
}

static inline int bz_file(const void *bytes, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, bytes, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}
