/* SPDX-License-Identifier: BSD-3-Clause */
// Inside of the forwarding table, for fdb*.c only.
//
// A table is one mapping: this head, the lines, then marks of the lines that entries were pushed
// from, a stamp per slot (seconds, main thread only) and a count of dynamic entries per port. Its
// size and its mixing constants never change; growing means a new table. The counts live in the
// table so that whatever a learner does to a table that has just been replaced vanishes together
// with its counting.
//
// A word is a whole entry and depends on no other memory, so words are read and written
// relaxed: whoever loads a word has all there is to know. Counts are sums that nobody derives
// a pointer from: relaxed too. Only the table's pointer publishes other memory: release when
// stored, acquire when loaded.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "fdb.h"
#include "fdb_probe.h"

#define FDB_SLOTS     8
#define FDB_MAX_DIST  3
#define FDB_MIN_LINES 4096u // the home line's number must hold the 12 mixed bits not in the tag
#define FDB_N_PORTS   (VSW_MAX_PORTS + 1)

struct fdb {
	_Atomic(struct fdb_table *) table;
	fdb_probe_fn *probe;
	_Atomic uint32_t limit;
	uint32_t ageing_s;
	// Sweep, main thread only
	uint32_t swept_s;   // clock of the last maintain
	bool clock_started; // swept_s is set
	uint32_t cursor;    // next line
	uint32_t sparse_s;  // since when the table is nearly empty
	bool sparse;
	uint32_t retry_s; // no growth before: the last one found no memory
	bool retry;
	_Atomic uint64_t aged;
	// Written by learners: away from what the look-up reads
	_Alignas(64) _Atomic uint64_t learned;
	_Atomic uint64_t moved;
	_Atomic uint64_t refused;
};

// A key's place in one table: the mixed key; the line is its top bits, the tag its low ones.
static inline uint32_t fdb_home(const struct fdb_table *t, uint64_t mixed)
{
	return mixed >> t->shift;
}

static inline uint32_t fdb_word_dist(uint64_t word)
{
	return word >> FDB_DIST_SHIFT & 3;
}

// The mixed key of a word that lies in `line`.
static inline uint64_t fdb_word_mixed(const struct fdb_table *t, uint64_t word, uint32_t line)
{
	uint32_t home = (line - fdb_word_dist(word)) & t->mask;
	// All but the line's top 12 bits are in the tag already.
	uint64_t top = (uint64_t)home << t->shift & ~FDB_TAG_MASK;

	return top | (word & FDB_TAG_MASK);
}

uint64_t fdb_unmix(const struct fdb_table *t, uint64_t mixed);

static inline uint64_t fdb_load(_Atomic uint64_t *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

static inline bool fdb_swap(_Atomic uint64_t *slot, uint64_t old, uint64_t new)
{
	return atomic_compare_exchange_strong_explicit(
		slot, &old, new, memory_order_relaxed, memory_order_relaxed);
}

static inline struct fdb_table *fdb_table_of(const struct fdb *fdb)
{
	return atomic_load_explicit(&fdb->table, memory_order_acquire);
}

static inline uint32_t fdb_lines(const struct fdb_table *t)
{
	return t->mask + 1;
}

// Main thread. NULL + errno. Mixes like `like`, or with new constants if that is NULL.
struct fdb_table *fdb_table_create(uint32_t lines, const struct fdb_table *like);
void fdb_table_destroy(struct fdb_table *t);

// Replaces the table by one of `lines` lines. With the same mixing its lines are filled in the
// order in which the old ones are read, which is several times as fast; `remix` breaks up a
// crowd. Dynamic entries that find no place, or that learners touch meanwhile, may be lost;
// static ones never are. 0 or -errno, the old table then stays.
int fdb_resize(struct fdb *fdb, uint32_t lines, bool remix, void (*synchronize)(void));

// The slot that holds the key, and its word; NULL if none. *free_slot (if asked for) is the
// first free one of the neighbourhood and *free_dist its distance, or NULL.
_Atomic uint64_t *fdb_find(struct fdb_table *t, uint64_t mixed, uint64_t *word,
	_Atomic uint64_t **free_slot, uint32_t *free_dist);

// Tells readers that an entry lies `dist` lines from its home. Call it after the entry is in its
// slot: then either the running pass of the sweep meets the entry or the next one knows this call.
void fdb_mark_pushed(struct fdb_table *t, uint32_t home, uint32_t dist);

// Pushes a dynamic entry of a full neighbourhood further on. The slot it left, or NULL.
_Atomic uint64_t *fdb_make_room(struct fdb_table *t, uint64_t mixed, uint32_t *dist);

// Takes a word out and gives its counts back; false if a learner changed it meanwhile.
bool fdb_remove(struct fdb_table *t, _Atomic uint64_t *slot, uint64_t word);

// True if the same key stands in an earlier slot of its neighbourhood, where look-ups find it
// first; *slot and *word are set to that one.
bool fdb_earlier_twin(struct fdb_table *t, uint32_t line, uint32_t index, uint64_t word,
	_Atomic uint64_t **slot, uint64_t *twin);
