/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/ndis_offload.h>

static const struct ndis_offload_caps all = {.tx_csum = true,
	.rx_csum = true,
	.lso4 = true,
	.lso6 = true,
	.rsc = true,
	.lso_max = 62780};

static uint32_t word(const uint8_t *data, unsigned at)
{
	uint32_t value;

	memcpy(&value, data + at, sizeof(value));
	return value;
}

static int build(uint8_t *to, uint32_t size, uint8_t revision, const struct ndis_offload_caps *caps)
{
	uint8_t request[4];
	uint32_t len = ndis_offload_build_request(request, revision);

	return ndis_offload_build(to, size, request, len, caps);
}

static void expect_caps(const struct ndis_offload_caps *a, const struct ndis_offload_caps *b)
{
	assert_int_equal(a->tx_csum, b->tx_csum);
	assert_int_equal(a->rx_csum, b->rx_csum);
	assert_int_equal(a->lso4, b->lso4);
	assert_int_equal(a->lso6, b->lso6);
	assert_int_equal(a->rsc, b->rsc);
	assert_int_equal(a->lso_max, b->lso_max);
}

static void test_reply_has_every_field_at_its_offset(void **)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} fields[] = {
		{0, 0x009c03a7},                          // type, revision 3, 156 bytes
		{4, 2}, {8, 0x155}, {12, 2}, {16, 0x155}, // IPv4 checksums, tx and rx
		{20, 2}, {24, 0x55}, {28, 2}, {32, 0x55}, // IPv6
		{80, 2}, {84, 62780}, {88, 2},            // LSOv2 IPv4
		{92, 2}, {96, 62780}, {100, 2}, {104, 5}, // LSOv2 IPv6 with its options
		{144, 0x0101},                            // RSC
	};
	uint8_t reply[160];
	unsigned next = 0;

	memset(reply, 0xa5, sizeof(reply));
	assert_int_equal(build(reply, sizeof(reply), 3, &all), 156);
	for (unsigned at = 0; at < 156; at += 4) {
		uint32_t wanted = 0;

		if (next < sizeof(fields) / sizeof(fields[0]) && fields[next].at == at)
			wanted = fields[next++].value;
		assert_int_equal(word(reply, at), wanted);
	}
	assert_int_equal(next, sizeof(fields) / sizeof(fields[0]));
	assert_int_equal(word(reply, 156), 0xa5a5a5a5);
}

static void test_revision_is_the_requests_156_144_112(void **)
{
	static const uint32_t headers[] = {0x007001a7, 0x009002a7, 0x009c03a7};
	uint8_t reply[160], newest[160];

	assert_int_equal(build(newest, sizeof(newest), 3, &all), 156);
	for (unsigned revision = 1; revision <= 3; revision++) {
		int len = headers[revision - 1] >> 16;

		memset(reply, 0xa5, sizeof(reply));
		assert_int_equal(build(reply, sizeof(reply), revision, &all), len);
		assert_int_equal(word(reply, 0), headers[revision - 1]);
		assert_memory_equal(reply + 4, newest + 4, len - 4);
		assert_int_equal(reply[len], 0xa5);
	}
}

static void test_request_is_a_header(void **)
{
	static const uint32_t headers[] = {
		0x000000a7, 0x007001a7, 0x009002a7, 0x009c03a7, 0x000004a7};
	uint8_t request[4];

	for (unsigned revision = 0; revision < 5; revision++) {
		assert_int_equal(ndis_offload_build_request(request, (uint8_t)revision), 4);
		assert_int_equal(word(request, 0), headers[revision]);
	}
}

static void test_newer_revision_is_answered_with_3(void **)
{
	const uint8_t request[] = {0xa7, 7, 200, 0};
	uint8_t reply[160];

	assert_int_equal(ndis_offload_build(reply, 160, request, 4, &all), 156);
	assert_int_equal(word(reply, 0), 0x009c03a7);
}

static void test_bad_requests_are_refused(void **)
{
	const uint8_t revision_0[] = {0xa7, 0, 156, 0}, other[] = {0xa6, 3, 156, 0};
	const uint8_t good[] = {0xa7, 3, 156, 0};
	uint8_t reply[160];

	assert_int_equal(ndis_offload_build(reply, 160, revision_0, 4, &all), -EINVAL);
	assert_int_equal(ndis_offload_build(reply, 160, other, 4, &all), -EINVAL);
	for (uint32_t len = 0; len < 4; len++)
		assert_int_equal(ndis_offload_build(reply, 160, good, len, &all), -EINVAL);
	assert_int_equal(ndis_offload_build(reply, 155, good, 4, &all), -E2BIG);
	assert_int_equal(ndis_offload_build(reply, 156, good, 4, &all), 156);
}

static void test_what_is_not_offered_is_zero(void **)
{
	const struct ndis_offload_caps none = {};
	uint8_t reply[160];

	assert_int_equal(build(reply, sizeof(reply), 3, &none), 156);
	for (unsigned at = 4; at < 156; at++)
		assert_int_equal(reply[at], 0);
}

// The guest's own rules for what it turns on.
static void test_linux_turns_on_what_is_offered(void **)
{
	uint8_t reply[160];

	build(reply, sizeof(reply), 3, &all);
	assert_int_equal(word(reply, 8) & 0x14, 0x14);
	assert_int_equal(word(reply, 8) & 0x40, 0x40);
	assert_int_equal(word(reply, 24) & 0x15, 0x15);
	assert_int_equal(word(reply, 80) & 2, 2);
	assert_int_equal(word(reply, 92) & 2, 2);
	assert_int_equal(word(reply, 104) & 5, 5);
	assert_true(reply[144] && reply[145]);
}

static void test_guest_reads_what_we_offer(void **)
{
	uint8_t reply[160];
	struct ndis_offload_caps read;

	for (unsigned bits = 0; bits < 32; bits++) {
		struct ndis_offload_caps caps = {.tx_csum = bits & 1,
			.rx_csum = bits & 2,
			.lso4 = bits & 4,
			.lso6 = bits & 8,
			.rsc = bits & 16,
			.lso_max = bits & 12 ? 65535 : 0};

		assert_int_equal(build(reply, sizeof(reply), 3, &caps), 156);
		assert_int_equal(ndis_offload_parse(reply, 156, &read), 0);
		expect_caps(&read, &caps);
		// RSC came with revision 3.
		caps.rsc = false;
		for (unsigned revision = 1; revision < 3; revision++) {
			int len = build(reply, sizeof(reply), revision, &caps);

			assert_int_equal(ndis_offload_parse(reply, len, &read), 0);
			expect_caps(&read, &caps);
		}
	}
}

static void test_guest_takes_what_both_families_have(void **)
{
	const uint32_t less = 30000;
	uint8_t reply[160];
	struct ndis_offload_caps caps;

	for (unsigned at = 144; at < 146; at++) {
		build(reply, sizeof(reply), 3, &all);
		reply[at] = 0;
		assert_int_equal(ndis_offload_parse(reply, 156, &caps), 0);
		assert_false(caps.rsc);
	}
	for (unsigned at = 84; at <= 96; at += 12) {
		build(reply, sizeof(reply), 3, &all);
		memcpy(reply + at, &less, sizeof(less));
		assert_int_equal(ndis_offload_parse(reply, 156, &caps), 0);
		assert_int_equal(caps.lso_max, less);
	}
	for (unsigned at = 8; at <= 32; at += 8) {
		build(reply, sizeof(reply), 3, &all);
		reply[at] &= ~0x40;
		assert_int_equal(ndis_offload_parse(reply, 156, &caps), 0);
		assert_int_equal(caps.tx_csum, at == 16 || at == 32);
		assert_int_equal(caps.rx_csum, at == 8 || at == 24);
	}
}

static void test_guest_refuses_bad_replies(void **)
{
	static const struct {
		uint8_t type, revision;
		uint16_t size;
	} bad[] = {{0xa6, 3, 156}, {0xa7, 0, 156}, {0xa7, 3, 111}, {0xa7, 3, 157}, {0xa7, 1, 0}};
	uint8_t reply[160];
	struct ndis_offload_caps caps;

	build(reply, sizeof(reply), 3, &all);
	for (int len = 0; len < 156; len++) {
		uint8_t *cut = malloc(len > 0 ? len : 1);

		assert_non_null(cut);
		memcpy(cut, reply, len);
		assert_int_equal(ndis_offload_parse(cut, len, &caps), -EINVAL);
		free(cut);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(reply, &bad[i], 4);
		assert_int_equal(ndis_offload_parse(reply, 156, &caps), -EINVAL);
	}
}

static void test_parameters_have_every_choice_at_its_offset(void **)
{
	const struct ndis_offload_params p = {
		.ip4_tx = NDIS_OFFLOAD_OFF, // and rx as it is, which cannot be told: off
		.tcp4_tx = NDIS_OFFLOAD_ON,
		.tcp4_rx = NDIS_OFFLOAD_OFF,
		.udp4_tx = NDIS_OFFLOAD_OFF,
		.udp4_rx = NDIS_OFFLOAD_ON,
		.tcp6_tx = NDIS_OFFLOAD_ON,
		.tcp6_rx = NDIS_OFFLOAD_ON,
		.lso4 = NDIS_OFFLOAD_OFF,
		.lso6 = NDIS_OFFLOAD_ON,
		.rsc4 = NDIS_OFFLOAD_ON,
		.rsc6 = NDIS_OFFLOAD_OFF,
	};
	const uint8_t wanted[28] = {
		0x80, 3, 28, 0, 1, 2, 3, 4, 0, [11] = 1, [12] = 2, [22] = 2, [23] = 1};
	uint8_t object[32];

	memset(object, 0xa5, sizeof(object));
	assert_int_equal(ndis_offload_params_build(object, &p, true), 28);
	assert_memory_equal(object, wanted, 28);
	assert_int_equal(object[28], 0xa5);
}

static void test_parameters_of_old_guests_are_22_bytes(void **)
{
	const struct ndis_offload_params p = {.lso6 = NDIS_OFFLOAD_ON, .rsc4 = NDIS_OFFLOAD_ON};
	struct ndis_offload_params read;
	uint8_t object[32];

	memset(object, 0xa5, sizeof(object));
	assert_int_equal(ndis_offload_params_build(object, &p, false), 22);
	assert_int_equal(object[2], 22);
	assert_int_equal(object[22], 0xa5);
	assert_int_equal(ndis_offload_params_parse(object, 22, &read), 0);
	assert_int_equal(read.lso6, NDIS_OFFLOAD_ON);
	assert_int_equal(read.rsc4, NDIS_OFFLOAD_KEEP);
}

static void test_value_1_means_off_and_0_means_as_it_is(void **)
{
	static const uint8_t tx[] = {NDIS_OFFLOAD_KEEP, NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_ON,
		NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_ON};
	static const uint8_t rx[] = {NDIS_OFFLOAD_KEEP, NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_OFF,
		NDIS_OFFLOAD_ON, NDIS_OFFLOAD_ON};
	uint8_t object[28] = {0x80, 3, 28};
	struct ndis_offload_params p;

	for (unsigned value = 0; value <= 4; value++) {
		memset(object + 4, value, 5);
		assert_int_equal(ndis_offload_params_parse(object, 28, &p), 0);
		assert_int_equal(p.ip4_tx, tx[value]);
		assert_int_equal(p.tcp4_tx, tx[value]);
		assert_int_equal(p.udp4_tx, tx[value]);
		assert_int_equal(p.tcp6_tx, tx[value]);
		assert_int_equal(p.udp6_tx, tx[value]);
		assert_int_equal(p.ip4_rx, rx[value]);
		assert_int_equal(p.tcp4_rx, rx[value]);
		assert_int_equal(p.udp4_rx, rx[value]);
		assert_int_equal(p.tcp6_rx, rx[value]);
		assert_int_equal(p.udp6_rx, rx[value]);
	}
	memset(object + 4, 0, sizeof(object) - 4);
	object[11] = 1;
	object[12] = 2;
	object[22] = 2;
	object[23] = 1;
	assert_int_equal(ndis_offload_params_parse(object, 28, &p), 0);
	assert_int_equal(p.lso4, NDIS_OFFLOAD_OFF);
	assert_int_equal(p.lso6, NDIS_OFFLOAD_ON);
	assert_int_equal(p.rsc4, NDIS_OFFLOAD_ON);
	assert_int_equal(p.rsc6, NDIS_OFFLOAD_OFF);
}

static void test_parameters_come_back_as_they_were(void **)
{
	static const uint8_t pairs[5][2] = {{NDIS_OFFLOAD_KEEP, NDIS_OFFLOAD_KEEP},
		{NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_OFF}, {NDIS_OFFLOAD_ON, NDIS_OFFLOAD_OFF},
		{NDIS_OFFLOAD_OFF, NDIS_OFFLOAD_ON}, {NDIS_OFFLOAD_ON, NDIS_OFFLOAD_ON}};
	uint8_t object[32];
	struct ndis_offload_params read;

	for (unsigned i = 0; i < 25; i++) {
		const uint8_t *a = pairs[i % 5], *b = pairs[i / 5];
		const struct ndis_offload_params p = {.ip4_tx = a[0],
			.ip4_rx = a[1],
			.tcp4_tx = b[0],
			.tcp4_rx = b[1],
			.udp4_tx = a[0],
			.udp4_rx = a[1],
			.tcp6_tx = b[0],
			.tcp6_rx = b[1],
			.udp6_tx = a[0],
			.udp6_rx = a[1],
			.lso4 = i % 3,
			.lso6 = i / 3 % 3,
			.rsc4 = (i + 1) % 3,
			.rsc6 = (i / 3 + 1) % 3};

		assert_int_equal(ndis_offload_params_build(object, &p, true), 28);
		assert_int_equal(ndis_offload_params_parse(object, 28, &read), 0);
		assert_memory_equal(&p, &read, sizeof(p));
	}
}

static void test_bad_parameters_are_refused_and_change_nothing(void **)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} bad[] = {{0, 0x81}, {1, 0}, {2, 21}, {2, 29}, {3, 1}, {4, 5}, {5, 5}, {6, 0xff}, {7, 5},
		{8, 6}, {11, 3}, {12, 3}, {22, 3}, {23, 3}};
	const struct ndis_offload_params good = {.lso4 = NDIS_OFFLOAD_ON};
	struct ndis_offload_params p = good;
	uint8_t object[28];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ndis_offload_params_build(object, &good, true);
		object[bad[i].at] = bad[i].value;
		assert_int_equal(ndis_offload_params_parse(object, 28, &p), -EINVAL);
		assert_memory_equal(&p, &good, sizeof(p));
	}
	ndis_offload_params_build(object, &good, true);
	for (unsigned len = 0; len < 28; len++) {
		uint8_t *cut = malloc(len > 0 ? len : 1);

		assert_non_null(cut);
		memcpy(cut, object, len);
		assert_int_equal(ndis_offload_params_parse(cut, len, &p), -EINVAL);
		if (len >= 22) {
			cut[2] = (uint8_t)len;
			assert_int_equal(ndis_offload_params_parse(cut, len, &p), 0);
		}
		free(cut);
	}
}

static void test_parameters_of_newer_revisions_are_read_as_far_as_known(void **)
{
	uint8_t object[40] = {0x80, 5, 40, [12] = 2, [39] = 0xff};
	struct ndis_offload_params p;

	assert_int_equal(ndis_offload_params_parse(object, 40, &p), 0);
	assert_int_equal(p.lso6, NDIS_OFFLOAD_ON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_has_every_field_at_its_offset),
		cmocka_unit_test(test_revision_is_the_requests_156_144_112),
		cmocka_unit_test(test_request_is_a_header),
		cmocka_unit_test(test_guest_takes_what_both_families_have),
		cmocka_unit_test(test_newer_revision_is_answered_with_3),
		cmocka_unit_test(test_bad_requests_are_refused),
		cmocka_unit_test(test_what_is_not_offered_is_zero),
		cmocka_unit_test(test_linux_turns_on_what_is_offered),
		cmocka_unit_test(test_guest_reads_what_we_offer),
		cmocka_unit_test(test_guest_refuses_bad_replies),
		cmocka_unit_test(test_parameters_have_every_choice_at_its_offset),
		cmocka_unit_test(test_parameters_of_old_guests_are_22_bytes),
		cmocka_unit_test(test_value_1_means_off_and_0_means_as_it_is),
		cmocka_unit_test(test_parameters_come_back_as_they_were),
		cmocka_unit_test(test_bad_parameters_are_refused_and_change_nothing),
		cmocka_unit_test(test_parameters_of_newer_revisions_are_read_as_far_as_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
