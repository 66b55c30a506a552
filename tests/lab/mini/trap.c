/* SPDX-License-Identifier: BSD-3-Clause */
// Exceptions and interrupts. An instruction that was allowed to fault goes on behind it; any other
// fault ends the guest with a line that says where.
#include "machine.h"

#include "console.h"
#include "text.h"

#define GATE   0x8e00u // present, interrupt
#define CODE64 0x08u
// Above are exceptions too that do not happen here, but interrupts of a host that is asked for
// them do.
#define EXCEPTIONS   16
#define RFLAGS_CARRY 1u

struct gate {
	uint16_t low, selector, flags, middle;
	uint32_t high, reserved;
};

struct trap_frame {
	uint64_t regs[15];
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct fixup {
	uint64_t at, to;
};

extern const struct fixup fixups_start[], fixups_end[];
extern uint8_t trap_entries[];
void trap(struct trap_frame *frame);

static struct gate gates[256];

void trap_init(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idt = {sizeof(gates) - 1, (uintptr_t)gates};

	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = (uintptr_t)trap_entries + 16 * i;

		gates[i] = (struct gate){.low = at,
			.middle = at >> 16,
			.high = at >> 32,
			.selector = CODE64,
			.flags = GATE};
	}
	asm volatile("lidt %0" : : "m"(idt));
}

static void exception(struct trap_frame *f)
{
	uint64_t cr2;

	for (const struct fixup *x = fixups_start; x < fixups_end; x++)
		if (x->at == f->rip) {
			f->rip = x->to;
			f->rflags |= RFLAGS_CARRY;
			return;
		}
	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	say("FAIL exception %u error 0x%lx at 0x%lx address 0x%lx processor %u",
		(uint32_t)f->vector, f->error, f->rip, cr2, this_cpu()->index);
	power_off();
}

void trap(struct trap_frame *f)
{
	struct mini_cpu *cpu;

	if (f->vector < EXCEPTIONS) {
		exception(f);
		return;
	}
	cpu = this_cpu();
	cpu->interrupts++;
	if (f->vector == VECTOR_SINT)
		cpu->sints++;
	if (f->vector != VECTOR_NONE)
		apic_eoi();
}
