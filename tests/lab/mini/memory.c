/* SPDX-License-Identifier: BSD-3-Clause */
// Pages of memory, and page tables: the first 4 GiB one to one, and a window on any address.
#include "machine.h"

#include "text.h"

#define E820_COUNT   0x1e8u // in the boot parameters
#define E820         0x2d0u
#define E820_RAM     1u
#define LOADED       0x100000ull
#define USUAL_END    0x2000000ull // as little as there may be
#define LARGE        0x200000ull
#define ENTRIES      512u
#define PRESENT      0x3ull // and writable
#define LARGE_PAGE   0x83ull
#define LEAF_ADDRESS 0x80000008u
#define WINDOW       0x8000000000ull // second entry of the top table

struct e820 {
	uint64_t address, size;
	uint32_t type;
} __attribute__((packed));

extern uint8_t bss_end[];

static uint64_t top[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t upper[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t direct[4][ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t window_upper[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t window[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t next, end;

static void find_memory(const uint8_t *boot)
{
	end = USUAL_END;
	for (unsigned i = 0; i < boot[E820_COUNT]; i++) {
		struct e820 e;

		memcpy(&e, boot + E820 + i * sizeof(e), sizeof(e));
		if (e.type == E820_RAM && e.address <= LOADED && e.address + e.size > LOADED)
			end = e.address + e.size;
	}
	next = gpa_of(bss_end);
}

void memory_init(const uint8_t *boot_params)
{
	find_memory(boot_params);
	top[0] = gpa_of(upper) | PRESENT;
	top[1] = gpa_of(window_upper) | PRESENT;
	window_upper[0] = gpa_of(window) | PRESENT;
	for (unsigned i = 0; i < 4 * ENTRIES; i++) {
		upper[i / ENTRIES] = gpa_of(direct[i / ENTRIES]) | PRESENT;
		direct[i / ENTRIES][i % ENTRIES] = i * LARGE | LARGE_PAGE;
	}
	asm volatile("mov %0, %%cr3" : : "r"(gpa_of(top)) : "memory");
}

uint8_t *memory_pages(uint32_t n)
{
	uint64_t size = (uint64_t)n * PAGE, at = __atomic_fetch_add(&next, size, __ATOMIC_RELAXED);

	if (at + size > end || at + size < at) {
		__atomic_fetch_sub(&next, size, __ATOMIC_RELAXED);
		return NULL;
	}
	return memset((void *)(uintptr_t)at, 0, size);
}

uint64_t memory_end(void)
{
	return end;
}

volatile uint8_t *memory_window(uint64_t address)
{
	uint32_t slot = this_cpu()->index * 2;
	uintptr_t at = WINDOW + slot * LARGE;

	address &= (1ull << (cpuid(LEAF_ADDRESS, 0).eax & 0xff)) - 1 - LARGE;
	for (unsigned i = 0; i < 2; i++) {
		window[slot + i] = ((address & ~(LARGE - 1)) + i * LARGE) | LARGE_PAGE;
		asm volatile("invlpg (%0)" : : "r"(at + i * LARGE) : "memory");
	}
	return (volatile uint8_t *)(at + address % LARGE);
}
