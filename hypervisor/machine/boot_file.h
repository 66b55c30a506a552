/* SPDX-License-Identifier: BSD-3-Clause */
// Files somebody gave us to boot from, which may be anything and may change while they are read.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot.h"

// Says why and returns err.
[[gnu::format(printf, 3, 4)]] int boot_refuse(
	char why[BOOT_WHY_SIZE], int err, const char *format, ...);
// `what` it is called: "kernel" or "initrd". 0 or -errno with `why`.
int boot_file_size(int fd, const char *what, uint64_t *size, char why[BOOT_WHY_SIZE]);
// All `len` bytes, or -errno with `why`.
int boot_file_read(
	int fd, const char *what, void *to, uint64_t len, uint64_t at, char why[BOOT_WHY_SIZE]);
