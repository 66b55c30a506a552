/* SPDX-License-Identifier: BSD-3-Clause */
// The look-up with half a line compared at once. See fdb_avx512.c about atomicity.

#include <immintrin.h>

#include "fdb_table.h"

#define AVX2 __attribute__((target("avx2,bmi,bmi2"), no_sanitize("thread")))

// The slot that hits first; 8 if none.
AVX2 static inline unsigned first_hit(const __m256i *line, uint64_t mixed, __m256i mask)
{
	__m256i want = _mm256_set1_epi64x(mixed & FDB_TAG_MASK);
	__m256i low = _mm256_and_si256(_mm256_load_si256(line), mask);
	__m256i high = _mm256_and_si256(_mm256_load_si256(line + 1), mask);
	int low_hits = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(low, want)));
	int high_hits = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(high, want)));

	return __builtin_ctz(low_hits | high_hits << 4 | 1 << 8);
}

AVX2 void fdb_probe_avx2(
	const struct fdb_table *t, const uint64_t *keys, uint64_t *words, unsigned n)
{
	__m256i mask = _mm256_set1_epi64x(FDB_HOME_MASK);
	uint64_t mixed[FDB_MAX_KEYS];
	unsigned misses = 0;

	for (unsigned i = 0; i < n; i++) {
		mixed[i] = fdb_mix(t, keys[i]);
		if (t->prefetch)
			__builtin_prefetch(&t->line[fdb_home(t, mixed[i])]);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct fdb_line *line = &t->line[fdb_home(t, mixed[i])];
		unsigned slot = first_hit((const __m256i *)line, mixed[i], mask);
		// Read again, so compare again: a learner may have been here in between, and
		// without a hit this is slot 0, which does not match.
		uint64_t word = ((const uint64_t *)line)[slot & 7];
		bool hit = ((word ^ mixed[i]) & FDB_HOME_MASK) == 0;

		words[i] = hit ? word : 0;
		misses += words[i] == 0;
	}
	if (misses == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (words[i] == 0 && !fdb_miss_is_final(t, mixed[i]))
			words[i] = fdb_probe_far(t, mixed[i]);
	}
}
