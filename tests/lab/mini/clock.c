/* SPDX-License-Identifier: BSD-3-Clause */
// Time since the start.
#include "machine.h"

#define MSR_TSC_FREQUENCY 0x40000022u
#define USUAL_FREQUENCY   1000000000ull
#define LONGEST_SLEEP     1000000u // us

static uint64_t first, per_ms;

void clock_init(void)
{
	uint64_t frequency;

	if (!rdmsr_try(MSR_TSC_FREQUENCY, &frequency) || frequency < 1000)
		frequency = USUAL_FREQUENCY;
	per_ms = frequency / 1000;
	first = rdtsc();
}

uint64_t clock_us(void)
{
	uint64_t ticks = rdtsc() - first;

	return ticks / per_ms * 1000 + ticks % per_ms * 1000 / per_ms;
}

void clock_sleep(uint64_t until_us)
{
	struct mini_cpu *cpu = this_cpu();
	uint64_t now = clock_us();

	irq_off();
	if (cpu->interrupts != cpu->seen || now >= until_us) {
		cpu->seen = cpu->interrupts;
		irq_on();
		relax();
		return;
	}
	apic_timer(until_us - now > LONGEST_SLEEP ? LONGEST_SLEEP : until_us - now);
	irq_on_halt();
	irq_off();
	apic_timer(0);
	cpu->seen = cpu->interrupts;
	irq_on();
}

void clock_delay(uint64_t us)
{
	uint64_t until = clock_us() + us;

	while (clock_us() < until)
		relax();
}
