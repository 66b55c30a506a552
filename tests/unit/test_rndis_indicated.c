/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "rndis_messages.h"

// Facts that can be told to a guest, or to the host, by the bits of i.
static struct ndis_packet_info facts_to_guest(unsigned i)
{
	struct ndis_packet_info f = {};

	f.flags |= i & 1 ? NDIS_INFO_VLAN : 0;
	f.flags |= i & 2 ? NDIS_INFO_HASH : 0;
	f.flags |= (const uint32_t[]){0, NDIS_INFO_IP_GOOD, NDIS_INFO_IP_BAD, 0}[i >> 2 & 3];
	f.flags |= (const uint32_t[]){
		0, NDIS_INFO_TCP_GOOD, NDIS_INFO_TCP_BAD, NDIS_INFO_UDP_GOOD}[i >> 4 & 3];
	f.flags |= i & 64 ? NDIS_INFO_UDP_BAD & ~(f.flags << 3) : 0;
	if (i & 128) {
		f.flags |= NDIS_INFO_RSC;
		f.flags |= i & 256 ? NDIS_INFO_RSC_FIRST : 0;
		f.flags |= i & 512 ? NDIS_INFO_RSC_LAST : 0;
		f.rsc_id = 0x1234;
	}
	f.vlan_tci = i & 1 ? 0xb123 : 0;
	f.hash = i & 2 ? 0xcafef00d : 0;
	return f;
}

static void test_what_is_told_to_a_guest_is_what_it_reads(void **)
{
	for (unsigned i = 0; i < 1024; i++) {
		struct ndis_packet_info told = facts_to_guest(i);
		uint8_t bytes[RNDIS_PACKET_BUILD_MAX + 4];
		uint32_t n;

		memset(bytes, 0xa5, sizeof(bytes));
		n = rndis_packet_build(bytes, 1000, &told);
		assert_int_equal(n % 4, 0);
		assert_true(n <= RNDIS_PACKET_BUILD_MAX);
		assert_int_equal(word(bytes + RNDIS_PACKET_BUILD_MAX), 0xa5a5a5a5);
		assert_int_equal(parse_head(rndis_packet_parse_indicated, bytes, n, n + 1000), 0);
		assert_int_equal(at, n);
		assert_int_equal(len, 1000);
		assert_memory_equal(&info, &told, sizeof(info));
	}
}

static void test_what_a_guest_asks_is_what_we_read(void **)
{
	static const uint32_t work[] = {0, NDIS_INFO_IP4, NDIS_INFO_IP6,
		NDIS_INFO_IP4 | NDIS_INFO_CSUM_IP, NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP,
		NDIS_INFO_IP4 | NDIS_INFO_CSUM_UDP, NDIS_INFO_IP6 | NDIS_INFO_CSUM_TCP,
		NDIS_INFO_IP6 | NDIS_INFO_CSUM_UDP,
		NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_IP,
		NDIS_INFO_IP4 | NDIS_INFO_LSO, NDIS_INFO_IP6 | NDIS_INFO_LSO};
	const unsigned n_work = sizeof(work) / sizeof(work[0]);

	for (unsigned i = 0; i < 4 * n_work; i++) {
		struct ndis_packet_info asked = {.flags = work[i / 4]};
		uint8_t bytes[RNDIS_PACKET_BUILD_MAX + 4];
		uint32_t n;

		if (asked.flags & (NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_UDP | NDIS_INFO_LSO))
			asked.l4_offset = 58;
		if (asked.flags & NDIS_INFO_LSO)
			asked.mss = 1428;
		if (i & 1) {
			asked.flags |= NDIS_INFO_VLAN;
			asked.vlan_tci = 0x5ffe;
		}
		if (i & 2) {
			asked.flags |= NDIS_INFO_HASH;
			asked.hash = 0x01020304;
		}
		memset(bytes, 0xa5, sizeof(bytes));
		n = rndis_packet_build_request(bytes, 1000, &asked);
		assert_int_equal(word(bytes + RNDIS_PACKET_BUILD_MAX), 0xa5a5a5a5);
		assert_int_equal(parse_head(rndis_packet_parse, bytes, n, n + 1000), 0);
		assert_int_equal(at, n);
		assert_memory_equal(&info, &asked, sizeof(info));
	}
}

static void expect_built(const struct ndis_packet_info *facts, const uint32_t *words, unsigned n)
{
	uint8_t bytes[RNDIS_PACKET_BUILD_MAX];

	assert_int_equal(rndis_packet_build(bytes, 60, facts), n * 4);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(word(bytes + i * 4), words[i]);
}

#define EXPECT_BUILT(facts, ...) \
	do { \
		const uint32_t words[] = {__VA_ARGS__}; \
		expect_built(facts, words, sizeof(words) / sizeof(words[0])); \
	} while (0)

// Linux takes an offset without a length for an error.
static void test_message_without_records_has_record_offset_0(void **)
{
	const struct ndis_packet_info none = {};

	EXPECT_BUILT(&none, 1, 104, 36, 60, 0, 0, 0, 0, 0, 0, 0);
}

static void test_checksum_record_to_a_guest_by_bit(void **)
{
	static const uint32_t flags[] = {NDIS_INFO_TCP_BAD, NDIS_INFO_UDP_BAD, NDIS_INFO_IP_BAD,
		NDIS_INFO_TCP_GOOD, NDIS_INFO_UDP_GOOD, NDIS_INFO_IP_GOOD};

	for (unsigned bit = 0; bit < 6; bit++) {
		const struct ndis_packet_info facts = {.flags = flags[bit]};

		EXPECT_BUILT(&facts, 1, 120, 52, 60, 0, 0, 0, 36, 16, 0, 0, //
			16, 0, 12, 1u << bit);
	}
}

static void test_all_records_to_a_guest_as_they_are_on_the_wire(void **)
{
	const struct ndis_packet_info facts = {
		.flags = NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD | NDIS_INFO_VLAN | NDIS_INFO_HASH |
	                 NDIS_INFO_RSC | NDIS_INFO_RSC_FIRST,
		.vlan_tci = 0xb00a, // PCP 5, DEI, VID 10
		.hash = 0x51ccc178,
		.rsc_id = 7,
	};

	EXPECT_BUILT(&facts, 1, 168, 100, 60, 0, 0, 0, 36, 64, 0, 0, //
		16, 0, 12, 0x28,                                     //
		16, 6, 12, 10 << 4 | 8 | 5,                          //
		16, 8, 12, 0x51ccc178,                               //
		16, 0x80000001, 12, 1 | 3 << 8 | 7 << 16);
}

// What a guest leaves to us is no verdict: a frame that goes from guest to guest.
static void test_requests_are_not_told_to_a_guest(void **)
{
	const struct ndis_packet_info asked = {
		.flags = NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_IP | NDIS_INFO_LSO,
		.mss = 1448,
		.l4_offset = 34};

	EXPECT_BUILT(&asked, 1, 104, 36, 60, 0, 0, 0, 0, 0, 0, 0);
}

static void test_verdicts_that_contradict_are_refused(void **)
{
	struct message m;

	for (unsigned bit = 0; bit < 3; bit++) {
		start(&m);
		add(&m, RNDIS_PPI_CHECKSUM, 9u << bit);
		finish(&m, FRAME);
		assert_int_equal(parse_with(rndis_packet_parse_indicated, &m), -EINVAL);
	}
}

static void test_packet_id_needs_version_1_and_suballoc(void **)
{
	static const struct {
		uint32_t value, flags;
	} rows[] = {{0x00050101, NDIS_INFO_RSC}, {0x00050301, NDIS_INFO_RSC | NDIS_INFO_RSC_FIRST},
		{0x00050501, NDIS_INFO_RSC | NDIS_INFO_RSC_LAST}, {0x00050601, 0}, {0x00050102, 0},
		{0x0005f901, NDIS_INFO_RSC}};
	struct message m;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(&m);
		add(&m, RNDIS_PPI_PACKET_ID, rows[i].value);
		finish(&m, FRAME);
		assert_int_equal(parse_with(rndis_packet_parse_indicated, &m), 0);
		assert_int_equal(info.flags, rows[i].flags);
		assert_int_equal(info.rsc_id, rows[i].flags ? 5 : 0);
	}
}

static void test_links_behind_the_first_may_be_short(void **)
{
	static const uint32_t ids[] = {0x00050101, 0x00050501, 0x00050301, 0x00050701, 0x00050601};
	struct message m;

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		for (uint32_t n = 0; n < 15; n++) {
			const uint32_t least = i < 2 ? 1 : 14;

			start(&m);
			add(&m, RNDIS_PPI_PACKET_ID, ids[i]);
			finish(&m, n);
			assert_int_equal(parse_with(rndis_packet_parse_indicated, &m),
				n < least ? -EINVAL : 0);
			// A guest's frames are whole.
			assert_int_equal(parse_with(rndis_packet_parse, &m), n < 14 ? -EINVAL : 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_told_to_a_guest_is_what_it_reads),
		cmocka_unit_test(test_what_a_guest_asks_is_what_we_read),
		cmocka_unit_test(test_message_without_records_has_record_offset_0),
		cmocka_unit_test(test_checksum_record_to_a_guest_by_bit),
		cmocka_unit_test(test_all_records_to_a_guest_as_they_are_on_the_wire),
		cmocka_unit_test(test_requests_are_not_told_to_a_guest),
		cmocka_unit_test(test_verdicts_that_contradict_are_refused),
		cmocka_unit_test(test_packet_id_needs_version_1_and_suballoc),
		cmocka_unit_test(test_links_behind_the_first_may_be_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
