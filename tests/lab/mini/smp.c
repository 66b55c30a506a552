/* SPDX-License-Identifier: BSD-3-Clause */
// Processors other than the first: started by INIT and SIPI, then asleep until there is work.
#include "machine.h"

#include "text.h"

#define AP_PAGE     0x8000u
#define STACK_PAGES 4u
#define ICR_FIXED   0x4000u
#define ICR_INIT    0x4500u
#define ICR_START   0x4600u
#define START_US    3000000u
#define MSR_GS_BASE 0xc0000101u

extern uint8_t ap_begin[], ap_end[];
extern uint32_t ap_cr3;
uint64_t ap_stack;
struct mini_cpu *ap_cpu;

struct mini_cpu cpus[MAX_CPUS];
uint32_t n_cpus = 1;

struct mini_cpu *this_cpu(void)
{
	return (struct mini_cpu *)(uintptr_t)rdmsr(MSR_GS_BASE);
}

static bool start_one(uint32_t i)
{
	uint8_t *stack = memory_pages(STACK_PAGES);
	uint64_t until;

	if (stack == NULL)
		return false;
	cpus[i].index = i;
	ap_cpu = &cpus[i];
	ap_stack = gpa_of(stack) + STACK_PAGES * PAGE;
	fence();
	apic_send(i, ICR_INIT);
	clock_delay(10000);
	for (int n = 0; n < 2 && !cpus[i].online; n++) {
		apic_send(i, ICR_START | AP_PAGE / PAGE);
		until = clock_us() + START_US;
		while (!cpus[i].online && clock_us() < until)
			relax();
	}
	return cpus[i].online;
}

uint32_t smp_start(uint32_t n)
{
	uint64_t cr3;

	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	ap_cr3 = cr3;
	memcpy((void *)(uintptr_t)AP_PAGE, ap_begin, ap_end - ap_begin);
	while (n_cpus < n && n_cpus < MAX_CPUS && start_one(n_cpus))
		n_cpus++;
	return n_cpus;
}

void ap_start(struct mini_cpu *cpu)
{
	wrmsr_try(MSR_GS_BASE, (uintptr_t)cpu);
	trap_init();
	apic_init();
	irq_on();
	cpu->online = true;
	for (;;) {
		if (cpu->job != NULL) {
			cpu->job(cpu->job_arg);
			cpu->job = NULL;
		}
		clock_sleep(clock_us() + 1000000);
	}
}

void smp_run(uint32_t cpu, void (*job)(void *arg), void *arg)
{
	cpus[cpu].job_arg = arg;
	fence();
	cpus[cpu].job = job;
	apic_send(cpu, ICR_FIXED | VECTOR_WAKE);
}

bool smp_wait(uint32_t cpu, uint64_t us)
{
	uint64_t until = clock_us() + us;

	while (cpus[cpu].job != NULL && clock_us() < until)
		clock_sleep(clock_us() + 1000);
	return cpus[cpu].job == NULL;
}
