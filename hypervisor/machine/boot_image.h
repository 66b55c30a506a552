/* SPDX-License-Identifier: BSD-3-Clause */
// A bzImage: what its header says, and where in memory it is to be.
#pragma once

#include <asm/bootparam.h>
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"

struct boot_image {
	struct setup_header header; // zeros behind what the file has of it
	uint64_t at, len;           // the part that is loaded, in the file
	uint64_t load;              // guest physical address
	uint64_t end;               // behind all that it uses before it knows its memory
};

// Reads the header and refuses what cannot be booted. 0 or -errno with `why`.
int boot_image_read(struct boot_image *image, int fd, char why[BOOT_WHY_SIZE]);
// Chooses `load` and `end` for a guest that has memory up to `low`. 0 or -errno with `why`.
int boot_image_place(struct boot_image *image, uint64_t low, char why[BOOT_WHY_SIZE]);
