/* SPDX-License-Identifier: BSD-3-Clause */
// The look-up for any CPU.

#include "fdb_table.h"

uint64_t fdb_probe_far(const struct fdb_table *t, uint64_t mixed)
{
	uint32_t home = fdb_home(t, mixed);
	uint32_t reach = fdb_was_pushed(t, home) ? FDB_MAX_DIST : 0;

	for (uint64_t dist = 0; dist <= reach; dist++) {
		const struct fdb_line *line = &t->line[(home + dist) & t->mask];
		uint64_t want = (mixed & FDB_TAG_MASK) | dist << FDB_DIST_SHIFT;

		for (unsigned i = 0; i < FDB_SLOTS; i++) {
			uint64_t word = atomic_load_explicit(&line->word[i], memory_order_relaxed);

			if ((word & FDB_HOME_MASK) == want && fdb_word_port(word) != 0)
				return word;
		}
	}
	return 0;
}

// Eight comparisons without a branch: which slot hits is as good as random, and one wrong guess
// costs more than all of them.
static inline uint64_t probe_home(const struct fdb_table *t, uint64_t mixed)
{
	const struct fdb_line *line = &t->line[fdb_home(t, mixed)];
	uint64_t found = 0;

	for (int i = FDB_SLOTS - 1; i >= 0; i--) {
		uint64_t word = atomic_load_explicit(&line->word[i], memory_order_relaxed);

		found = ((word ^ mixed) & FDB_HOME_MASK) == 0 ? word : found;
	}
	return found;
}

void fdb_probe_plain(const struct fdb_table *t, const uint64_t *keys, uint64_t *words, unsigned n)
{
	uint64_t mixed[FDB_MAX_KEYS];

	for (unsigned i = 0; i < n; i++) {
		mixed[i] = fdb_mix(t, keys[i]);
		if (t->prefetch)
			__builtin_prefetch(&t->line[fdb_home(t, mixed[i])]);
	}
	for (unsigned i = 0; i < n; i++) {
		words[i] = probe_home(t, mixed[i]);
		if (words[i] == 0 && !fdb_miss_is_final(t, mixed[i]))
			words[i] = fdb_probe_far(t, mixed[i]);
	}
}
