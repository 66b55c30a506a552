/* SPDX-License-Identifier: BSD-3-Clause */
// The Linux/x86 boot protocol: a bzImage, an initial file system and a command line, put where the
// kernel finds them, 64-bit entry if it has one, else the 32-bit one. The files are not trusted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ram.h"

#define BOOT_WHY_SIZE 256

struct boot_source {
	int kernel_fd;
	int initrd_fd; // -1: none
	const char *cmdline;
	uint64_t acpi_rsdp; // guest physical address; 0: none
	uint8_t seed[32];   // for the guest's random numbers; all zeros: none
};

struct boot_entry {
	bool long_mode;
	uint64_t rip, rsi, cr3, gdt;
	uint16_t gdt_limit;
};

// Loads everything; may be called again for a reset. 0, or -errno with `why`: one sentence that
// names the file's fault and the remedy.
int boot_load(struct ram *ram, const struct boot_source *source, struct boot_entry *entry,
	char why[BOOT_WHY_SIZE]);
