/* SPDX-License-Identifier: BSD-3-Clause */
// The forwarding table under several learners, readers and the main thread at once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <vswitch/fdb.h>
#include <vswitch/fdb_table.h>

#define N_THREADS 3
#define NO_LIMIT  UINT32_MAX

// One thread's part, and its quiescent states: as vswitchd's workers have them.
static struct racer {
	pthread_t thread;
	_Alignas(64) _Atomic uint64_t passed;
	_Atomic bool done;
	struct fdb *fdb;
	unsigned id;
	uint32_t n_keys;
	uint32_t port_limit;
	uint64_t results[FDB_FULL + 1];
	uint64_t wrong;
} racers[N_THREADS];

static _Atomic bool stop;
static _Atomic unsigned synchronized;

static void quiescent(struct racer *racer)
{
	// Release: all uses of the old memory come before it.
	atomic_fetch_add_explicit(&racer->passed, 1, memory_order_release);
}

// Really waits: old memory is unmapped afterwards and a late reader would crash.
static void synchronize(void)
{
	uint64_t before[N_THREADS];

	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < N_THREADS; i++)
		before[i] = atomic_load(&racers[i].passed);
	for (unsigned i = 0; i < N_THREADS; i++) {
		while (!atomic_load(&racers[i].done) && atomic_load(&racers[i].passed) == before[i])
			sched_yield();
	}
	synchronized++;
}

static void start(struct fdb *fdb, void *(*run)(void *), uint32_t n_keys, uint32_t port_limit)
{
	stop = false;
	synchronized = 0;
	for (unsigned i = 0; i < N_THREADS; i++) {
		racers[i] = (struct racer){
			.fdb = fdb, .id = i, .n_keys = n_keys, .port_limit = port_limit};
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, run, &racers[i]), 0);
}

static void join(void)
{
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(racers[i].thread, NULL);
}

static uint64_t nth_key(uint32_t n)
{
	return fdb_key(n % 7, 0x5d1502u | (uint64_t)n << 24);
}

static uint16_t port_of(uint64_t key)
{
	return (key >> 24 & 0xffffff) % 100 + 1;
}

// Each thread learns all keys in an order of its own, behind the same port.
static void *learn_all(void *arg)
{
	struct racer *racer = arg;
	uint64_t keys[64], words[64];
	uint16_t old;

	for (uint32_t i = 0; i < racer->n_keys; i += 64) {
		for (uint32_t j = 0; j < 64; j++)
			keys[j] = nth_key((i + j + racer->id * 16) % racer->n_keys);
		fdb_lookup_bulk(racer->fdb, keys, words, 64);
		for (uint32_t j = 0; j < 64; j++) {
			uint16_t port = port_of(keys[j]);
			enum fdb_learned result = FDB_KNOWN;

			if (!fdb_is_settled(words[j], port))
				result = fdb_learn(racer->fdb, keys[j], words[j], port,
					racer->port_limit, &old);
			racer->results[result]++;
		}
		quiescent(racer);
	}
	atomic_store(&racer->done, true);
	return NULL;
}

// The same, with each thread behind a port of its own: everything moves all the time.
static void *fight(void *arg)
{
	struct racer *racer = arg;
	uint64_t keys[64], words[64];
	uint16_t old;

	for (uint32_t i = 0; !atomic_load(&stop); i += 64) {
		for (uint32_t j = 0; j < 64; j++)
			keys[j] = nth_key((i + j) % racer->n_keys);
		fdb_lookup_bulk(racer->fdb, keys, words, 64);
		for (uint32_t j = 0; j < 64; j++) {
			uint16_t port = racer->id + 1;

			if (words[j] & FDB_STATIC && fdb_word_port(words[j]) != 9)
				racer->wrong++;
			racer->results[fdb_learn(racer->fdb, keys[j], words[j], port, 0, &old)]++;
		}
		quiescent(racer);
	}
	atomic_store(&racer->done, true);
	return NULL;
}

// Looks static entries up, which must be there whatever else happens.
static void *read_statics(void *arg)
{
	struct racer *racer = arg;
	uint64_t keys[128], words[128];

	for (uint32_t i = 0; !atomic_load(&stop); i += 128) {
		for (uint32_t j = 0; j < 128; j++)
			keys[j] = nth_key((i + j) % racer->n_keys);
		fdb_lookup_bulk(racer->fdb, keys, words, 128);
		for (uint32_t j = 0; j < 128; j++)
			racer->wrong += fdb_word_port(words[j]) != 9;
		quiescent(racer);
	}
	atomic_store(&racer->done, true);
	return NULL;
}

struct census {
	uint32_t entries, statics;
	uint32_t port[FDB_N_PORTS];
};

static bool count(const struct fdb_entry *entry, void *arg)
{
	struct census *census = arg;

	census->entries++;
	census->statics += entry->is_static;
	census->port[entry->port] += !entry->is_static;
	return true;
}

static struct fdb_stats stats_of(const struct fdb *fdb)
{
	struct fdb_stats stats;

	fdb_get_stats(fdb, &stats);
	return stats;
}

// At rest and swept, the counts are what is there, and no key is there twice.
static void counts_are_exact(struct fdb *fdb, uint32_t now_s)
{
	struct fdb_table *t;
	struct census census = {};
	struct fdb_stats stats;
	uint32_t words = 0;

	fdb_maintain(fdb, now_s, synchronize);
	fdb_maintain(fdb, now_s + 100, synchronize);
	t = fdb_table_of(fdb);
	for (uint32_t line = 0; line < fdb_lines(t); line++) {
		for (unsigned i = 0; i < FDB_SLOTS; i++)
			words += fdb_load(&t->line[line].word[i]) != 0;
	}
	fdb_get_stats(fdb, &stats);
	fdb_walk(fdb, now_s, count, &census);
	assert_int_equal(census.entries, words);
	assert_int_equal(census.entries, stats.entries);
	assert_int_equal(census.statics, stats.statics);
	for (uint32_t port = 1; port < FDB_N_PORTS; port++)
		assert_int_equal(census.port[port], fdb_port_entries(fdb, port));
}

// All threads learn all keys while the main thread maintains. How many were refused.
static uint64_t learn_together(struct fdb *fdb, uint32_t n, uint32_t *now_s)
{
	uint64_t refused = 0;
	bool done = false;

	start(fdb, learn_all, n, 0);
	while (!done) {
		done = true;
		for (unsigned i = 0; i < N_THREADS; i++)
			done &= atomic_load(&racers[i].done);
		fdb_maintain(fdb, (*now_s)++, synchronize);
		sched_yield();
	}
	join();
	for (unsigned i = 0; i < N_THREADS; i++)
		refused += racers[i].results[FDB_FULL];
	return refused;
}

static void learners_agree(void **)
{
	const uint32_t n = 1 << 17;
	struct fdb *fdb = fdb_create(0, NO_LIMIT);
	uint32_t now = 0, grown;

	// What growing lost or came too late for is learned with the next frames: soon a round
	// passes in which nothing of the kind happens.
	do {
		grown = stats_of(fdb).slots;
		if (learn_together(fdb, n, &now) > 0)
			grown = 0;
		counts_are_exact(fdb, now);
		now += 200;
		assert_true(now < 1000000);
	} while (grown != stats_of(fdb).slots);
	assert_true(grown >= 2 * n);
	assert_int_equal(stats_of(fdb).entries, n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = nth_key(i), word;

		fdb_lookup_bulk(fdb, &key, &word, 1);
		assert_int_equal(fdb_word_port(word), port_of(key));
	}
	fdb_destroy(fdb);
}

static void limits_hold_against_all(void **)
{
	struct fdb *fdb = fdb_create(0, 3000);
	struct fdb_stats stats;

	start(fdb, learn_all, 1 << 14, 50);
	join();
	fdb_get_stats(fdb, &stats);
	assert_in_range(stats.entries, 2900, 3000);
	for (uint16_t port = 1; port <= 100; port++)
		assert_true(fdb_port_entries(fdb, port) <= 50);
	assert_true(stats.refused > 0);
	counts_are_exact(fdb, 1);
	fdb_destroy(fdb);
}

static void moves_and_flushes_race(void **)
{
	const uint32_t n = 512;
	struct fdb *fdb = fdb_create(1, NO_LIMIT);
	struct fdb_stats stats;
	uint64_t moved = 0, learned = 0;

	for (uint32_t i = 0; i < n; i += 8)
		assert_int_equal(fdb_add_static(fdb, nth_key(i), 9), 0);
	start(fdb, fight, n, 0);
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t i = round * 8 % n;

		fdb_flush(fdb, round % 4, round % 5 ? -1 : (int)(round % 7), false);
		assert_int_equal(fdb_del(fdb, nth_key(i)), 0);
		assert_int_equal(fdb_add_static(fdb, nth_key(i), 9), 0);
		fdb_maintain(fdb, round, synchronize);
		if (round % 50 == 0)
			assert_int_equal(fdb_resize(fdb, FDB_MIN_LINES << round % 3,
						 round % 100 == 0, synchronize),
				0);
	}
	stop = true;
	join();
	fdb_get_stats(fdb, &stats);
	for (unsigned i = 0; i < N_THREADS; i++) {
		assert_int_equal(racers[i].wrong, 0);
		assert_int_equal(racers[i].results[FDB_FULL], 0);
		moved += racers[i].results[FDB_MOVED];
		learned += racers[i].results[FDB_NEW];
	}
	assert_int_equal(stats.moved, moved);
	assert_int_equal(stats.learned, learned);
	counts_are_exact(fdb, 1000);
	fdb_get_stats(fdb, &stats);
	assert_int_equal(stats.statics, n / 8);
	fdb_destroy(fdb);
}

static void statics_survive_growth(void **)
{
	const uint32_t n = 1024;
	struct fdb *fdb = fdb_create(300, NO_LIMIT);

	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(fdb_add_static(fdb, nth_key(i), 9), 0);
	start(fdb, read_statics, n, 0);
	for (uint32_t i = 0; i < 200000; i++) {
		uint64_t key = fdb_key(100, i);
		uint16_t old;

		fdb_learn(fdb, key, 0, 1, 0, &old);
		if (fdb_wants_growth(fdb))
			fdb_maintain(fdb, 0, synchronize);
	}
	fdb_flush(fdb, 1, -1, false);
	for (uint32_t now = 0; now < 700; now++)
		fdb_maintain(fdb, now, synchronize);
	stop = true;
	join();
	assert_true(synchronized >= 5);
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(racers[i].wrong, 0);
	counts_are_exact(fdb, 1000);
	fdb_destroy(fdb);
}

// Twins, as two learners leave them that found the key nowhere at the same moment: made by
// hand, since they cannot be had for the asking.
static void twins_are_swept(void **)
{
	struct fdb *fdb = fdb_create(0, NO_LIMIT);
	struct fdb_table *t = fdb_table_of(fdb);
	struct census census;
	uint64_t key = nth_key(1), word;
	uint16_t old;
	uint32_t home = fdb_home(t, fdb_mix(t, key));

	for (unsigned same_line = 0; same_line < 2; same_line++) {
		_Atomic uint64_t *other = &t->line[(home + !same_line) & t->mask].word[3];

		assert_int_equal(fdb_learn(fdb, key, 0, 1, 0, &old), FDB_NEW);
		word = fdb_load(&t->line[home].word[0]);
		word ^= 3ull << FDB_PORT_SHIFT; // port 2
		atomic_store(other, word | (uint64_t)!same_line << FDB_DIST_SHIFT);
		t->dynamic++;
		t->port_count[2]++;
		fdb_mark_pushed(t, home, !same_line);

		fdb_lookup_bulk(fdb, &key, &word, 1);
		assert_int_equal(fdb_word_port(word), 1);
		assert_int_equal(stats_of(fdb).entries, 2);
		census = (struct census){};
		fdb_walk(fdb, 1, count, &census);
		assert_int_equal(census.entries, 1);
		assert_int_equal(census.port[1], 1);
		counts_are_exact(fdb, 1);
		assert_int_equal(fdb_port_entries(fdb, 1), 1);
		assert_int_equal(fdb_port_entries(fdb, 2), 0);

		// A static one behind a dynamic one stays, and is found from then on.
		assert_int_equal(fdb_del(fdb, key), 0);
		assert_int_equal(fdb_add_static(fdb, key, 5), 0);
		word = fdb_load(&t->line[home].word[0]);
		atomic_store(other, word | (uint64_t)!same_line << FDB_DIST_SHIFT);
		word = (word & FDB_TAG_MASK) | 2ull << FDB_PORT_SHIFT;
		atomic_store(&t->line[home].word[0], word);
		t->dynamic++;
		t->port_count[2]++;
		fdb_mark_pushed(t, home, !same_line);
		counts_are_exact(fdb, 1000);
		fdb_lookup_bulk(fdb, &key, &word, 1);
		assert_int_equal(fdb_word_port(word), 5);
		assert_true(word & FDB_STATIC);
		assert_int_equal(fdb_port_entries(fdb, 2), 0);
		assert_int_equal(fdb_del(fdb, key), 0);
	}
	fdb_destroy(fdb);
}

// The bit that makes misses dear goes a pass after the pushed entry, and not before.
static void pushed_lines_are_renewed(void **)
{
	struct fdb *fdb = fdb_create(0, NO_LIMIT);
	struct fdb_table *t = fdb_table_of(fdb);
	uint64_t keys[9], word;
	uint16_t old;

	for (unsigned i = 0; i < 9; i++) {
		keys[i] = fdb_unmix(t, 33ull << t->shift | (i + 1));
		assert_int_equal(fdb_learn(fdb, keys[i], 0, 1, 0, &old), FDB_NEW);
	}
	assert_true(fdb_was_pushed(t, 33));
	assert_false(fdb_was_pushed(t, 32));
	assert_false(fdb_was_pushed(t, 34));
	for (uint32_t now = 0; now < 1000; now++) {
		fdb_maintain(fdb, now, NULL);
		assert_true(fdb_was_pushed(t, 33));
		fdb_lookup_bulk(fdb, &keys[8], &word, 1);
		assert_int_equal(fdb_word_port(word), 1);
	}
	assert_int_equal(fdb_del(fdb, keys[8]), 0);
	for (uint32_t now = 1000; now < 1065; now++)
		fdb_maintain(fdb, now, NULL);
	assert_false(fdb_was_pushed(t, 33));
	fdb_destroy(fdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twins_are_swept),
		cmocka_unit_test(pushed_lines_are_renewed),
		cmocka_unit_test(learners_agree),
		cmocka_unit_test(limits_hold_against_all),
		cmocka_unit_test(moves_and_flushes_race),
		cmocka_unit_test(statics_survive_growth),
	};

	return cmocka_run_group_tests_name("fdb_race", tests, NULL, NULL);
}
