/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/oid.h>
#include <ndis_compat/rndis.h>

#define COMPLETION(type) (RNDIS_MSG_COMPLETION | (type))

static const uint8_t info[] = {1, 2, 3, 4, 5, 6, 7};

// One of each type, all of its members set.
static const struct rndis_control messages[] = {
	{.type = RNDIS_MSG_INITIALIZE,
		.request_id = 0x11,
		.major = 1,
		.minor = 2,
		.max_transfer = 0x4000},
	{.type = COMPLETION(RNDIS_MSG_INITIALIZE),
		.request_id = 0x12,
		.status = NDIS_STATUS_FAILURE,
		.major = 1,
		.minor = 3,
		.max_packets = 8,
		.max_transfer = 0xefffffff,
		.align_factor = 3},
	{.type = RNDIS_MSG_HALT, .request_id = 0x13},
	{.type = RNDIS_MSG_QUERY,
		.request_id = 0x14,
		.oid = OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
		.data = info,
		.data_len = sizeof(info)},
	{.type = COMPLETION(RNDIS_MSG_QUERY),
		.request_id = 0x15,
		.status = NDIS_STATUS_SUCCESS,
		.data = info,
		.data_len = sizeof(info)},
	{.type = RNDIS_MSG_SET,
		.request_id = 0x16,
		.oid = OID_GEN_CURRENT_PACKET_FILTER,
		.data = info,
		.data_len = 4},
	{.type = COMPLETION(RNDIS_MSG_SET), .request_id = 0x17, .status = NDIS_STATUS_INVALID_DATA},
	{.type = RNDIS_MSG_RESET},
	{.type = COMPLETION(RNDIS_MSG_RESET), .status = NDIS_STATUS_NOT_SUPPORTED},
	{.type = RNDIS_MSG_INDICATE,
		.status = NDIS_STATUS_LINK_SPEED_CHANGE,
		.data = info,
		.data_len = 4},
	{.type = RNDIS_MSG_KEEPALIVE, .request_id = 0x18},
	{.type = COMPLETION(RNDIS_MSG_KEEPALIVE), .request_id = 0x19, .status = 0x1a},
};
#define N_MESSAGES (sizeof(messages) / sizeof(messages[0]))

static uint32_t word(const uint8_t *msg, unsigned at)
{
	uint32_t value;

	memcpy(&value, msg + at, sizeof(value));
	return value;
}

static void set_word(uint8_t *msg, unsigned at, uint32_t value)
{
	memcpy(msg + at, &value, sizeof(value));
}

static void expect_words(const uint8_t *msg, int len, const uint32_t *words, unsigned n)
{
	assert_int_equal(len, n * 4);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(word(msg, i * 4), words[i]);
}

#define EXPECT(msg, len, ...) \
	do { \
		const uint32_t words[] = {__VA_ARGS__}; \
		expect_words(msg, len, words, sizeof(words) / sizeof(words[0])); \
	} while (0)

// Parses a copy that ends where the message does, so that sanitizers see a byte too much.
static int parse(const uint8_t *msg, uint32_t len, struct rndis_control *c)
{
	uint8_t *copy = malloc(len + 1);
	uint8_t *exact = realloc(copy, len > 0 ? len : 1);
	int ret;

	assert_non_null(exact);
	memcpy(exact, msg, len);
	ret = rndis_control_parse(exact, len, c);
	if (ret == 0 && c->data != NULL) {
		assert_true(c->data >= exact + 8 && c->data_len <= len);
		assert_true(c->data + c->data_len <= exact + len);
		// To be compared after the copy is gone.
		c->data = msg + (c->data - exact);
	}
	free(exact);
	return ret;
}

static void expect_equal(const struct rndis_control *a, const struct rndis_control *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->request_id, b->request_id);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->oid, b->oid);
	assert_int_equal(a->max_transfer, b->max_transfer);
	assert_int_equal(a->major, b->major);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->max_packets, b->max_packets);
	assert_int_equal(a->align_factor, b->align_factor);
	assert_int_equal(a->data_len, b->data_len);
	if (a->data_len > 0)
		assert_memory_equal(a->data, b->data, a->data_len);
}

static void test_each_type_comes_back_as_it_was(void **)
{
	uint8_t msg[128];
	struct rndis_control c;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		int len = rndis_control_build(msg, sizeof(msg), &messages[i]);

		assert_true(len >= 12);
		assert_int_equal(word(msg, 4), len);
		assert_int_equal(parse(msg, len, &c), 0);
		expect_equal(&c, &messages[i]);
	}
}

static void test_initialize_completion_is_52_bytes_connectionless_8023(void **)
{
	uint8_t msg[64];
	int len = rndis_control_build(msg, sizeof(msg), &messages[1]);

	EXPECT(msg, len, 0x80000002, 52, 0x12, NDIS_STATUS_FAILURE, 1, 3, 1, 0, 8, 0xefffffff, 3, 0,
		0);
}

static void test_requests_are_laid_out_as_told(void **)
{
	uint8_t msg[64];

	EXPECT(msg, rndis_control_build(msg, 64, &messages[0]), 2, 24, 0x11, 1, 2, 0x4000);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[2]), 3, 12, 0x13);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[5]), 5, 32, 0x16, 0x0001010e, 4, 20, 0,
		0x04030201);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[7]), 6, 12, 0);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[10]), 8, 12, 0x18);
}

static void test_completions_are_laid_out_as_told(void **)
{
	uint8_t msg[64];
	struct rndis_control query = messages[4];

	query.data_len = 4;
	EXPECT(msg, rndis_control_build(msg, 64, &query), 0x80000004, 28, 0x15, 0, 4, 16,
		0x04030201);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[6]), 0x80000005, 16, 0x17, 0xc0010015);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[8]), 0x80000006, 16, 0xc00000bb, 0);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[9]), 7, 24, 0x40010013, 4, 12,
		0x04030201);
	EXPECT(msg, rndis_control_build(msg, 64, &messages[11]), 0x80000008, 16, 0x19, 0x1a);
}

static void test_unsupported_query_says_length_0_at_offset_16(void **)
{
	const struct rndis_control c = {.type = COMPLETION(RNDIS_MSG_QUERY),
		.request_id = 7,
		.status = NDIS_STATUS_NOT_SUPPORTED};
	struct rndis_control parsed;
	uint8_t msg[24];
	int len = rndis_control_build(msg, sizeof(msg), &c);

	EXPECT(msg, len, 0x80000004, 24, 7, 0xc00000bb, 0, 16);
	assert_int_equal(parse(msg, len, &parsed), 0);
	assert_int_equal(parsed.data_len, 0);
	assert_non_null(parsed.data);
}

static void test_offsets_count_from_the_body(void **)
{
	uint8_t msg[64] = {};
	struct rndis_control c;

	set_word(msg, 0, RNDIS_MSG_SET);
	set_word(msg, 4, 40);
	set_word(msg, 16, 4);
	set_word(msg, 20, 28);
	set_word(msg, 36, 0x0d);
	assert_int_equal(parse(msg, 40, &c), 0);
	assert_ptr_equal(c.data, msg + 36);
	assert_int_equal(word(c.data, 0), 0x0d);
}

static void test_where_nothing_is_does_not_matter(void **)
{
	uint8_t msg[64];
	struct rndis_control c = {.type = RNDIS_MSG_QUERY};
	int len = rndis_control_build(msg, sizeof(msg), &c);

	set_word(msg, 20, 0);
	assert_int_equal(parse(msg, len, &c), 0);
	set_word(msg, 20, 0xffffffff);
	assert_int_equal(parse(msg, len, &c), 0);
}

static void test_data_outside_of_the_message_are_refused(void **)
{
	static const struct {
		uint32_t len, offset;
	} bad[] = {
		{7, 21},
		{8, 20},
		{6, 22},
		{7, 0},
		{7, 19},
		{1, 27},
		{0xffffffff, 20},
		{7, 0xffffffff},
		{0x80000000, 0x80000000},
		{0xffffffec, 20},
		{1, 0xfffffff7},
	};
	uint8_t msg[64];
	struct rndis_control c;
	int len = rndis_control_build(msg, sizeof(msg), &messages[3]);

	assert_int_equal(len, 35);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_word(msg, 16, bad[i].len);
		set_word(msg, 20, bad[i].offset);
		assert_int_equal(parse(msg, len, &c), -EINVAL);
	}
}

static void test_data_must_lie_in_the_message_not_only_in_the_buffer(void **)
{
	uint8_t msg[64] = {};
	struct rndis_control c;

	rndis_control_build(msg, sizeof(msg), &messages[3]);
	set_word(msg, 4, 34);
	assert_int_equal(parse(msg, 64, &c), -EINVAL);
	set_word(msg, 4, 36);
	assert_int_equal(parse(msg, 64, &c), 0);
	set_word(msg, 4, 65);
	assert_int_equal(parse(msg, 64, &c), -EINVAL);
}

static void test_unknown_types_are_refused(void **)
{
	static const uint32_t types[] = {0, 1, 9, 0x7fffffff, COMPLETION(0), COMPLETION(1),
		COMPLETION(RNDIS_MSG_HALT), COMPLETION(RNDIS_MSG_INDICATE), 0xffffffff};
	uint8_t msg[64] = {};
	struct rndis_control c = {};

	set_word(msg, 4, 64);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		set_word(msg, 0, types[i]);
		assert_int_equal(parse(msg, 64, &c), -EINVAL);
		c.type = types[i];
		assert_int_equal(rndis_control_build(msg, sizeof(msg), &c), -EINVAL);
	}
}

static void test_every_truncation_is_refused(void **)
{
	uint8_t msg[128];
	struct rndis_control c;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		int len = rndis_control_build(msg, sizeof(msg), &messages[i]);

		for (int cut = 0; cut < len; cut++)
			assert_int_equal(parse(msg, cut, &c), -EINVAL);
		// Also where the message itself says so.
		for (int cut = 0; cut < len; cut++) {
			set_word(msg, 4, cut);
			assert_int_equal(parse(msg, len, &c), -EINVAL);
		}
	}
}

static void test_build_writes_all_or_nothing(void **)
{
	uint8_t msg[128], whole[128];
	struct rndis_control huge = messages[3];

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		int len = rndis_control_build(whole, sizeof(whole), &messages[i]);

		for (int size = 0; size < len; size++) {
			memset(msg, 0xa5, sizeof(msg));
			assert_int_equal(rndis_control_build(msg, size, &messages[i]), -E2BIG);
			assert_int_equal(msg[0], 0xa5);
		}
		memset(msg, 0xa5, sizeof(msg));
		assert_int_equal(rndis_control_build(msg, len, &messages[i]), len);
		assert_memory_equal(msg, whole, len);
		assert_int_equal(msg[len], 0xa5);
	}
	huge.data_len = 0xffffffff;
	assert_int_equal(rndis_control_build(msg, sizeof(msg), &huge), -E2BIG);
	assert_int_equal(rndis_control_build(msg, 0xffffffff, &huge), -E2BIG);
}

static void test_what_a_type_has_not_is_not_written(void **)
{
	uint8_t msg[128];
	struct rndis_control all = {.request_id = 1,
		.status = 2,
		.oid = 3,
		.data = info,
		.data_len = sizeof(info),
		.max_transfer = 4,
		.major = 5,
		.minor = 6,
		.max_packets = 7,
		.align_factor = 8};

	all.type = RNDIS_MSG_HALT;
	EXPECT(msg, rndis_control_build(msg, sizeof(msg), &all), 3, 12, 1);
	all.type = COMPLETION(RNDIS_MSG_SET);
	EXPECT(msg, rndis_control_build(msg, sizeof(msg), &all), 0x80000005, 16, 1, 2);
}

static void test_names_of_oids(void **)
{
	assert_string_equal(oid_name(0x0001010e), "OID_GEN_CURRENT_PACKET_FILTER");
	assert_null(oid_name(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_comes_back_as_it_was),
		cmocka_unit_test(test_initialize_completion_is_52_bytes_connectionless_8023),
		cmocka_unit_test(test_requests_are_laid_out_as_told),
		cmocka_unit_test(test_completions_are_laid_out_as_told),
		cmocka_unit_test(test_unsupported_query_says_length_0_at_offset_16),
		cmocka_unit_test(test_offsets_count_from_the_body),
		cmocka_unit_test(test_where_nothing_is_does_not_matter),
		cmocka_unit_test(test_data_outside_of_the_message_are_refused),
		cmocka_unit_test(test_data_must_lie_in_the_message_not_only_in_the_buffer),
		cmocka_unit_test(test_unknown_types_are_refused),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_build_writes_all_or_nothing),
		cmocka_unit_test(test_what_a_type_has_not_is_not_written),
		cmocka_unit_test(test_names_of_oids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
