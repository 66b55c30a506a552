/* SPDX-License-Identifier: BSD-3-Clause */
// The local interrupt controller, x2APIC if there is one.
#include "machine.h"

#define MSR_APIC_BASE   0x1bu
#define MSR_X2APIC      0x800u
#define MSR_FREQUENCY   0x40000023u
#define BASE_X2APIC     (1u << 10)
#define BASE_ENABLED    (1u << 11)
#define CPUID_X2APIC    (1u << 21)
#define XAPIC           0xfee00000ul
#define REG_TPR         0x08u // of 16 bytes each
#define REG_EOI         0x0bu
#define REG_SVR         0x0fu
#define REG_ICR         0x30u
#define REG_ICR_HIGH    0x31u
#define REG_TIMER       0x32u
#define REG_COUNT       0x38u
#define REG_DIVIDE      0x3eu
#define SVR_ENABLED     0x100u
#define DIVIDE_BY_1     0xbu
#define ICR_BUSY        (1u << 12)
#define USUAL_FREQUENCY 1000000000ull
#define PORT_PIC        0x21
#define PORT_PIC2       0xa1

static bool x2apic;
static uint64_t frequency;

static void put(uint32_t reg, uint32_t v)
{
	if (x2apic)
		wrmsr_try(MSR_X2APIC + reg, v);
	else
		*(volatile uint32_t *)(XAPIC + 16 * reg) = v;
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLED;

	x2apic = cpuid(1, 0).ecx & CPUID_X2APIC;
	wrmsr_try(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr_try(MSR_APIC_BASE, base | BASE_X2APIC);
	if (!rdmsr_try(MSR_FREQUENCY, &frequency) || frequency == 0)
		frequency = USUAL_FREQUENCY;
	// The old controllers stay silent.
	out8(PORT_PIC, 0xff);
	out8(PORT_PIC2, 0xff);
	put(REG_TPR, 0);
	put(REG_SVR, SVR_ENABLED | VECTOR_NONE);
	put(REG_DIVIDE, DIVIDE_BY_1);
	put(REG_TIMER, VECTOR_TIMER);
}

void apic_eoi(void)
{
	put(REG_EOI, 0);
}

void apic_send(uint32_t cpu, uint32_t command)
{
	if (x2apic) {
		wrmsr_try(MSR_X2APIC + REG_ICR, (uint64_t)cpu << 32 | command);
		return;
	}
	put(REG_ICR_HIGH, cpu << 24);
	put(REG_ICR, command);
	while (*(volatile uint32_t *)(XAPIC + 16 * REG_ICR) & ICR_BUSY)
		relax();
}

void apic_timer(uint64_t us)
{
	uint64_t count = us * (frequency / 1000) / 1000;

	put(REG_COUNT, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}
