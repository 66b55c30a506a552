/* SPDX-License-Identifier: BSD-3-Clause */
// Ports and addresses that are no memory.
#include "hostile.h"

#include <hypervisor/machine/layout.h>

#include "console.h"
#include "machine.h"
#include "text.h"

#define FAST_A20 0x92 // bit 0 resets
#define PIC      0x20
#define PIC2     0xa0
#define PIC_EDGE 0x4d0

// Those that end this guest, or make the old interrupt controllers speak.
static bool is_deadly(uint32_t port)
{
	return (port >= PORT_PM_CONTROL - 3 && port < PORT_PM_CONTROL + 4) ||
	       (port >= PORT_RESET - 3 && port <= PORT_RESET) ||
	       (port >= PORT_I8042 - 3 && port <= PORT_I8042) ||
	       (port >= FAST_A20 - 3 && port <= FAST_A20) || (port & ~0x81u) == PIC ||
	       (port >= PIC - 3 && port <= PIC + 1) || (port >= PIC2 - 3 && port <= PIC2 + 1) ||
	       (port & ~1u) == PIC_EDGE;
}

static void touch(uint32_t port)
{
	switch (chance_of(6)) {
	case 0: in8(port); break;
	case 1: in16(port); break;
	case 2: in32(port); break;
	case 3: out8(port, chance()); break;
	case 4: out16(port, chance()); break;
	default: out32(port, chance()); break;
	}
}

static void all_ports(uint32_t times)
{
	uint32_t step = times >= 1000 ? 1 : 1000 / (times + 1) + 1;

	for (uint32_t port = 0; port < 0x10000; port += 1 + chance_of(step))
		if (!is_deadly(port))
			touch(port);
}

static void our_ports(uint32_t times)
{
	static const uint16_t ports[] = {
		PORT_RTC, PORT_RTC + 1, PORT_PM_EVENT, PORT_PM_EVENT + 2, PORT_PM_TIMER};

	while (times-- > 0) {
		uint32_t port = chance_of(2) ? ports[chance_of(5)] : PORT_SERIAL + chance_of(8);

		touch(is_deadly(port) ? PORT_RTC : port);
	}
}

static void string_io(uint32_t times)
{
	uint8_t *buffer = hostile_pages();

	while (times-- > 0) {
		void *at = buffer + chance_of(PAGE);
		uint64_t n = chance_of(PAGE);

		if (chance_of(2))
			asm volatile("rep insb"
				     : "+D"(at), "+c"(n)
				     : "d"(PORT_SERIAL + chance_of(8))
				     : "memory");
		else
			asm volatile("rep insl"
				     : "+D"(at), "+c"(n)
				     : "d"(PORT_PM_TIMER)
				     : "memory");
	}
}

static void serial_flood(uint32_t times)
{
	for (uint32_t i = 0; i < 20 * times; i++)
		out8(PORT_SERIAL, i % 79 == 78 ? '\n' : 'x');
	out8(PORT_SERIAL, '\n');
}

static void random_mmio(uint32_t times)
{
	while (times-- > 0) {
		uint64_t at = chance_address();
		volatile uint8_t *p;

		// Our own memory would be our own death.
		if (at < memory_end())
			at = memory_end() + at;
		// And so would be the interrupt controllers.
		if (at >= 0xfec00000 && at < 0xfef00000)
			continue;
		p = memory_window(at);
		switch (chance_of(8)) {
		case 0: *p = chance(); break;
		case 1: *(volatile uint16_t *)p = chance(); break;
		case 2: *(volatile uint32_t *)p = chance(); break;
		case 3: *(volatile uint64_t *)p = chance(); break;
		case 4: (void)*p; break;
		case 5: (void)*(volatile uint16_t *)p; break;
		case 6: (void)*(volatile uint32_t *)p; break;
		default: (void)*(volatile uint64_t *)p; break;
		}
	}
}

const struct hostile hostile_ports[] = {
	{.name = "all_ports", .run = all_ports},
	{.name = "our_ports", .run = our_ports},
	{.name = "string_io", .run = string_io},
	{.name = "serial_flood", .run = serial_flood},
	{.name = "random_mmio", .run = random_mmio, .anywhere = true},
	{},
};
