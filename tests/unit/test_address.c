/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vswitch/address.h>

static void macs(void **)
{
	static const char *const bad[] = {"", "02:00:00:00:00", "02:00:00:00:00:0g",
		"02:00:00:00:00:010", "02-00:00:00:00:00", "0200.0000.0000", "02:00:00:00:00:1",
		"02:00-00:00:00:01", "02:00:00:00:00:01 "};
	uint8_t mac[6] = {9};
	char text[MAC_TEXT_SIZE];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mac_parse(bad[i], mac) < 0);
	assert_int_equal(mac[0], 9);
	assert_int_equal(mac_parse("02:AB:cd:00:0f:10", mac), 0);
	mac_format(mac, text);
	assert_string_equal(text, "02:ab:cd:00:0f:10");
	assert_int_equal(mac_parse("02-ab-cd-00-0f-10", mac), 0);
	assert_int_equal(mac_parse("aB:00:01:fE:00:0c", mac), 0);
	assert_memory_equal(mac, "\xab\x00\x01\xfe\x00\x0c", 6);
	assert_false(mac_is_zero(mac));
	assert_int_equal(mac_parse("00:00:00:00:00:00", mac), 0);
	assert_true(mac_is_zero(mac));
}

static void pci_addresses(void **)
{
	static const char *const bad[] = {"", "03", "03:00", "03:00.", "03:00.8", "03:20.0",
		"103:00.0", "0000:03:00.0.", "x:03:00.0", "0000:03:00:0", "eth0", "1234567:00:00.0",
		"-3:00.0", "03: 0.0", "pci0000:00", "virtio0", "0:0:0:0", "1-1:1.0"};
	char pci[PCI_TEXT_SIZE];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(pci_parse(bad[i], pci) < 0);
	assert_int_equal(pci_parse("3:0.1", pci), 0);
	assert_string_equal(pci, "0000:03:00.1");
	assert_int_equal(pci_parse("10000:E1:1f.7", pci), 0);
	assert_string_equal(pci, "10000:e1:1f.7");
	assert_int_equal(pci_parse("ffff:ff:1f.7", pci), 0);
	assert_string_equal(pci, "ffff:ff:1f.7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macs),
		cmocka_unit_test(pci_addresses),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
