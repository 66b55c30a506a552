/* SPDX-License-Identifier: BSD-3-Clause */
// The bare machine: processors, interrupts, time, memory, ways to end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"

#define MAX_CPUS 64u
#define PAGE     4096u

#define VECTOR_WAKE  0xf0
#define VECTOR_TIMER 0xf1
#define VECTOR_SINT  0xf3
#define VECTOR_NONE  0x2f // low: one that comes in earnest, and is not ended, blocks none above

struct mini_cpu {
	uint32_t index;
	volatile bool online;
	volatile uint32_t interrupts, sints; // how many came
	uint32_t seen;                       // of interrupts, when it last slept
	// Work for a processor other than the first: run, then cleared.
	void (*volatile job)(void *arg);
	void *job_arg;
	uint8_t *simp, *siefp; // its SynIC's pages
};

extern struct mini_cpu cpus[MAX_CPUS];
extern uint32_t n_cpus; // that run

struct mini_cpu *this_cpu(void);

// ---- traps
void trap_init(void); // of this processor

// ---- interrupt controller
void apic_init(void);
void apic_eoi(void);
void apic_send(uint32_t cpu, uint32_t command); // as the ICR's lower half
void apic_timer(uint64_t us);                   // once; 0: never

// ---- time
void clock_init(void);
uint64_t clock_us(void);
// Sleeps until an interrupt comes, has come since it last slept, or until that time.
void clock_sleep(uint64_t until_us);
void clock_delay(uint64_t us);

// ---- memory
void memory_init(const uint8_t *boot_params);
// Zeroed, in one piece, and never given back. NULL: no more.
uint8_t *memory_pages(uint32_t n);
uint64_t memory_end(void); // of what is usable below 4 GiB
// Any physical address, two pages' worth at a time a processor.
volatile uint8_t *memory_window(uint64_t address);

// All memory here is where it physically is.
static inline uint64_t gpa_of(const volatile void *at)
{
	return (uintptr_t)at;
}

// ---- other processors
// Starts processors until `n` run; how many do.
uint32_t smp_start(uint32_t n);
void smp_run(uint32_t cpu, void (*job)(void *arg), void *arg);
bool smp_wait(uint32_t cpu, uint64_t us);
void ap_start(struct mini_cpu *cpu);

// ---- ends
void power_off(void);
void power_reset(const char *how); // "cf9", "i8042", "msr", "triple"
bool power_button(void);           // was pressed
