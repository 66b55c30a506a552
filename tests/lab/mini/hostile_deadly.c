/* SPDX-License-Identifier: BSD-3-Clause */
// What this guest does not survive: its host must say so, and go on or end cleanly.
#include "hostile.h"

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "text.h"

#define ENABLED 1ull

extern uint8_t bss_end[];

// The message page upon the very code that runs.
static void simp_on_code(uint32_t)
{
	uint64_t from = 0x100000, to = gpa_of(bss_end);

	for (uint64_t at = from; at < to; at += PAGE)
		wrmsr_try(MSR_SIMP, at | ENABLED);
}

static void triple_fault(uint32_t)
{
	power_reset("triple");
}

// Executes where nothing is.
static void run_hole(uint32_t)
{
	((void (*)(void))(uintptr_t)0xd0000000)();
}

static void run_garbage(uint32_t)
{
	chance_fill(hostile_pages(), HOSTILE_PAGES * PAGE);
	((void (*)(void))(uintptr_t)hostile_pages())();
}

// A page table in no memory.
static void lose_tables(uint32_t)
{
	asm volatile("mov %0, %%cr3" : : "r"(0xd0000000ull) : "memory");
}

static void lose_stack(uint32_t)
{
	asm volatile("mov %0, %%rsp\n\tint3" : : "r"(0xd0000000ull) : "memory");
}

static void reset_all_ways(uint32_t)
{
	power_reset("msr");
	power_reset("cf9");
	power_reset("i8042");
	power_reset("triple");
}

const struct hostile hostile_deadly[] = {
	{.name = "simp_on_code", .run = simp_on_code, .deadly = true},
	{.name = "triple_fault", .run = triple_fault, .deadly = true},
	{.name = "run_hole", .run = run_hole, .deadly = true},
	{.name = "run_garbage", .run = run_garbage, .deadly = true},
	{.name = "lose_tables", .run = lose_tables, .deadly = true},
	{.name = "lose_stack", .run = lose_stack, .deadly = true},
	{.name = "reset_all_ways", .run = reset_all_ways, .deadly = true},
	{},
};
