/* SPDX-License-Identifier: BSD-3-Clause */
// How Linux finds out that it can ask a PCI bus, and that there is nothing on this one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <hypervisor/machine/layout.h>
#include <hypervisor/machine/pci.h>

#define DATA (PORT_PCI + 4)

static struct pci pci;

static uint32_t get(uint16_t port, unsigned size)
{
	uint32_t value = 0;

	assert_true(pci_access(&pci, port, false, (uint8_t *)&value, size));
	return value;
}

static void put(uint16_t port, uint32_t value, unsigned size)
{
	assert_true(pci_access(&pci, port, true, (uint8_t *)&value, size));
}

static uint32_t ask(uint32_t bus, uint32_t function, uint32_t reg, unsigned size)
{
	put(PORT_PCI, 0x80000000 | bus << 16 | function << 8 | (reg & ~3u), 4);
	return get(DATA + reg % 4, size);
}

static void the_address_keeps_only_whole_words(void **)
{
	put(PORT_PCI + 3, 0x01, 1);
	assert_int_equal(get(PORT_PCI, 4), 0);
	put(PORT_PCI, 0x80000000, 4);
	assert_int_equal(get(PORT_PCI, 4), 0x80000000);
	put(PORT_PCI, 0, 1);
	put(PORT_PCI + 2, 0, 1);
	assert_int_equal(get(PORT_PCI, 4), 0x80000000);
	assert_int_equal(get(PORT_PCI, 1), 0xff); // not the second way of asking
}

static void there_is_a_host_bridge_and_nothing_else(void **)
{
	unsigned found = 0;

	for (uint32_t bus = 0; bus < 256; bus++)
		for (uint32_t function = 0; function < 256; function++)
			if (ask(bus, function, 0, 2) != 0xffff)
				found++;
	assert_int_equal(found, 1);
	assert_int_equal(ask(0, 0, 0, 4), 0x00001414);
	assert_int_equal(ask(0, 0, 0x0a, 2), 0x0600);
	assert_int_equal(ask(0, 0, 0x0b, 1), 0x06);
	assert_int_equal(ask(0, 0, 0x0e, 1), 0); // one function
	put(PORT_PCI, 0, 4);
	assert_int_equal(get(DATA, 4), 0xffffffff);
}

static void nothing_can_be_written_and_nothing_lies_outside(void **)
{
	uint32_t value = 0x12345678;

	for (uint32_t reg = 0; reg < 256; reg++) {
		uint32_t before = ask(0, 0, reg, 1);

		put(DATA + reg % 4, ~before, 1);
		assert_int_equal(ask(0, 0, reg, 1), before);
	}
	ask(0, 0, 8, 4);
	assert_int_equal(get(DATA + 3, 4), 0xffffff06);
	assert_false(pci_access(&pci, PORT_PCI - 1, false, (uint8_t *)&value, 4));
	assert_false(pci_access(&pci, PORT_PCI + 8, false, (uint8_t *)&value, 4));
	assert_int_equal(value, 0x12345678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_keeps_only_whole_words),
		cmocka_unit_test(there_is_a_host_bridge_and_nothing_else),
		cmocka_unit_test(nothing_can_be_written_and_nothing_lies_outside),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
