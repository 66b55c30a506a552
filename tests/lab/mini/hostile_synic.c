/* SPDX-License-Identifier: BSD-3-Clause */
// Registers: the SynIC's with pages where none should be, all synthetic ones, CPUID.
#include "hostile.h"

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define FIRST     0x40000000u
#define LAST      0x400001ffu
#define MSR_RESET 0x40000003u
#define ENABLED   1ull
#define SLOTS     16u

static void random_synic(uint32_t times)
{
	while (times-- > 0) {
		uint32_t msr = MSR_SCONTROL + chance_of(MSR_SINT0 + SLOTS - MSR_SCONTROL);
		uint64_t v = chance_of(2) ? chance_address() | chance_of(2)
		                          : spare_ours(chance_number());

		if (msr >= MSR_SINT0 && chance_of(2))
			v = VECTOR_SINT | (chance() & 0x70000);
		// A vector below 32 would be an exception of our own.
		else if (msr >= MSR_SINT0)
			v |= 0xe0;
		wrmsr_try(msr, v);
		bus_post_once(bus_connection_id, &(struct vmbus_header){VMBUS_REQUESTOFFERS, 0},
			sizeof(struct vmbus_header));
	}
}

static void at_page(uint64_t simp, uint64_t siefp, uint32_t times)
{
	static const struct vmbus_header ask = {.type = VMBUS_REQUESTOFFERS};

	wrmsr_try(MSR_SIMP, (simp & ~(uint64_t)(PAGE - 1)) | ENABLED);
	wrmsr_try(MSR_SIEFP, (siefp & ~(uint64_t)(PAGE - 1)) | ENABLED);
	wrmsr_try(MSR_SCONTROL, ENABLED);
	for (uint32_t i = 0; i < times; i++)
		bus_post_once(bus_connection_id, &ask, sizeof(ask));
}

static void simp_is_siefp(uint32_t times)
{
	uint64_t at = gpa_of(hostile_pages());

	at_page(at, at, times);
	memset(hostile_pages(), 0xff, PAGE);
	at_page(at, at, times);
}

static void simp_in_holes(uint32_t times)
{
	while (times-- > 0) {
		at_page(chance_address(), chance_address(), 2);
		at_page(0xfee00000, 0xfec00000, 1);
		at_page(memory_end(), memory_end() + PAGE, 1);
	}
}

// Rings that are open, and pages that are lent.
static void simp_on_rings(uint32_t times)
{
	const struct nic_queue *q = &nic.queue[0];
	const uint64_t at[] = {gpa_of(q->rings), gpa_of(q->rings) + PAGE,
		gpa_of(q->rings) + NIC_RING_PAGES * PAGE, gpa_of(nic.receive), gpa_of(nic.send)};

	for (uint32_t i = 0; i < times; i++) {
		at_page(at[chance_of(5)], at[chance_of(5)], 2);
		hyperv_signal(q->connection_id);
	}
}

static void on_off(uint32_t times)
{
	while (times-- > 0) {
		wrmsr_try(MSR_SCONTROL, chance_of(2));
		wrmsr_try(MSR_SIMP, gpa_of(hostile_pages()) | chance_of(2));
		wrmsr_try(MSR_EOM, 0);
	}
}

// What would end this guest, or take its interrupts or its calls away for good, is left out.
static bool is_harmful(uint32_t msr)
{
	return msr == MSR_RESET || (msr >= MSR_CRASH_P0 && msr <= MSR_CRASH_CTL) ||
	       msr == MSR_GUEST_OS_ID || msr == MSR_HYPERCALL ||
	       (msr >= 0x40000070 && msr <= 0x40000073) || (msr >= 0x400000b0 && msr <= 0x400000b7);
}

static void scan_msrs(uint32_t times)
{
	uint64_t v;

	for (uint32_t msr = FIRST; msr <= LAST; msr++) {
		rdmsr_try(msr, &v);
		if (is_harmful(msr))
			continue;
		for (uint32_t i = 0; i < 1 + times / 100; i++)
			wrmsr_try(msr, msr >= MSR_SINT0 && msr < MSR_SINT0 + SLOTS
					       ? chance_number() | 0xe0
					       : chance_number());
		wrmsr_try(msr, v);
	}
}

static void scan_cpuid(uint32_t times)
{
	for (uint32_t i = 0; i < 0x100; i++) {
		cpuid(i, chance_of(8));
		cpuid(FIRST + i, chance_of(8));
		cpuid(0x80000000 + i, 0);
	}
	while (times-- > 0)
		cpuid(chance_number(), chance_number());
}

const struct hostile hostile_synic[] = {
	{.name = "random_synic", .run = random_synic},
	{.name = "simp_is_siefp", .run = simp_is_siefp},
	{.name = "simp_in_holes", .run = simp_in_holes},
	{.name = "simp_on_rings", .run = simp_on_rings, .needs_nic = true},
	{.name = "on_off", .run = on_off, .anywhere = true},
	{.name = "scan_msrs", .run = scan_msrs, .anywhere = true},
	{.name = "scan_cpuid", .run = scan_cpuid, .anywhere = true},
	{},
};
