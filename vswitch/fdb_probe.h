/* SPDX-License-Identifier: BSD-3-Clause */
// The look-up proper, in as many variants as there are instruction sets.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fdb.h"

#define FDB_MIX_MASK ((1ull << 60) - 1)
#define FDB_TAG_MASK ((1ull << 48) - 1)
// What of a word must equal the mixed key for an entry in its home line: tag and distance 0.
#define FDB_HOME_MASK (FDB_TAG_MASK | 3ull << FDB_DIST_SHIFT)

#define FDB_MAX_KEYS (2 * FDB_BURST)

struct fdb_line {
	_Alignas(64) _Atomic uint64_t word[8];
};

struct fdb_table {
	// Read by every look-up, written hardly ever
	uint64_t mul; // odd
	uint64_t seed;
	uint32_t shift; // 60 - log2(lines)
	uint32_t mask;  // lines - 1
	// For 32 lines a word. Low half: a bit for each line that entries had to be pushed from;
	// a miss elsewhere is final. High half: the same, as found by the running pass of the sweep
	_Atomic uint64_t *pushed;
	uint64_t inverse; // of mul
	uint32_t *stamp;  // per slot: when the sweep last saw it seen
	_Atomic uint32_t *port_count;
	bool prefetch; // does not fit into the near caches
	size_t mapped;
	// Written by learners
	_Alignas(64) _Atomic uint32_t dynamic;
	_Atomic uint32_t statics;
	_Atomic bool wants_growth;
	_Atomic bool crowded; // a learner met a full neighbourhood
	struct fdb_line line[];
};

typedef void fdb_probe_fn(
	const struct fdb_table *t, const uint64_t *keys, uint64_t *words, unsigned n);

fdb_probe_fn fdb_probe_plain, fdb_probe_avx2, fdb_probe_avx512;

// All lines the key may lie in, one word after the other. 0: not there.
uint64_t fdb_probe_far(const struct fdb_table *t, uint64_t mixed);

// A bijection on 60 bits: each step can be undone. The fold between the products is what
// spreads regular patterns (a rack's consecutive MACs), which one product would only shift.
static inline uint64_t fdb_mix(const struct fdb_table *t, uint64_t key)
{
	uint64_t x = (key ^ t->seed) & FDB_MIX_MASK;

	x ^= x >> 30;
	x = x * t->mul & FDB_MIX_MASK;
	x ^= x >> 30;
	return x * t->mul & FDB_MIX_MASK;
}

static inline bool fdb_was_pushed(const struct fdb_table *t, uint32_t line)
{
	return atomic_load_explicit(&t->pushed[line / 32], memory_order_relaxed) >> line % 32 & 1;
}

// A miss in the home line is final if nothing was pushed out of it, except that a free word
// looks like tag 0 to the fast comparison and may hide a real one.
static inline bool fdb_miss_is_final(const struct fdb_table *t, uint64_t mixed)
{
	return !fdb_was_pushed(t, mixed >> t->shift) && (mixed & FDB_TAG_MASK) != 0;
}
