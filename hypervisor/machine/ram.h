/* SPDX-License-Identifier: BSD-3-Clause */
// The guest's memory: a sealed memfd, shared, of huge pages if there are any, in its regions.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>

#define RAM_WHY_SIZE 256

struct ram {
	struct guest_mem mem;     // 1 or 2 regions
	uint64_t size, low, high; // bytes: low from 0 on, high from GUEST_HIGH on
	bool huge;
};

enum ram_pages { RAM_PAGES_AUTO, RAM_PAGES_SMALL, RAM_PAGES_HUGE };

// `size` bytes, a multiple of 2 MiB, GUEST_LEAST to GUEST_MOST. 0 or -errno with `why`, one
// sentence with the remedy. `name` shows in /proc.
int ram_create(struct ram *ram, const char *name, uint64_t size, enum ram_pages pages,
	char why[RAM_WHY_SIZE]);
void ram_destroy(struct ram *ram);
