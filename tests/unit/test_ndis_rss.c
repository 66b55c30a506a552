/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/ndis_rss.h>

#define ALL_TYPES (NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6)

static void test_capabilities_are_18_bytes_revision_2(void **)
{
	const struct ndis_rss_caps caps = {.n_queues = 64, .n_indirection = 128};
	// Toeplitz, IPv4, IPv6: guests take no RSS without.
	const uint8_t wanted[18] = {
		0x88, 2, 18, 0, 0x01, 0x03, 0, 0, 64, 0, 0, 0, 64, 0, 0, 0, 128};
	struct ndis_rss_caps read;
	uint8_t object[20];

	memset(object, 0xa5, sizeof(object));
	assert_int_equal(ndis_rss_caps_build(object, 18, &caps), 18);
	assert_memory_equal(object, wanted, 18);
	assert_int_equal(object[18], 0xa5);
	assert_int_equal(ndis_rss_caps_build(object, 17, &caps), -E2BIG);
	assert_int_equal(ndis_rss_caps_parse(object, 18, &read), 0);
	assert_int_equal(read.n_queues, 64);
	assert_int_equal(read.n_indirection, 128);
	for (uint32_t cut = 0; cut < 18; cut++) {
		uint8_t *copy = malloc(cut > 0 ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, object, cut);
		assert_int_equal(ndis_rss_caps_parse(copy, cut, &read), -EINVAL);
		free(copy);
	}
	object[0] = 0x89;
	assert_int_equal(ndis_rss_caps_parse(object, 18, &read), -EINVAL);
}

static void test_capabilities_of_revision_1_have_128_entries(void **)
{
	// What lies behind is not part of it.
	const uint8_t object[20] = {0x88, 1, 16, 0, [12] = 4, [16] = 8};
	struct ndis_rss_caps read;

	for (uint32_t len = 16; len <= 20; len += 2) {
		assert_int_equal(ndis_rss_caps_parse(object, len, &read), 0);
		assert_int_equal(read.n_queues, 4);
		assert_int_equal(read.n_indirection, 128);
	}
	assert_int_equal(ndis_rss_caps_parse(object, 15, &read), -EINVAL);
}

struct object {
	uint8_t bytes[1024];
	uint32_t len;
};

static void set16(struct object *o, unsigned at, uint16_t value)
{
	memcpy(o->bytes + at, &value, sizeof(value));
}

static void set32(struct object *o, unsigned at, uint32_t value)
{
	memcpy(o->bytes + at, &value, sizeof(value));
}

static uint32_t get32(const struct object *o, unsigned at)
{
	uint32_t value;

	memcpy(&value, o->bytes + at, sizeof(value));
	return value;
}

static int parse(
	const struct object *o, uint32_t len, uint32_t n_channels, struct ndis_rss_params *p)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, o->bytes, len);
	ret = ndis_rss_params_parse(copy, len, n_channels, p);
	free(copy);
	return ret;
}

static struct ndis_rss_params params(uint16_t n_entries)
{
	struct ndis_rss_params p = {
		.enabled = true, .hash_types = ALL_TYPES, .n_entries = n_entries};

	for (unsigned i = 0; i < n_entries; i++)
		p.table[i] = (i + 7) % 8;
	memcpy(p.key, ndis_rss_default_key, sizeof(p.key));
	return p;
}

static void make_object(struct object *o, const struct ndis_rss_params *p)
{
	int len = ndis_rss_params_build(o->bytes, sizeof(o->bytes), p);

	assert_true(len > 0);
	o->len = (uint32_t)len;
}

static void expect_same(const struct ndis_rss_params *a, const struct ndis_rss_params *b)
{
	assert_int_equal(a->enabled, b->enabled);
	assert_int_equal(a->hash_types, b->hash_types);
	assert_int_equal(a->n_entries, b->n_entries);
	assert_memory_equal(a->table, b->table, a->n_entries);
	assert_memory_equal(a->key, b->key, sizeof(a->key));
}

static void test_parameters_are_40_bytes_table_and_key(void **)
{
	const uint32_t header[10] = {
		40u << 16 | 2 << 8 | 0x89, 0, 0x1701, 512, 40, 40, 552, 0, 0, 0};
	struct ndis_rss_params p = params(128);
	struct object o;

	make_object(&o, &p);
	assert_int_equal(o.len, 40 + 512 + 40);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(get32(&o, i * 4), header[i]);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(get32(&o, 40 + i * 4), (i + 7) % 8);
	assert_memory_equal(o.bytes + 552, ndis_rss_default_key, 40);
	assert_int_equal(ndis_rss_params_build(o.bytes, o.len - 1, &p), -E2BIG);
	assert_int_equal(ndis_rss_params_build(o.bytes, o.len, &p), o.len);
	p.n_entries = NDIS_RSS_TABLE_MAX + 1;
	assert_int_equal(ndis_rss_params_build(o.bytes, sizeof(o.bytes), &p), -EINVAL);
}

static void test_parameters_come_back_as_they_were(void **)
{
	for (uint16_t n = 1; n <= NDIS_RSS_TABLE_MAX; n *= 2) {
		struct ndis_rss_params p = params(n), read = {};
		struct object o;

		make_object(&o, &p);
		assert_int_equal(parse(&o, o.len, 8, &read), 0);
		expect_same(&read, &p);
	}
}

static void test_disabling_keeps_all_else(void **)
{
	struct ndis_rss_params p = params(128), old = params(16), off = old;
	struct object o;

	off.enabled = false;
	p.enabled = false;
	make_object(&o, &p);
	assert_int_equal(o.bytes[4], 0x10);
	assert_int_equal(parse(&o, o.len, 8, &old), 0);
	expect_same(&old, &off);
	// What else it says is not looked at.
	old = params(16);
	set32(&o, 16, 0xffffffff);
	set16(&o, 20, 1);
	assert_int_equal(parse(&o, 40, 8, &old), 0);
	expect_same(&old, &off);
}

static void test_nothing_to_hash_by_disables(void **)
{
	struct ndis_rss_params p = params(128), old = params(16);
	struct object o;

	make_object(&o, &p);
	set32(&o, 8, 0);
	assert_int_equal(parse(&o, o.len, 8, &old), 0);
	assert_false(old.enabled);
	assert_int_equal(old.n_entries, 16);
}

static void test_unchanged_parts_are_kept(void **)
{
	struct ndis_rss_params new = params(64), old, wanted;
	struct object o;

	new.hash_types = NDIS_HASH_IP4;
	memset(new.key, 0x77, sizeof(new.key));
	for (unsigned flags = 0; flags < 16; flags++) {
		old = params(16);
		old.enabled = false;
		wanted = flags & 4 ? params(16) : new;
		wanted.enabled = true;
		wanted.hash_types = flags & 2 ? old.hash_types : new.hash_types;
		memcpy(wanted.key, flags & 8 ? old.key : new.key, sizeof(wanted.key));
		make_object(&o, &new);
		set16(&o, 4, (uint16_t)flags);
		// What is unchanged may be anything.
		if (flags & 2)
			set32(&o, 8, 0);
		if (flags & 4)
			set16(&o, 12, 0);
		if (flags & 8)
			set16(&o, 20, 0);
		assert_int_equal(parse(&o, o.len, 8, &old), 0);
		expect_same(&old, &wanted);
	}
}

static void test_what_never_was_cannot_stay(void **)
{
	struct ndis_rss_params p = params(16), none = {};
	struct object o;

	make_object(&o, &p);
	set16(&o, 4, 1 << 1);
	assert_int_equal(parse(&o, o.len, 8, &none), -EINVAL);
	set16(&o, 4, 1 << 2);
	assert_int_equal(parse(&o, o.len, 8, &none), -EINVAL);
	set16(&o, 4, 0);
	assert_int_equal(parse(&o, o.len, 8, &none), 0);
	// A kept table may name channels that are gone.
	set16(&o, 4, 1 << 2);
	assert_int_equal(parse(&o, o.len, 8, &p), 0);
	assert_int_equal(parse(&o, o.len, 7, &p), -EINVAL);
}

static void test_entries_are_channels(void **)
{
	static const uint32_t bad[] = {8, 9, 255, 256, 263, 0x10000, 0x80000000, 0xffffffff};
	struct ndis_rss_params p = params(128), read = {};
	struct object o;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_object(&o, &p);
		set32(&o, 40 + 127 * 4, bad[i]);
		assert_int_equal(parse(&o, o.len, 8, &read), -EINVAL);
	}
	set32(&o, 40 + 127 * 4, 256);
	assert_int_equal(parse(&o, o.len, 1000, &read), -EINVAL);
	make_object(&o, &p);
	assert_int_equal(parse(&o, o.len, 7, &read), -EINVAL);
	assert_int_equal(parse(&o, o.len, 0, &read), -EINVAL);
	assert_int_equal(parse(&o, o.len, 8, &read), 0);
}

static void test_bad_parameters_are_refused_and_change_nothing(void **)
{
	static const struct {
		unsigned at, size;
		uint32_t value;
	} bad[] = {
		{0, 1, 0x88},
		{1, 1, 0},
		{1, 1, 1},
		{2, 2, 39},
		{2, 2, 0xffff}, // header
		{8, 4, 0x100},
		{8, 4, 0x102},
		{8, 4, 0x103},
		{8, 4, 1},
		{8, 4, 0x4001}, // hash
		{12, 2, 0},
		{12, 2, 2},
		{12, 2, 12},
		{12, 2, 63},
		{12, 2, 65}, // table
		{12, 2, 66},
		{12, 2, 1024},
		{12, 2, 0xffff},
		{16, 4, 0},
		{16, 4, 39}, //
		{16, 4, 81},
		{16, 4, 0xffffffff},
		{16, 4, 0xffffffc0}, //
		{20, 2, 0},
		{20, 2, 39},
		{20, 2, 41},
		{20, 2, 0xffff}, // key
		{24, 4, 0},
		{24, 4, 39},
		{24, 4, 105},
		{24, 4, 0xffffffd8},
		{24, 4, 0xffffffff},
	};
	const struct ndis_rss_params p = params(16), old = params(4);
	struct ndis_rss_params read = old;
	struct object o;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_object(&o, &p);
		assert_int_equal(o.len, 40 + 64 + 40);
		memcpy(o.bytes + bad[i].at, &bad[i].value, bad[i].size);
		assert_int_equal(parse(&o, o.len, 8, &read), -EINVAL);
		expect_same(&read, &old);
	}
}

static void test_every_truncation_is_refused(void **)
{
	const struct ndis_rss_params p = params(16);
	struct ndis_rss_params read = {};
	struct object o;

	make_object(&o, &p);
	for (uint32_t len = 0; len < o.len; len++)
		assert_int_equal(parse(&o, len, 8, &read), -EINVAL);
	assert_int_equal(parse(&o, o.len, 8, &read), 0);
}

static void test_arrays_in_any_order_and_newer_headers(void **)
{
	const struct ndis_rss_params p = params(2);
	struct ndis_rss_params read = {};
	struct object o;

	// Revision 3: one more word, then the key, then the table.
	make_object(&o, &p);
	o.bytes[1] = 3;
	set16(&o, 2, 44);
	set32(&o, 24, 44);
	set32(&o, 16, 84);
	memcpy(o.bytes + 44, p.key, 40);
	set32(&o, 84, 7);
	set32(&o, 88, 0);
	assert_int_equal(parse(&o, 92, 8, &read), 0);
	expect_same(&read, &p);
}

static void test_extended_ipv6_types_are_the_plain_ones(void **)
{
	const struct ndis_rss_params p = params(2);
	struct ndis_rss_params read = {};
	struct object o;

	make_object(&o, &p);
	set32(&o, 8, 0x801);
	assert_int_equal(parse(&o, o.len, 8, &read), 0);
	assert_int_equal(read.hash_types, NDIS_HASH_IP6);
	set32(&o, 8, 0x2001);
	assert_int_equal(parse(&o, o.len, 8, &read), 0);
	assert_int_equal(read.hash_types, NDIS_HASH_TCP_IP6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities_are_18_bytes_revision_2),
		cmocka_unit_test(test_capabilities_of_revision_1_have_128_entries),
		cmocka_unit_test(test_parameters_are_40_bytes_table_and_key),
		cmocka_unit_test(test_parameters_come_back_as_they_were),
		cmocka_unit_test(test_disabling_keeps_all_else),
		cmocka_unit_test(test_nothing_to_hash_by_disables),
		cmocka_unit_test(test_unchanged_parts_are_kept),
		cmocka_unit_test(test_what_never_was_cannot_stay),
		cmocka_unit_test(test_entries_are_channels),
		cmocka_unit_test(test_bad_parameters_are_refused_and_change_nothing),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_arrays_in_any_order_and_newer_headers),
		cmocka_unit_test(test_extended_ipv6_types_are_the_plain_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
