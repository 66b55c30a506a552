/* SPDX-License-Identifier: BSD-3-Clause */
// A guest that reads and writes the registers of the serial port, the clock, the PCI bus and the
// fixed ACPI hardware as it likes, while somebody types and presses the button. The interrupt lines
// have to be what the registers say at any time, and be told when they change only.
//
// Input: operations of three bytes.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hypervisor/machine/layout.h>
#include <hypervisor/machine/pci.h>
#include <hypervisor/machine/power.h>
#include <hypervisor/machine/rtc.h>
#include <hypervisor/machine/serial.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IIR = 2, FIFO = 16 };

static struct serial *serial;
static struct power *power;
static struct rtc rtc;
static struct pci pci;
static bool serial_line, sci_line;
static unsigned out, events;

static void require(bool held)
{
	if (!held)
		abort();
}

static void on_serial(void *, bool level)
{
	require(level != serial_line);
	serial_line = level;
}

static void on_output(void *, const uint8_t *, size_t len)
{
	out += len;
}

// Whoever is told of room may type.
static void on_room(void *)
{
	require(serial_input(serial, (const uint8_t *)"x", 1) == 1);
}

static void on_sci(void *, bool level)
{
	require(level != sci_line);
	sci_line = level;
}

static void on_event(void *)
{
	power_reset(power);
	events++;
}

static const struct serial_ops serial_ops = {on_serial, on_output, on_room};
static const struct power_ops power_ops = {on_sci, on_event, on_event};

static void use_serial(bool write, uint8_t reg, uint8_t value)
{
	const bool level = serial_line;
	const unsigned before = out;

	serial_access(serial, reg, write, &value);
	require(out - before <= 1 && (write || out == before));
	if (!write && reg == IIR)
		require(level == ((value & 1) == 0));
}

static void type(uint8_t len)
{
	uint8_t text[UINT8_MAX] = {};

	require(serial_input(serial, text, len) <= FIFO);
}

static void use_power(bool write, uint8_t where, uint8_t value)
{
	static const uint16_t ports[] = {PORT_PM_EVENT, PORT_PM_CONTROL, PORT_PM_TIMER, PORT_RESET,
		PORT_I8042, PORT_PCI, PORT_PCI + 4};
	const uint16_t port = ports[where % 7] + (where >> 3) % 4;
	uint8_t bytes[4] = {value, value ^ where, ~value, where};

	if (!power_access(power, port, write, bytes, 1u << (where >> 5) % 3))
		pci_access(&pci, port, write, bytes, 1u << (where >> 5) % 3);
}

static void check_sci(void)
{
	uint8_t event[4];

	require(power_access(power, PORT_PM_EVENT, false, event, 4));
	require(sci_line == (((event[0] & event[2]) | (event[1] & event[3])) != 0));
}

static void use_rtc(uint8_t index, uint8_t value)
{
	rtc_access(&rtc, 0, true, &index);
	rtc_access(&rtc, 1, false, &value);
	if (index == 10)
		require((value & 0x7f) == 0x26);
	rtc_access(&rtc, 1, true, &value);
}

static void act(const uint8_t op[3])
{
	switch (op[0] % 8) {
	case 0: use_serial(true, op[1], op[2]); break;
	case 1: use_serial(false, op[1] % 8, op[2]); break;
	case 2: type(op[1]); break;
	case 3: use_power(true, op[1], op[2]); break;
	case 4: use_power(false, op[1], op[2]); break;
	case 5: power_button(power); break;
	case 6: use_rtc(op[1], op[2]); break;
	default:
		if (op[1] & 1)
			serial_reset(serial);
		if (op[1] & 2)
			power_reset(power);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	serial = serial_create(&serial_ops, NULL);
	power = power_create(&power_ops, NULL);
	rtc = (struct rtc){};
	pci = (struct pci){};
	serial_line = sci_line = false;
	out = events = 0;
	require(serial != NULL && power != NULL);
	for (; size >= 3; data += 3, size -= 3) {
		act(data);
		check_sci();
	}
	serial_reset(serial);
	power_reset(power);
	require(!serial_line && !sci_line);
	serial_destroy(serial);
	power_destroy(power);
	return 0;
}
