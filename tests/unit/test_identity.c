/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <hypervisor/vmbus/identity.h>

static void a_nic_is_who_its_names_say(void **)
{
	struct vmbus_guid a = identity_guid("web1", "nic0"), b = identity_guid("web1", "nic0");
	struct vmbus_guid c = identity_guid("web1", "nic1"), d = identity_guid("web", "1nic0");
	// The SHA-1 of the name space and "web1/nic0", by another program.
	static const uint8_t expected[16] = {0x18, 0x6d, 0x9f, 0xf6, 0xfd, 0xbe, 0xa6, 0x5d, 0x87,
		0xe3, 0xbc, 0x55, 0xad, 0xec, 0xba, 0x9a};
	uint8_t mac[6];

	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
	assert_memory_not_equal(&a, &d, sizeof(a));
	assert_memory_equal(&a, expected, sizeof(a));
	identity_mac(&a, mac);
	assert_int_equal(mac[0] & 3, 2); // local, of one station
	assert_memory_equal(mac + 1, a.byte + 11, 5);
}

static void long_names_take_more_than_a_block(void **)
{
	char name[64];
	struct vmbus_guid a, b;

	memset(name, 'x', sizeof(name) - 1);
	name[63] = '\0';
	a = identity_guid(name, name);
	name[62] = 'y';
	b = identity_guid(name, name);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(a.byte[7] >> 4, 5);
	assert_int_equal(a.byte[8] >> 6, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nic_is_who_its_names_say),
		cmocka_unit_test(long_names_take_more_than_a_block),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
