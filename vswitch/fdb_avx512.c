/* SPDX-License-Identifier: BSD-3-Clause */
// The look-up with a whole line compared at once, and eight keys mixed at once.
//
// Each 64-bit lane of an aligned vector load is read whole on every CPU that has these
// instructions, which is all the atomicity a word needs. Thread sanitizers cannot know that.

#include <immintrin.h>

#include "fdb_table.h"

#define AVX512 __attribute__((target("avx512f,avx512dq,bmi,bmi2"), no_sanitize("thread")))

// Mixed keys and the byte offsets of their home lines.
struct places {
	_Alignas(64) uint64_t mixed[FDB_MAX_KEYS];
	_Alignas(64) uint64_t offset[FDB_MAX_KEYS];
};

AVX512 static inline void find_places(
	const struct fdb_table *t, const uint64_t *keys, struct places *p, unsigned n)
{
	__m512i mul = _mm512_set1_epi64(t->mul);
	__m512i seed = _mm512_set1_epi64(t->seed);
	__m512i mask = _mm512_set1_epi64(FDB_MIX_MASK);
	__m128i shift = _mm_cvtsi32_si128(t->shift);
	const char *base = (const char *)t->line;

	for (unsigned i = 0; i < n; i += 8) {
		__mmask8 some = n - i >= 8 ? 0xff : (1u << (n - i)) - 1;
		__m512i x = _mm512_maskz_loadu_epi64(some, keys + i);

		x = _mm512_and_si512(_mm512_xor_si512(x, seed), mask);
		x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 30));
		x = _mm512_and_si512(_mm512_mullo_epi64(x, mul), mask);
		x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 30));
		x = _mm512_and_si512(_mm512_mullo_epi64(x, mul), mask);
		_mm512_store_si512(p->mixed + i, x);
		x = _mm512_slli_epi64(_mm512_srl_epi64(x, shift), 6);
		_mm512_store_si512(p->offset + i, x);
		if (t->prefetch) {
			for (unsigned j = 0; j < 8; j++)
				__builtin_prefetch(base + p->offset[i + j]);
		}
	}
}

AVX512 static inline uint64_t probe_home(const void *line, uint64_t mixed, __m512i mask)
{
	__m512i words = _mm512_load_si512(line);
	__m512i differs = _mm512_xor_si512(words, _mm512_set1_epi64(mixed));
	__mmask8 hits = _mm512_testn_epi64_mask(differs, mask);

	// The first hit moves to lane 0; no hit leaves 0.
	return _mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_maskz_compress_epi64(hits, words)));
}

// A few keys, as for a burst of a single flow: no detour through memory, where reading eight
// lanes back right after fewer were stored would stall.
AVX512 static inline void probe_few(
	const struct fdb_table *t, const uint64_t *keys, uint64_t *words, unsigned n, __m512i mask)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t mixed = fdb_mix(t, keys[i]);

		words[i] = probe_home(&t->line[fdb_home(t, mixed)], mixed, mask);
		if (words[i] == 0 && !fdb_miss_is_final(t, mixed))
			words[i] = fdb_probe_far(t, mixed);
	}
}

AVX512 void fdb_probe_avx512(
	const struct fdb_table *t, const uint64_t *keys, uint64_t *words, unsigned n)
{
	__m512i mask = _mm512_set1_epi64(FDB_HOME_MASK);
	const char *base = (const char *)t->line;
	struct places p;
	unsigned misses = 0;

	if (n < 8) {
		probe_few(t, keys, words, n, mask);
		return;
	}
	find_places(t, keys, &p, n);
	for (unsigned i = 0; i < n; i++) {
		words[i] = probe_home(base + p.offset[i], p.mixed[i], mask);
		misses += words[i] == 0;
	}
	if (misses == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (words[i] == 0 && !fdb_miss_is_final(t, p.mixed[i]))
			words[i] = fdb_probe_far(t, p.mixed[i]);
	}
}
