/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "rndis_messages.h"

static int parse(const struct message *m)
{
	return parse_with(rndis_packet_parse, m);
}

static int parse_one(uint32_t type, uint32_t value)
{
	struct message m;

	start(&m);
	add(&m, type, value);
	finish(&m, FRAME);
	return parse(&m);
}

static int parse_two(uint32_t type1, uint32_t value1, uint32_t type2, uint32_t value2)
{
	struct message m;

	start(&m);
	add(&m, type1, value1);
	add(&m, type2, value2);
	finish(&m, FRAME);
	return parse(&m);
}

static void expect_no_facts(void)
{
	const struct ndis_packet_info none = {};

	assert_memory_equal(&info, &none, sizeof(info));
}

static void test_header_is_44_bytes_and_offsets_count_from_byte_8(void **)
{
	struct message m;

	start(&m);
	finish(&m, 60);
	assert_int_equal(m.len, 104);
	assert_int_equal(word(m.bytes + 8), 36);
	assert_int_equal(parse(&m), 0);
	assert_int_equal(at, 44);
	assert_int_equal(len, 60);
	expect_no_facts();
}

static void test_no_records_whatever_their_offset(void **)
{
	struct message m;

	start(&m);
	finish(&m, 60);
	header(&m)->ppi_offset = 0;
	assert_int_equal(parse(&m), 0);
	header(&m)->ppi_offset = 0xffffffff;
	assert_int_equal(parse(&m), 0);
	expect_no_facts();
}

static void test_padding_behind_the_frame_is_not_the_frame(void **)
{
	struct message m;

	start(&m);
	finish(&m, 61);
	m.len += 7;
	header(&m)->len = m.len;
	assert_int_equal(parse(&m), 0);
	assert_int_equal(len, 61);
}

static void test_frame_may_begin_later_than_the_records_end(void **)
{
	struct message m;

	start(&m);
	add(&m, RNDIS_PPI_HASH, 7);
	m.len = RNDIS_PACKET_HEADER_MAX;
	finish(&m, 60);
	assert_int_equal(parse(&m), 0);
	assert_int_equal(at, RNDIS_PACKET_HEADER_MAX);
	m.bytes[8] += 1;
	header(&m)->len = ++m.len;
	assert_int_equal(parse(&m), -EINVAL);
}

static void test_records_may_lie_behind_the_frame(void **)
{
	struct message m;

	start(&m);
	finish(&m, 60);
	header(&m)->ppi_offset = m.len - RNDIS_PACKET_BODY;
	add(&m, RNDIS_PPI_HASH, 0x12345678);
	header(&m)->ppi_len = 16;
	header(&m)->len = m.len;
	assert_int_equal(parse(&m), 0);
	assert_int_equal(info.hash, 0x12345678);
	// But not in the frame, nor where nobody has looked.
	header(&m)->ppi_offset -= 1;
	assert_int_equal(parse(&m), -EINVAL);
	header(&m)->ppi_offset += 1;
	assert_int_equal(parse_head(rndis_packet_parse, m.bytes, m.len - 1, m.len), -EINVAL);
}

static void test_checksum_record_by_bit(void **)
{
	static const struct {
		uint32_t value, flags;
		uint16_t l4;
	} rows[] = {
		{0, 0, 0}, {1, NDIS_INFO_IP4, 0}, {2, NDIS_INFO_IP6, 0},
		{1 | 1 << 4, NDIS_INFO_IP4 | NDIS_INFO_CSUM_IP, 0},
		{1 | 1 << 2 | 34 << 16, NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP, 34},
		{1 | 1 << 3 | 38 << 16, NDIS_INFO_IP4 | NDIS_INFO_CSUM_UDP, 38},
		{2 | 1 << 2 | 54 << 16, NDIS_INFO_IP6 | NDIS_INFO_CSUM_TCP, 54},
		{2 | 1 << 3 | 1023 << 16, NDIS_INFO_IP6 | NDIS_INFO_CSUM_UDP, 1023},
		{1 | 1 << 2 | 1 << 4 | 34 << 16,
			NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_IP, 34},
		{0xfc00ffe0, 0, 0}, // bits that mean nothing
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_one(RNDIS_PPI_CHECKSUM, rows[i].value), 0);
		assert_int_equal(info.flags, rows[i].flags);
		assert_int_equal(info.l4_offset, rows[i].l4);
	}
}

static void test_windows_leaves_the_l4_offset_0(void **)
{
	assert_int_equal(parse_one(RNDIS_PPI_CHECKSUM, 1 | 1 << 2), 0);
	assert_int_equal(info.flags, NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP);
	assert_int_equal(info.l4_offset, 0);
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 1u << 30 | 1448), 0);
	assert_int_equal(info.l4_offset, 0);
}

static void test_ipv6_has_no_header_checksum_to_do(void **)
{
	assert_int_equal(parse_one(RNDIS_PPI_CHECKSUM, 2 | 1 << 4 | 1 << 2 | 54 << 16), 0);
	assert_int_equal(info.flags, NDIS_INFO_IP6 | NDIS_INFO_CSUM_TCP);
}

static void test_contradictions_are_refused(void **)
{
	const uint32_t lso4 = 1u << 30 | 34 << 20 | 1448, lso6 = 3u << 30 | 54 << 20 | 1448;

	assert_int_equal(parse_one(RNDIS_PPI_CHECKSUM, 3), -EINVAL);
	assert_int_equal(parse_one(RNDIS_PPI_CHECKSUM, 1 | 3 << 2), -EINVAL);
	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 2, RNDIS_PPI_LSO, lso4), -EINVAL);
	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 1, RNDIS_PPI_LSO, lso6), -EINVAL);
	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 1 | 1 << 3, RNDIS_PPI_LSO, lso4), -EINVAL);
	// Two places for one header.
	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 5 | 38 << 16, RNDIS_PPI_LSO, lso4), -EINVAL);
	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 5 | 34 << 16, RNDIS_PPI_LSO, lso4), 0);
	// One says where TCP begins, the other that the frame is IPv6.
	assert_int_equal(
		parse_two(RNDIS_PPI_CHECKSUM, 4 | 41 << 16, RNDIS_PPI_LSO, 3u << 30 | 1448),
		-EINVAL);
	assert_int_equal(
		parse_two(RNDIS_PPI_CHECKSUM, 4 | 54 << 16, RNDIS_PPI_LSO, 3u << 30 | 1448), 0);
}

static void test_l4_header_lies_in_the_frame_behind_ip(void **)
{
	static const struct {
		uint32_t type, value, frame_len;
		int ret;
	} rows[] = {
		{RNDIS_PPI_CHECKSUM, 1 | 4 | 33 << 16, 100, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 1 | 4 | 1 << 16, 100, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 2 | 4 | 53 << 16, 100, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 1 | 4 | 34 << 16, 53, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 1 | 4 | 34 << 16, 54, 0},
		{RNDIS_PPI_CHECKSUM, 1 | 8 | 34 << 16, 41, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 1 | 8 | 34 << 16, 42, 0},
		{RNDIS_PPI_CHECKSUM, 2 | 8 | 1023 << 16, 1030, -EINVAL},
		{RNDIS_PPI_CHECKSUM, 2 | 8 | 1023 << 16, 1031, 0},
		{RNDIS_PPI_LSO, 1u << 30 | 33 << 20 | 500, 1500, -EINVAL},
		{RNDIS_PPI_LSO, 1u << 30 | 34 << 20 | 500, 53, -EINVAL},
		{RNDIS_PPI_LSO, 1u << 30 | 34 << 20 | 500, 54, 0},
		{RNDIS_PPI_LSO, 3u << 30 | 53 << 20 | 500, 1500, -EINVAL},
		{RNDIS_PPI_LSO, 3u << 30 | 54 << 20 | 500, 73, -EINVAL},
		{RNDIS_PPI_LSO, 3u << 30 | 54 << 20 | 500, 74, 0},
		// Nothing to do there: nobody looks.
		{RNDIS_PPI_CHECKSUM, 1 | 16 | 3 << 16, 60, 0},
	};
	struct message m;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(&m);
		add(&m, rows[i].type, rows[i].value);
		finish(&m, rows[i].frame_len);
		assert_int_equal(parse(&m), rows[i].ret);
	}
}

static void test_lso_record_by_bit(void **)
{
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 1u << 30 | 34 << 20 | 1448), 0);
	assert_int_equal(info.flags, NDIS_INFO_LSO | NDIS_INFO_IP4);
	assert_int_equal(info.mss, 1448);
	assert_int_equal(info.l4_offset, 34);
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 3u << 30 | 54 << 20 | 65535), 0);
	assert_int_equal(info.flags, NDIS_INFO_LSO | NDIS_INFO_IP6);
	assert_int_equal(info.mss, 65535);
	assert_int_equal(info.l4_offset, 54);
}

static void test_lso_needs_an_mss_and_version_2(void **)
{
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 0), -EINVAL);
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 1u << 30 | 34 << 20), -EINVAL);
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 1u << 30 | 34 << 20 | 0x10000), -EINVAL);
	assert_int_equal(parse_one(RNDIS_PPI_LSO, 34 << 20 | 1448), -EINVAL);
}

static void test_lso_covers_the_checksums(void **)
{
	const uint32_t lso4 = 1u << 30 | 34 << 20 | 1448;

	assert_int_equal(parse_two(RNDIS_PPI_CHECKSUM, 0x15 | 34 << 16, RNDIS_PPI_LSO, lso4), 0);
	assert_int_equal(info.flags, NDIS_INFO_LSO | NDIS_INFO_IP4);
	assert_int_equal(parse_two(RNDIS_PPI_LSO, lso4, RNDIS_PPI_CHECKSUM, 0x15 | 34 << 16), 0);
	assert_int_equal(info.flags, NDIS_INFO_LSO | NDIS_INFO_IP4);
}

static void test_vlan_record_by_bit(void **)
{
	static const struct {
		uint32_t value;
		uint16_t tci;
	} rows[] = {{0, 0}, {7, 0xe000}, {8, 0x1000}, {100 << 4, 100}, {4094 << 4, 4094},
		{4095 << 4 | 15, 0xffff}, {5 | 10 << 4, 0xa00a}, {0xffff0000, 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_one(RNDIS_PPI_8021Q, rows[i].value), 0);
		assert_int_equal(info.flags, NDIS_INFO_VLAN);
		assert_int_equal(info.vlan_tci, rows[i].tci);
	}
}

static void test_several_records_in_any_order(void **)
{
	static const uint32_t types[4] = {
		RNDIS_PPI_HASH, RNDIS_PPI_8021Q, RNDIS_PPI_CHECKSUM, RNDIS_PPI_LSO};
	static const uint32_t values[4] = {0xdeadbeef, 42 << 4, 1, 1u << 30 | 34 << 20 | 1000};
	struct message m;

	for (unsigned first = 0; first < 4; first++) {
		start(&m);
		for (unsigned i = 0; i < 4; i++)
			add(&m, types[(first + i) % 4], values[(first + i) % 4]);
		finish(&m, FRAME);
		assert_int_equal(parse(&m), 0);
		assert_int_equal(info.flags,
			NDIS_INFO_HASH | NDIS_INFO_VLAN | NDIS_INFO_LSO | NDIS_INFO_IP4);
		assert_int_equal(info.hash, 0xdeadbeef);
		assert_int_equal(info.vlan_tci, 42);
		assert_int_equal(info.mss, 1000);
		assert_int_equal(at, HEADER + 64);
	}
}

static void test_unknown_records_are_passed_over(void **)
{
	static const uint32_t types[] = {1, 3, 4, 5, 7, 9, 15, 16, 31, 32, 38, 0x7fffffff,
		0x80000000, 0x80000002, 0x80000006, 0xffffffff};
	struct message m;

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		start(&m);
		add_raw(&m, 12, types[i], 12, 0);
		add_raw(&m, 24, types[i], 16, 0xffffffff);
		add_raw(&m, 13, types[i], 0xffffffff, 0);
		add(&m, RNDIS_PPI_8021Q, 5 << 4);
		finish(&m, FRAME);
		assert_int_equal(parse(&m), 0);
		assert_int_equal(info.flags, NDIS_INFO_VLAN);
		assert_int_equal(info.vlan_tci, 5);
	}
	// The shortest, and the last.
	start(&m);
	add(&m, RNDIS_PPI_8021Q, 5 << 4);
	add_raw(&m, 12, 3, 0, 0);
	finish(&m, FRAME);
	assert_int_equal(parse(&m), 0);
	assert_int_equal(info.vlan_tci, 5);
	// What only the host says.
	assert_int_equal(parse_one(RNDIS_PPI_PACKET_ID, 0x00010301), 0);
	expect_no_facts();
}

static void test_a_records_data_may_begin_later_in_it(void **)
{
	struct message m;

	start(&m);
	add_raw(&m, 24, RNDIS_PPI_8021Q, 20, 9 << 4);
	add_raw(&m, 23, RNDIS_PPI_HASH, 16, 0x55aa);
	finish(&m, FRAME);
	assert_int_equal(parse(&m), 0);
	assert_int_equal(info.vlan_tci, 9);
	assert_int_equal(info.hash, 0x55aa);
}

static void test_records_that_do_not_advance_are_refused(void **)
{
	static const uint32_t sizes[] = {0, 1, 4, 11, 17, 0x80000000, 0xffffffff};
	struct message m;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned before = 0; before < 2; before++) {
			start(&m);
			if (before)
				add(&m, RNDIS_PPI_HASH, 1);
			add(&m, RNDIS_PPI_8021Q, 0);
			set_word(m.bytes + m.len - 16, sizes[i]);
			finish(&m, FRAME);
			assert_int_equal(parse(&m), -EINVAL);
		}
	}
}

static void test_a_rest_too_short_for_a_record_is_refused(void **)
{
	struct message m;

	for (uint32_t rest = 1; rest < 12; rest++) {
		start(&m);
		add(&m, RNDIS_PPI_HASH, 1);
		m.len += rest;
		header(&m)->ppi_len += rest;
		finish(&m, FRAME);
		assert_int_equal(parse(&m), -EINVAL);
	}
}

static void test_a_records_data_lie_in_it(void **)
{
	static const uint32_t types[] = {RNDIS_PPI_CHECKSUM, RNDIS_PPI_LSO, RNDIS_PPI_8021Q,
		RNDIS_PPI_HASH, RNDIS_PPI_PACKET_ID};
	static const uint32_t bad[] = {0, 11, 13, 16, 0x7fffffff, 0xfffffffc, 0xffffffff};
	struct message m;

	for (unsigned type = 0; type < sizeof(types) / sizeof(types[0]); type++) {
		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			start(&m);
			add(&m, types[type], 0);
			set_word(m.bytes + HEADER + 8, bad[i]);
			finish(&m, FRAME);
			assert_int_equal(parse(&m), -EINVAL);
		}
		start(&m);
		add_raw(&m, 15, types[type], 12, 0);
		finish(&m, FRAME);
		assert_int_equal(parse(&m), -EINVAL);
	}
}

static void test_lengths_that_do_not_add_up_are_refused(void **)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} bad[] = {
		{0, 0}, {0, 2}, {0, 0x80000001},                                 // type
		{4, 0}, {4, 44}, {4, 159}, {4, 161},                             // length
		{4, 0xffffffff},                                                 //
		{8, 0}, {8, 35}, {8, 36}, {8, 53},                               // data offset
		{8, 0xfffffff8}, {8, 0xffffffff},                                //
		{12, 0}, {12, 13}, {12, 101},                                    // data length
		{12, 0xffffffff}, {12, 0xffffffc4},                              //
		{28, 0}, {28, 35}, {28, 37}, {28, 152},                          // record offset
		{28, 0xfffffff8}, {28, 0xffffffff},                              //
		{32, 1}, {32, 15}, {32, 17}, {32, 0xffffffff}, {32, 0xffffffec}, // record length
	};
	struct message m;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(&m);
		add(&m, RNDIS_PPI_HASH, 1);
		finish(&m, 100);
		assert_int_equal(m.len, 160);
		assert_int_equal(parse(&m), 0);
		set_word(m.bytes + bad[i].at, bad[i].value);
		assert_int_equal(parse(&m), -EINVAL);
	}
}

static void test_every_truncation_is_refused(void **)
{
	struct message m;

	start(&m);
	add(&m, RNDIS_PPI_HASH, 1);
	add_raw(&m, 20, 99, 12, 0);
	add(&m, RNDIS_PPI_CHECKSUM, 5 | 34 << 16);
	finish(&m, 80);
	for (uint32_t cut = 0; cut < m.len; cut++) {
		// The carrier has less,
		assert_int_equal(parse_head(rndis_packet_parse, m.bytes, cut, cut), -EINVAL);
		// or the message says so.
		header(&m)->len = cut;
		assert_int_equal(parse(&m), -EINVAL);
		header(&m)->len = m.len;
		// A head that was cut is well formed if all records are in it.
		assert_int_equal(parse_head(rndis_packet_parse, m.bytes, cut, m.len),
			cut < m.len - 80 ? -EINVAL : 0);
	}
}

static void test_any_one_byte_changed_does_no_harm(void **)
{
	struct message m, changed;

	start(&m);
	add(&m, RNDIS_PPI_LSO, 1u << 30 | 34 << 20 | 700);
	add(&m, RNDIS_PPI_8021Q, 7 << 4);
	finish(&m, 80);
	for (uint32_t i = 0; i < m.len - 80; i++) {
		for (unsigned value = 0; value < 256; value++) {
			changed = m;
			changed.bytes[i] = (uint8_t)value;
			parse(&changed);
			parse_with(rndis_packet_parse_indicated, &changed);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_is_44_bytes_and_offsets_count_from_byte_8),
		cmocka_unit_test(test_no_records_whatever_their_offset),
		cmocka_unit_test(test_padding_behind_the_frame_is_not_the_frame),
		cmocka_unit_test(test_frame_may_begin_later_than_the_records_end),
		cmocka_unit_test(test_records_may_lie_behind_the_frame),
		cmocka_unit_test(test_checksum_record_by_bit),
		cmocka_unit_test(test_windows_leaves_the_l4_offset_0),
		cmocka_unit_test(test_ipv6_has_no_header_checksum_to_do),
		cmocka_unit_test(test_contradictions_are_refused),
		cmocka_unit_test(test_l4_header_lies_in_the_frame_behind_ip),
		cmocka_unit_test(test_lso_record_by_bit),
		cmocka_unit_test(test_lso_needs_an_mss_and_version_2),
		cmocka_unit_test(test_lso_covers_the_checksums),
		cmocka_unit_test(test_vlan_record_by_bit),
		cmocka_unit_test(test_several_records_in_any_order),
		cmocka_unit_test(test_unknown_records_are_passed_over),
		cmocka_unit_test(test_a_records_data_may_begin_later_in_it),
		cmocka_unit_test(test_records_that_do_not_advance_are_refused),
		cmocka_unit_test(test_a_rest_too_short_for_a_record_is_refused),
		cmocka_unit_test(test_a_records_data_lie_in_it),
		cmocka_unit_test(test_lengths_that_do_not_add_up_are_refused),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_any_one_byte_changed_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
