/* SPDX-License-Identifier: BSD-3-Clause */
// Ways to end.
#include "machine.h"

#include <hypervisor/machine/layout.h>

#include "console.h"
#include "text.h"

#define SLEEP         (1u << 13)
#define SLEEP_TYPE(x) ((x) << 10)
#define SLEEP_TYPES   8u
#define BUTTON        (1u << 8)
#define RESET_FULL    6
#define GRACE_US      5000000u
#define MSR_RESET     0x40000003u

void power_off(void)
{
	// Power-off is type 5 or 0, as the machine likes.
	for (unsigned i = 0; i < SLEEP_TYPES; i++)
		out16(PORT_PM_CONTROL, SLEEP | SLEEP_TYPE((i + 5) % SLEEP_TYPES));
	// It takes as long as it takes until somebody has the time for it.
	clock_delay(GRACE_US);
	say("FAIL still here after power-off");
	for (;;)
		asm volatile("cli\n\thlt");
}

void power_reset(const char *how)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt;

	if (text_is(how, "msr"))
		wrmsr_try(MSR_RESET, 1);
	else if (text_is(how, "i8042"))
		out8(PORT_I8042, 0xfe);
	else if (text_is(how, "triple"))
		asm volatile("lidt %0\n\tint3" : : "m"(no_idt));
	else
		out8(PORT_RESET, RESET_FULL);
	clock_delay(GRACE_US);
}

bool power_button(void)
{
	if (!(in16(PORT_PM_EVENT) & BUTTON))
		return false;
	out16(PORT_PM_EVENT, BUTTON);
	return true;
}
