/* SPDX-License-Identifier: BSD-3-Clause */
// What only single instructions can do.
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid c;

	asm volatile("cpuid"
		     : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
		     : "a"(leaf), "c"(sub));
	return c;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

// An instruction that may fault: trap() goes on behind it with the carry flag set.
#define FIXUP ".pushsection .fixups, \"a\"\n\t.quad 1b, 2b\n\t.popsection\n\t"

static inline bool rdmsr_try(uint32_t msr, uint64_t *v)
{
	uint32_t lo, hi;
	bool bad;

	asm volatile("clc\n1:\trdmsr\n2:\tsetc %2\n\t" FIXUP
		     : "=a"(lo), "=d"(hi), "=&r"(bad)
		     : "c"(msr)
		     : "memory", "cc");
	*v = bad ? 0 : (uint64_t)hi << 32 | lo;
	return !bad;
}

static inline bool wrmsr_try(uint32_t msr, uint64_t v)
{
	bool bad;

	asm volatile("clc\n1:\twrmsr\n2:\tsetc %0\n\t" FIXUP
		     : "=&r"(bad)
		     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
		     : "memory", "cc");
	return !bad;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint64_t v;

	rdmsr_try(msr, &v);
	return v;
}

static inline void irq_off(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void irq_on(void)
{
	asm volatile("sti" : : : "memory");
}

// The interrupt that ends it cannot come in between.
static inline void irq_on_halt(void)
{
	asm volatile("sti\n\thlt" : : : "memory");
}

static inline void relax(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void fence(void)
{
	asm volatile("mfence" : : : "memory");
}
