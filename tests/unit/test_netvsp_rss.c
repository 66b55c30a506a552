/* SPDX-License-Identifier: BSD-3-Clause */
// Sub-channels and RSS: guest-abi §11.5 and §12.4.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#include "model_guest.h"

#define QUEUES 4

static struct model_guest g;
static struct model_host h;

static int start(void **)
{
	const struct model_options o = {.n_channels = QUEUES, .max_queues = 8};

	model_pair(&g, &h, &o);
	return 0;
}

static int stop(void **)
{
	model_part(&g, &h);
	return 0;
}

// A TCP segment of one flow.
static const uint8_t *tcp4(uint32_t flow)
{
	static uint8_t frame[64];

	memset(frame, 0, sizeof(frame));
	memcpy(frame, (const uint8_t[]){2, 0x15, 0x5d, 0, 0, 1}, 6);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[17] = 50;
	frame[23] = 6;
	memcpy(frame + 26, (const uint8_t[]){10, 77, 0, 1, 10, 77, 0, 2}, 8);
	frame[34] = flow >> 8;
	frame[35] = flow;
	frame[37] = 80;
	return frame;
}

static ndis_status set_rss(const struct ndis_rss_params *p)
{
	uint8_t value[1024];
	int len = ndis_rss_params_build(value, sizeof(value), p);

	assert_true(len > 0);
	return model_set(&g, OID_GEN_RECEIVE_SCALE_PARAMETERS, value, len);
}

static struct ndis_rss_params params(uint32_t n_entries)
{
	struct ndis_rss_params p = {
		.enabled = true,
		.hash_types = NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4,
		.n_entries = n_entries,
	};

	memcpy(p.key, ndis_rss_default_key, sizeof(p.key));
	return p;
}

// Capabilities: at least one queue, a table of 128, even for one (trap of the DPDK driver)
static void test_capabilities(void **)
{
	struct ndis_rss_caps caps;
	struct model_guest g2;
	struct model_host h2;
	const struct model_options one = {}, old = {.version = NVSP_VERSION_4, .max_queues = 8};
	uint8_t value[64];
	int len = model_query(
		&g, OID_GEN_RECEIVE_SCALE_CAPABILITIES, NULL, 0, value, sizeof(value), NULL);

	assert_int_equal(ndis_rss_caps_parse(value, len, &caps), 0);
	assert_int_equal(caps.n_queues, 8);
	assert_int_equal(caps.n_indirection, 128);
	for (int i = 0; i < 2; i++) {
		model_pair(&g2, &h2, i == 0 ? &one : &old);
		len = model_query(&g2, OID_GEN_RECEIVE_SCALE_CAPABILITIES, NULL, 0, value,
			sizeof(value), NULL);
		assert_int_equal(ndis_rss_caps_parse(value, len, &caps), 0);
		assert_int_equal(caps.n_queues, 1);
		assert_int_equal(caps.n_indirection, 128);
		model_part(&g2, &h2);
	}
}

// Flows spread evenly, and each stays where it is
static void test_flows_spread_and_stay(void **)
{
	uint32_t n[QUEUES] = {}, hash, again;

	for (uint32_t flow = 0; flow < 4000; flow++) {
		assert_true(netvsp_hash(h.vsp, tcp4(flow), 64, &hash));
		assert_true(netvsp_hash(h.vsp, tcp4(flow), 64, &again));
		assert_int_equal(hash, again);
		n[netvsp_queue_of(h.vsp, hash)]++;
	}
	for (int q = 0; q < QUEUES; q++)
		assert_in_range(n[q], 850, 1150);
}

// A key of zeros, as Linux sends it after "ethtool -L" went to one channel and up again, spreads
// too
static void test_flows_spread_without_a_key(void **)
{
	struct ndis_rss_params p = params(QUEUES);
	uint32_t n[QUEUES] = {}, hash;

	memcpy(p.table, (const uint8_t[]){0, 1, 2, 3}, QUEUES);
	memset(p.key, 0, sizeof(p.key));
	assert_int_equal(set_rss(&p), NDIS_STATUS_SUCCESS);
	for (uint32_t flow = 0; flow < 4000; flow++) {
		assert_true(netvsp_hash(h.vsp, tcp4(flow), 64, &hash));
		n[netvsp_queue_of(h.vsp, hash)]++;
	}
	for (int q = 0; q < QUEUES; q++)
		assert_in_range(n[q], 850, 1150);
}

// What Microsoft's verification suite says of the hash: 66.9.149.187:2794 to 161.142.100.80:1766
static void test_known_hash(void **)
{
	uint8_t frame[64];
	uint32_t hash;

	memcpy(frame, tcp4(0), 64);
	memcpy(frame + 26, (const uint8_t[]){66, 9, 149, 187, 161, 142, 100, 80}, 8);
	memcpy(frame + 34, (const uint8_t[]){2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255}, 4);
	assert_true(netvsp_hash(h.vsp, frame, 64, &hash));
	assert_int_equal(hash, 0x51ccc178);
}

// §12.4: a table's entry is the channel to deliver on
static void test_table_names_channels(void **)
{
	struct ndis_rss_params p = params(4);

	memcpy(p.table, (const uint8_t[]){3, 1, 2, 1}, 4);
	assert_int_equal(set_rss(&p), NDIS_STATUS_SUCCESS);
	for (uint32_t hash = 0; hash < 1000; hash++)
		assert_int_equal(netvsp_queue_of(h.vsp, hash * 977), p.table[hash * 977 % 4]);
}

// §16: entries below the number of channels, a key of 40 bytes, a table that is one; OpenVMM #3183:
// no division by a table of no entries
static void test_bad_parameters_change_nothing(void **)
{
	struct ndis_rss_params p = params(4);
	uint8_t value[1024];
	uint16_t word;
	int len;

	assert_int_equal(set_rss(&p), NDIS_STATUS_SUCCESS);
	p.table[2] = QUEUES;
	assert_int_equal(set_rss(&p), NDIS_STATUS_INVALID_DATA);
	p.table[2] = 255;
	assert_int_equal(set_rss(&p), NDIS_STATUS_INVALID_DATA);
	p.table[2] = 1;
	len = ndis_rss_params_build(value, sizeof(value), &p);
	for (uint32_t at = 12; at < 28; at += 2) {
		static const uint16_t words[] = {0, 3, 0xffff, 0x8000, 41};

		for (unsigned i = 0; i < 5; i++) {
			uint8_t bad[1024];

			if ((at == 14 || at == 22)) // padding
				continue;
			memcpy(bad, value, len);
			word = words[i];
			memcpy(bad + at, &word, 2);
			if (memcmp(bad, value, len) == 0)
				continue;
			model_set(&g, OID_GEN_RECEIVE_SCALE_PARAMETERS, bad, len);
			netvsp_queue_of(h.vsp, 0x12345);
		}
	}
	for (int n = 0; n < len; n++)
		assert_int_equal(model_set(&g, OID_GEN_RECEIVE_SCALE_PARAMETERS, value, n),
			NDIS_STATUS_INVALID_DATA);
}

// Disabled: all on the primary, and no hash
static void test_disabled(void **)
{
	uint32_t hash;

	model_set_rss(&g, false);
	assert_false(netvsp_hash(h.vsp, tcp4(1), 64, &hash));
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(netvsp_queue_of(h.vsp, i), 0);
	model_set_rss(&g, true);
	assert_true(netvsp_hash(h.vsp, tcp4(1), 64, &hash));
}

// Another key, another hash
static void test_key_is_used(void **)
{
	struct ndis_rss_params p = params(4);
	uint32_t before, after;

	assert_true(netvsp_hash(h.vsp, tcp4(1), 64, &before));
	for (unsigned i = 0; i < sizeof(p.key); i++)
		p.key[i] = 7 * i + 1;
	assert_int_equal(set_rss(&p), NDIS_STATUS_SUCCESS);
	assert_true(netvsp_hash(h.vsp, tcp4(1), 64, &after));
	assert_int_not_equal(before, after);
}

// A channel that is closed, or broken, gets nothing: its flows go to the primary
static void test_closed_channels_are_left_out(void **)
{
	model_close(&g, 3);
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(netvsp_queue_of(h.vsp, i), i % 4 == 3 ? 0 : i % 4);
	atomic_store(&g.channel[2].out.hdr->write_index, 3);
	model_turn(&g);
	model_turn(&g);
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(netvsp_queue_of(h.vsp, i), i % 4 == 1 ? 1 : 0);
}

// §11.6: sections are divided, so that one channel cannot starve the others; 16 are for control
static void test_sections_are_divided(void **)
{
	struct netvsp_status s;
	uint32_t sum = 0;

	netvsp_get_status(h.vsp, &s);
	for (uint32_t q = 0; q < QUEUES; q++) {
		assert_in_range(s.queue[q].sections, (g.n_sections - 16) / QUEUES,
			(g.n_sections - 16) / QUEUES + QUEUES);
		sum += s.queue[q].sections;
	}
	assert_int_equal(sum, g.n_sections - 16);
}

// Sections lent before sub-channels were granted come back to whom they belong by then
static void test_sections_lent_before_the_division(void **)
{
	const struct model_options o = {.max_queues = 4};
	struct model_guest g2;
	struct model_host h2;
	struct netvsp_status s;

	model_pair(&g2, &h2, &o);
	g2.hold = true;
	for (int i = 0; i < 600; i++)
		assert_int_equal(model_host_send(&h2, 0, tcp4(0), 64, NULL), 0);
	model_poll(&g2);
	g2.o.n_channels = 4;
	model_subchannels(&g2);
	g2.hold = false;
	for (int i = 0; i < 20; i++)
		model_turn(&g2);
	netvsp_get_status(h2.vsp, &s);
	for (uint32_t q = 0; q < 4; q++) {
		assert_int_equal(s.queue[q].sections_lent, 0);
		for (int i = 0; i < 100; i++)
			assert_int_equal(model_host_send(&h2, q, tcp4(0), 64, NULL), 0);
	}
	model_part(&g2, &h2);
}

// OpenVMM #2232: the filter was set before all sub-channels were open
static void test_filter_before_subchannels(void **)
{
	const struct model_options o = {.max_queues = 4};
	struct model_guest g2;
	struct model_host h2;

	model_pair(&g2, &h2, &o);
	g2.o.n_channels = 4;
	model_subchannels(&g2);
	for (uint32_t q = 0; q < 4; q++)
		assert_int_equal(model_host_send(&h2, q, tcp4(0), 64, NULL), 0);
	model_part(&g2, &h2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_capabilities),
		TEST(test_flows_spread_and_stay),
		TEST(test_flows_spread_without_a_key),
		TEST(test_known_hash),
		TEST(test_table_names_channels),
		TEST(test_bad_parameters_change_nothing),
		TEST(test_disabled),
		TEST(test_key_is_used),
		TEST(test_closed_channels_are_left_out),
		TEST(test_sections_are_divided),
		cmocka_unit_test(test_sections_lent_before_the_division),
		cmocka_unit_test(test_filter_before_subchannels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
