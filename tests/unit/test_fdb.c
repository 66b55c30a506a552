/* SPDX-License-Identifier: BSD-3-Clause */
// The forwarding table seen by one thread. Keys that meet are made by running the table's own
// mixing backwards.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/fdb.h>
#include <vswitch/fdb_table.h>

#define NO_LIMIT UINT32_MAX

// The n-th key of a rack full of guests.
static uint64_t nth_key(uint32_t n)
{
	uint8_t mac[6] = {2, 0x15, 0x5d, n >> 16, n >> 8, n};

	return fdb_key_of(n >> 24, mac);
}

// A key with this home line and this tag (as far as the line leaves a choice).
static uint64_t key_at(struct fdb *fdb, uint32_t line, uint64_t tag)
{
	struct fdb_table *t = fdb_table_of(fdb);

	return fdb_unmix(t, (uint64_t)line << t->shift | (tag & ((1ull << t->shift) - 1)));
}

// Alone and in a burst, which are ways of their own.
static uint64_t look_up(struct fdb *fdb, uint64_t key)
{
	uint64_t keys[17], words[17], word;

	for (unsigned i = 0; i < 17; i++)
		keys[i] = i % 2 ? key + i : key;
	fdb_lookup_bulk(fdb, keys, words, 17);
	fdb_lookup_bulk(fdb, &key, &word, 1);
	for (unsigned i = 0; i < 17; i += 2)
		assert_int_equal(words[i], word);
	return word;
}

// As the data path does it: look up, then learn if need be.
static enum fdb_learned learn(struct fdb *fdb, uint64_t key, uint16_t port, uint32_t port_limit)
{
	uint64_t word = look_up(fdb, key);
	uint16_t old;

	if (fdb_is_settled(word, port))
		return FDB_KNOWN;
	return fdb_learn(fdb, key, word, port, port_limit, &old);
}

static struct fdb_stats stats_of(const struct fdb *fdb)
{
	struct fdb_stats stats;

	fdb_get_stats(fdb, &stats);
	return stats;
}

// Runs a test once with each instruction set of this CPU.
static void on_each_isa(void (*test)(void))
{
	static const char *const isas[] = {"plain", "avx2", "avx512"};
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		setenv("VSW_FDB_ISA", isas[i], 1);
		if (strcmp(fdb_isa(), isas[i]) != 0)
			continue;
		n++;
		test();
	}
	unsetenv("VSW_FDB_ISA");
	assert_true(n >= 1);
}

static void isa_follows_the_wish(void **)
{
	const char *best;

	unsetenv("VSW_FDB_ISA");
	best = fdb_isa();
	setenv("VSW_FDB_ISA", "plain", 1);
	assert_string_equal(fdb_isa(), "plain");
	setenv("VSW_FDB_ISA", "abacus", 1);
	assert_string_equal(fdb_isa(), best);
	unsetenv("VSW_FDB_ISA");
}

static void key_holds_vlan_and_mac(void **)
{
	const uint8_t mac[6] = {2, 0x15, 0x5d, 1, 0xfe, 0xff};
	uint8_t back[6];
	uint16_t vlan;

	fdb_key_split(fdb_key_of(4094, mac), &vlan, back);
	assert_int_equal(vlan, 4094);
	assert_memory_equal(mac, back, 6);
	assert_int_equal(fdb_key(4094, 0xfffe015d1502), fdb_key_of(4094, mac));
}

static void mix_is_a_bijection(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	struct fdb_table *t = fdb_table_of(fdb);

	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t key = i < 50000 ? nth_key(i) : i * 0x123456789abcdfull & FDB_MIX_MASK;

		assert_int_equal(fdb_unmix(t, fdb_mix(t, key)), key);
	}
	fdb_destroy(fdb);
}

static void bulk_finds_what_was_learned(void)
{
	static const unsigned bursts[] = {1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 127, 128};
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint64_t keys[FDB_MAX_KEYS], words[FDB_MAX_KEYS + 1];

	for (uint32_t i = 0; i < 16000; i++)
		assert_int_equal(learn(fdb, nth_key(i), i % 4095 + 1, 0), FDB_NEW);
	for (unsigned b = 0; b < sizeof(bursts) / sizeof(*bursts); b++) {
		for (uint32_t first = 0; first + 128 < 16000; first += bursts[b]) {
			for (unsigned i = 0; i < bursts[b]; i++)
				keys[i] = nth_key(first + i + (i % 3 == 1 ? 1 << 20 : 0));
			words[bursts[b]] = 0xdead;
			fdb_lookup_bulk(fdb, keys, words, bursts[b]);
			assert_int_equal(words[bursts[b]], 0xdead);
			for (unsigned i = 0; i < bursts[b]; i++)
				assert_int_equal(fdb_word_port(words[i]),
					i % 3 == 1 ? 0 : (first + i) % 4095 + 1);
		}
	}
	fdb_destroy(fdb);
}

static void finds_on_each_isa(void **)
{
	on_each_isa(bulk_finds_what_was_learned);
}

// 32 keys fit into a neighbourhood; it may go round the end of the table.
static void fill_neighbourhood_at(uint32_t line)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint64_t keys[33], words[33];

	for (unsigned i = 0; i < 33; i++)
		keys[i] = key_at(fdb, line, 1000 + i);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(learn(fdb, keys[i], i + 1, 0), FDB_NEW);
	assert_false(fdb_wants_growth(fdb));
	fdb_lookup_bulk(fdb, keys, words, 33);
	for (unsigned i = 0; i < 32; i++) {
		assert_int_equal(fdb_word_port(words[i]), i + 1);
		assert_int_equal(fdb_word_dist(words[i]), i / 8);
	}
	assert_int_equal(words[32], 0);

	// The 33rd does not, until the next maintenance has seen to it.
	assert_int_equal(learn(fdb, keys[32], 33, 0), FDB_FULL);
	assert_int_equal(stats_of(fdb).refused, 1);
	assert_int_equal(fdb_port_entries(fdb, 33), 0);
	assert_true(fdb_wants_growth(fdb));
	fdb_maintain(fdb, 1, NULL);
	assert_false(fdb_wants_growth(fdb));
	assert_int_equal(learn(fdb, keys[32], 33, 0), FDB_NEW);
	fdb_lookup_bulk(fdb, keys, words, 33);
	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(fdb_word_port(words[i]), i + 1);
	assert_int_equal(stats_of(fdb).entries, 33);
	// It was bad luck, not a lack of room.
	assert_int_equal(stats_of(fdb).slots, FDB_MIN_LINES * FDB_SLOTS);
	fdb_destroy(fdb);
}

static void fill_neighbourhood(void)
{
	fill_neighbourhood_at(0);
	fill_neighbourhood_at(FDB_MIN_LINES - 1);
	fill_neighbourhood_at(FDB_MIN_LINES - 2);
}

static void full_neighbourhood_on_each_isa(void **)
{
	on_each_isa(fill_neighbourhood);
}

// Equal tags in neighbouring lines, kept apart by the distance alone.
static void keep_apart(void)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint64_t keys[40];

	for (unsigned i = 0; i < 40; i++)
		keys[i] = key_at(fdb, 77 + i / 10, 5000 + i % 10);
	for (unsigned i = 0; i < 40; i += 2)
		assert_int_equal(learn(fdb, keys[i], i + 1, 0), FDB_NEW);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, keys[i])), i % 2 ? 0 : i + 1);
	for (unsigned i = 1; i < 40; i += 2)
		assert_int_equal(learn(fdb, keys[i], i + 1, 0), FDB_NEW);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, keys[i])), i + 1);
	fdb_destroy(fdb);
}

static void equal_tags_on_each_isa(void **)
{
	on_each_isa(keep_apart);
}

// A free word in front looks like tag 0.
static void find_tag_zero(void)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint64_t zero = key_at(fdb, 9, 0), other = key_at(fdb, 9, 1);

	assert_int_equal(look_up(fdb, zero), 0);
	assert_int_equal(learn(fdb, other, 1, 0), FDB_NEW);
	assert_int_equal(learn(fdb, zero, 2, 0), FDB_NEW);
	assert_int_equal(fdb_word_port(look_up(fdb, zero)), 2);
	assert_int_equal(fdb_del(fdb, other), 0);
	assert_int_equal(fdb_word_port(look_up(fdb, zero)), 2);
	assert_int_equal(learn(fdb, zero, 2, 0), FDB_KNOWN);
	fdb_destroy(fdb);
}

static void tag_zero_on_each_isa(void **)
{
	on_each_isa(find_tag_zero);
}

// A full neighbourhood gains a slot when one of its entries can go further from its own home.
static void crowded_entries_are_pushed(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	struct fdb_stats stats;

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(learn(fdb, key_at(fdb, 103, 100 + i), 1, 0), FDB_NEW);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(learn(fdb, key_at(fdb, 100, 200 + i), 2, 0), FDB_NEW);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, key_at(fdb, 103, 100 + i))), 1);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, key_at(fdb, 100, 200 + i))), 2);
	stats = stats_of(fdb);
	assert_int_equal(stats.entries, 40);
	assert_int_equal(stats.learned, 40);
	assert_int_equal(stats.refused, 0);
	assert_int_equal(fdb_port_entries(fdb, 1), 8);
	assert_int_equal(fdb_port_entries(fdb, 2), 32);
	fdb_destroy(fdb);
}

static void limits_hold(void **)
{
	struct fdb *fdb = fdb_create(300, 100);

	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(learn(fdb, nth_key(i), 7, 10), FDB_NEW);
	assert_int_equal(learn(fdb, nth_key(10), 7, 10), FDB_FULL);
	assert_int_equal(learn(fdb, nth_key(3), 7, 10), FDB_KNOWN);
	for (uint32_t i = 100; i < 190; i++)
		assert_int_equal(learn(fdb, nth_key(i), 8, 0), FDB_NEW);
	assert_int_equal(learn(fdb, nth_key(190), 8, 0), FDB_FULL);
	// Moving needs no room in the table, but behind the port.
	assert_int_equal(learn(fdb, nth_key(100), 7, 10), FDB_FULL);
	assert_int_equal(learn(fdb, nth_key(100), 9, 0), FDB_MOVED);
	assert_int_equal(stats_of(fdb).entries, 100);
	assert_int_equal(stats_of(fdb).refused, 3);
	assert_int_equal(fdb_port_entries(fdb, 7), 10);
	assert_int_equal(fdb_port_entries(fdb, 8), 89);
	assert_int_equal(fdb_port_entries(fdb, 9), 1);

	// Static entries are an administrator's: no limit is theirs.
	assert_int_equal(fdb_add_static(fdb, nth_key(500), 7), 0);
	assert_int_equal(fdb_port_entries(fdb, 7), 10);

	fdb_set_limits(fdb, 300, 101);
	assert_int_equal(learn(fdb, nth_key(190), 8, 0), FDB_NEW);
	assert_int_equal(learn(fdb, nth_key(191), 8, 0), FDB_FULL);
	fdb_set_limits(fdb, 300, 5);
	assert_int_equal(stats_of(fdb).limit, 5);
	assert_int_equal(learn(fdb, nth_key(190), 8, 0), FDB_KNOWN);
	fdb_destroy(fdb);
}

static void station_moves(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint64_t key = nth_key(1);
	uint16_t old = 0;

	assert_int_equal(learn(fdb, key, 1, 0), FDB_NEW);
	assert_true(fdb_is_settled(look_up(fdb, key), 1));
	assert_false(fdb_is_settled(look_up(fdb, key), 2));
	assert_int_equal(fdb_learn(fdb, key, look_up(fdb, key), 2, 0, &old), FDB_MOVED);
	assert_int_equal(old, 1);
	assert_true(fdb_is_settled(look_up(fdb, key), 2));
	assert_int_equal(fdb_port_entries(fdb, 1), 0);
	assert_int_equal(fdb_port_entries(fdb, 2), 1);
	assert_int_equal(stats_of(fdb).moved, 1);
	assert_int_equal(stats_of(fdb).learned, 1);
	assert_int_equal(stats_of(fdb).entries, 1);

	// A move is a sighting too.
	fdb_maintain(fdb, 1, NULL);
	fdb_maintain(fdb, 100, NULL);
	assert_false(fdb_is_settled(look_up(fdb, key), 2));
	assert_int_equal(learn(fdb, key, 3, 0), FDB_MOVED);
	assert_true(fdb_is_settled(look_up(fdb, key), 3));
	fdb_destroy(fdb);
}

static void statics_stay(void **)
{
	struct fdb *fdb = fdb_create(10, NO_LIMIT);
	uint64_t key = nth_key(1);
	uint16_t old = 0;

	assert_int_equal(learn(fdb, key, 1, 0), FDB_NEW);
	assert_int_equal(fdb_add_static(fdb, key, 2), 0);
	assert_int_equal(stats_of(fdb).entries, 1);
	assert_int_equal(stats_of(fdb).statics, 1);
	assert_int_equal(fdb_port_entries(fdb, 1), 0);
	assert_int_equal(fdb_port_entries(fdb, 2), 0);
	assert_true(fdb_is_settled(look_up(fdb, key), 2));

	assert_int_equal(fdb_learn(fdb, key, look_up(fdb, key), 3, 0, &old), FDB_PINNED);
	assert_int_equal(old, 2);
	assert_int_equal(fdb_word_port(look_up(fdb, key)), 2);
	for (uint32_t now = 0; now < 100; now++)
		fdb_maintain(fdb, now, NULL);
	assert_int_equal(fdb_word_port(look_up(fdb, key)), 2);

	assert_int_equal(fdb_add_static(fdb, key, 4), 0);
	assert_int_equal(fdb_word_port(look_up(fdb, key)), 4);
	assert_int_equal(stats_of(fdb).statics, 1);
	assert_int_equal(fdb_del(fdb, key), 0);
	assert_int_equal(fdb_del(fdb, key), -ENOENT);
	assert_int_equal(look_up(fdb, key), 0);
	assert_int_equal(stats_of(fdb).entries, 0);
	assert_int_equal(stats_of(fdb).statics, 0);
	fdb_destroy(fdb);
}

static void statics_find_room(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);

	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(learn(fdb, key_at(fdb, 50, 100 + i), 1, 0), FDB_NEW);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(fdb_add_static(fdb, key_at(fdb, 50, 200 + i), 2), 0);
	assert_int_equal(fdb_add_static(fdb, key_at(fdb, 50, 300), 2), -ENOSPC);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, key_at(fdb, 50, 200 + i))), 2);
	assert_int_equal(stats_of(fdb).entries, 32);
	assert_int_equal(stats_of(fdb).statics, 32);
	assert_int_equal(fdb_port_entries(fdb, 1), 0);
	// The refused one asked for the room it needs.
	assert_true(fdb_wants_growth(fdb));
	fdb_destroy(fdb);
}

// Learns at `from` and maintains each second: the last second it is still there.
static uint32_t lifetime(struct fdb *fdb, uint32_t from)
{
	uint64_t key = nth_key(from);
	uint32_t now = from;

	learn(fdb, key, 1, 0);
	while (look_up(fdb, key) && now - from < 100000)
		fdb_maintain(fdb, ++now, NULL);
	return now - from - 1;
}

static void ages_in_time(void **)
{
	static const uint32_t ageing[] = {1, 2, 10, 15, 16, 60, 300, 3600};
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	uint32_t now = 5;

	for (unsigned i = 0; i < sizeof(ageing) / sizeof(*ageing); i++) {
		fdb_set_limits(fdb, ageing[i], NO_LIMIT);
		for (unsigned j = 0; j < 5; j++) {
			uint32_t slack = ageing[i] / 8 > 1 ? ageing[i] / 8 : 1;
			uint32_t life = lifetime(fdb, now);

			assert_in_range(life, ageing[i], ageing[i] + slack + 1);
			now += life + 2;
		}
	}
	assert_int_equal(stats_of(fdb).aged, 5 * sizeof(ageing) / sizeof(*ageing));
	assert_int_equal(stats_of(fdb).entries, 0);
	assert_int_equal(fdb_port_entries(fdb, 1), 0);
	fdb_destroy(fdb);
}

static void seen_entries_do_not_age(void **)
{
	struct fdb *fdb = fdb_create(10, NO_LIMIT);

	assert_int_equal(learn(fdb, nth_key(1), 1, 0), FDB_NEW);
	assert_int_equal(learn(fdb, nth_key(2), 1, 0), FDB_NEW);
	for (uint32_t now = 1; now < 200; now++) {
		fdb_maintain(fdb, now, NULL);
		if (now % 5 == 0)
			assert_int_equal(learn(fdb, nth_key(1), 1, 0), FDB_KNOWN);
	}
	assert_int_not_equal(look_up(fdb, nth_key(1)), 0);
	assert_int_equal(look_up(fdb, nth_key(2)), 0);

	// 0: never, until it is set again.
	fdb_set_limits(fdb, 0, NO_LIMIT);
	for (uint32_t now = 200; now < 100000; now += 30)
		fdb_maintain(fdb, now, NULL);
	assert_int_not_equal(look_up(fdb, nth_key(1)), 0);
	fdb_set_limits(fdb, 10, NO_LIMIT);
	for (uint32_t now = 100000; now < 100003; now++)
		fdb_maintain(fdb, now, NULL);
	assert_int_equal(look_up(fdb, nth_key(1)), 0);
	fdb_destroy(fdb);
}

static void flush_takes_what_it_should(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

	// Ports 1..4, VLANs 0..9 each, and a static one per port in VLAN 10.
	for (uint16_t port = 1; port <= 4; port++) {
		for (uint16_t vlan = 0; vlan < 10; vlan++)
			learn(fdb, fdb_key_of(vlan + 10 * port, mac), port, 0);
		for (uint16_t vlan = 100; vlan < 103; vlan++)
			learn(fdb, fdb_key(vlan, port), port, 0);
		assert_int_equal(fdb_add_static(fdb, fdb_key(100, 64 + port), port), 0);
	}
	assert_int_equal(stats_of(fdb).entries, 4 * 14);
	assert_int_equal(fdb_flush(fdb, 2, -1, false), 13);
	assert_int_equal(fdb_port_entries(fdb, 2), 0);
	assert_int_equal(fdb_port_entries(fdb, 3), 13);
	assert_int_equal(fdb_flush(fdb, 0, 100, false), 3);
	assert_int_equal(fdb_flush(fdb, 3, 101, false), 1);
	assert_int_equal(fdb_flush(fdb, 3, 100, true), 1);
	assert_int_equal(fdb_flush(fdb, 3, 100, true), 0);
	assert_int_equal(stats_of(fdb).statics, 3);
	assert_int_equal(fdb_flush(fdb, 0, -1, false), 12 + 11 + 12);
	assert_int_equal(stats_of(fdb).entries, 3);
	assert_int_equal(fdb_flush(fdb, 0, -1, true), 3);
	assert_int_equal(stats_of(fdb).entries, 0);
	fdb_destroy(fdb);
}

static void find_all(struct fdb *fdb, uint32_t n)
{
	uint64_t keys[FDB_MAX_KEYS], words[FDB_MAX_KEYS];

	for (uint32_t first = 0; first < n; first += FDB_MAX_KEYS) {
		for (uint32_t i = 0; i < FDB_MAX_KEYS; i++)
			keys[i] = nth_key(first + i);
		fdb_lookup_bulk(fdb, keys, words, FDB_MAX_KEYS);
		for (uint32_t i = 0; i < FDB_MAX_KEYS; i++)
			assert_int_equal(fdb_word_port(words[i]), (first + i) % 1000 + 1);
	}
}

static void grows_to_a_million_and_shrinks(void **)
{
	const uint32_t n = 1 << 20;
	struct fdb *fdb = fdb_create(300, n);
	uint32_t now = 0;

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(fdb_add_static(fdb, fdb_key(4000, i), 4000), 0);
	for (uint32_t i = 0; i < n; i++) {
		while (learn(fdb, nth_key(i), i % 1000 + 1, 0) == FDB_FULL)
			fdb_maintain(fdb, now, NULL);
		if (fdb_wants_growth(fdb))
			fdb_maintain(fdb, now, NULL);
	}
	assert_int_equal(learn(fdb, nth_key(n), 1, 0), FDB_FULL);
	assert_int_equal(stats_of(fdb).entries, n + 100);
	assert_int_equal(stats_of(fdb).learned, n);
	assert_in_range(stats_of(fdb).slots, 2 * n, 4 * n);
	for (uint32_t port = 1; port <= 1000; port++)
		assert_int_equal(fdb_port_entries(fdb, port), n / 1000 + (port <= n % 1000));
	find_all(fdb, n);

	// Nothing seen any more: all ages, then the room is given back.
	for (; now < 350; now++)
		fdb_maintain(fdb, now, NULL);
	assert_int_equal(stats_of(fdb).entries, 100);
	assert_int_equal(stats_of(fdb).aged, n);
	for (; now < 1000; now++)
		fdb_maintain(fdb, now, NULL);
	assert_int_equal(stats_of(fdb).slots, FDB_MIN_LINES * FDB_SLOTS);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(fdb_word_port(look_up(fdb, fdb_key(4000, i))), 4000);
	fdb_destroy(fdb);
}

struct seen {
	unsigned n, statics, stop_at;
	uint32_t oldest;
	uint8_t times[100];
};

static bool note(const struct fdb_entry *entry, void *arg)
{
	struct seen *seen = arg;
	uint32_t n = entry->mac[5];

	assert_true(n < 100);
	seen->times[n]++;
	assert_int_equal(fdb_key_of(entry->vlan, entry->mac), nth_key(n) | (uint64_t)n << 48);
	assert_int_equal(entry->port, n + 1);
	seen->n++;
	seen->statics += entry->is_static;
	if (entry->age_s > seen->oldest)
		seen->oldest = entry->age_s;
	return seen->n != seen->stop_at;
}

static void walk_lists_each_once(void **)
{
	struct fdb *fdb = fdb_create(300, NO_LIMIT);
	struct seen seen = {};

	for (uint32_t n = 0; n < 100; n++) {
		uint64_t key = nth_key(n) | (uint64_t)n << 48;

		if (n % 10 == 0)
			assert_int_equal(fdb_add_static(fdb, key, n + 1), 0);
		else
			assert_int_equal(learn(fdb, key, n + 1, 0), FDB_NEW);
	}
	fdb_walk(fdb, 0, note, &seen);
	assert_int_equal(seen.n, 100);
	assert_int_equal(seen.statics, 10);
	assert_int_equal(seen.oldest, 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(seen.times[i], 1);

	for (uint32_t now = 1; now <= 100; now++)
		fdb_maintain(fdb, now, NULL);
	seen = (struct seen){};
	fdb_walk(fdb, 100, note, &seen);
	assert_in_range(seen.oldest, 100 - 19, 100);
	seen = (struct seen){.stop_at = 5};
	fdb_walk(fdb, 100, note, &seen);
	assert_int_equal(seen.n, 5);
	fdb_destroy(fdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isa_follows_the_wish),
		cmocka_unit_test(key_holds_vlan_and_mac),
		cmocka_unit_test(mix_is_a_bijection),
		cmocka_unit_test(finds_on_each_isa),
		cmocka_unit_test(full_neighbourhood_on_each_isa),
		cmocka_unit_test(equal_tags_on_each_isa),
		cmocka_unit_test(tag_zero_on_each_isa),
		cmocka_unit_test(crowded_entries_are_pushed),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(station_moves),
		cmocka_unit_test(statics_stay),
		cmocka_unit_test(statics_find_room),
		cmocka_unit_test(ages_in_time),
		cmocka_unit_test(seen_entries_do_not_age),
		cmocka_unit_test(flush_takes_what_it_should),
		cmocka_unit_test(grows_to_a_million_and_shrinks),
		cmocka_unit_test(walk_lists_each_once),
	};

	return cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
}
