/* SPDX-License-Identifier: BSD-3-Clause */
// What the main thread does to the forwarding table: ageing, growth, flushing, listing.
//
// Learners mark an entry as seen and the sweep takes the mark away and writes down the time, so
// that a worker touches an entry at most once a pass. An entry goes at the first visit that
// finds it unmarked and its stamp old enough: not before the ageing time, and at most two
// passes after it.

#include "fdb.h"

#include <errno.h>

#include "fdb_table.h"

#define PASS_MAX_S     32  // ages shown are right to this
#define RETRY_S        10  // after a growth without memory
#define SPARSE_S       600 // nearly empty for so long: shrink
#define SPARSE_DIVISOR 16

static uint32_t pass_seconds(const struct fdb *fdb)
{
	uint32_t seconds = fdb->ageing_s / 16;

	if (fdb->ageing_s == 0 || seconds > PASS_MAX_S)
		return PASS_MAX_S;
	return seconds ? seconds : 1;
}

// Of two slots with one key, look-ups find the earlier. Keep that one unless the other is
// static, so that nothing changes for the frames.
static void sweep_twin(struct fdb_table *t, uint32_t line, unsigned index, uint64_t word)
{
	_Atomic uint64_t *slot;
	uint64_t twin;

	if (!fdb_earlier_twin(t, line, index, word, &slot, &twin))
		return;
	if ((word & FDB_STATIC) && !(twin & FDB_STATIC))
		fdb_remove(t, slot, twin);
	else
		fdb_remove(t, &t->line[line].word[index], word);
}

static void sweep_line(struct fdb *fdb, struct fdb_table *t, uint32_t line, uint32_t now_s)
{
	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		_Atomic uint64_t *slot = &t->line[line].word[i];
		uint32_t *stamp = &t->stamp[line * FDB_SLOTS + i];
		uint64_t word = fdb_load(slot);

		if (word == 0)
			continue;
		fdb_mark_pushed(t, (line - fdb_word_dist(word)) & t->mask, fdb_word_dist(word));
		if (i > 0 || fdb_word_dist(word) > 0)
			sweep_twin(t, line, i, word);
		if (word & FDB_STATIC)
			continue;
		// A change by a learner in between fails the exchange: seen, and next time's.
		if (word & FDB_SEEN) {
			if (fdb_swap(slot, word, word & ~FDB_SEEN))
				*stamp = now_s;
		} else if (fdb->ageing_s && now_s - *stamp >= fdb->ageing_s) {
			if (fdb_remove(t, slot, word))
				atomic_fetch_add_explicit(&fdb->aged, 1, memory_order_relaxed);
		}
	}
}

// A pass is over: the only lines that entries were pushed from are those that it met or that
// learners marked while it ran.
static void renew_pushed(struct fdb_table *t)
{
	for (uint32_t i = 0; i < fdb_lines(t) / 32; i++) {
		uint64_t old = atomic_load_explicit(&t->pushed[i], memory_order_relaxed);

		while (old && !atomic_compare_exchange_weak_explicit(&t->pushed[i], &old, old >> 32,
				      memory_order_relaxed, memory_order_relaxed))
			;
	}
}

static void sweep(struct fdb *fdb, uint32_t now_s)
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint32_t elapsed = fdb->clock_started ? now_s - fdb->swept_s : 1;
	uint32_t pass = pass_seconds(fdb);
	uint64_t n = fdb_lines(t);

	fdb->swept_s = now_s;
	fdb->clock_started = true;
	if (elapsed < pass)
		n = (n * elapsed + pass - 1) / pass;
	for (; n > 0; n--) {
		sweep_line(fdb, t, fdb->cursor, now_s);
		fdb->cursor = (fdb->cursor + 1) & t->mask;
		if (fdb->cursor == 0)
			renew_pushed(t);
	}
}

static uint32_t count_entries(const struct fdb_table *t)
{
	return atomic_load_explicit(&t->dynamic, memory_order_relaxed) +
	       atomic_load_explicit(&t->statics, memory_order_relaxed);
}

static void grow_if_due(struct fdb *fdb, uint32_t now_s, void (*synchronize)(void))
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint32_t entries = count_entries(t);
	uint32_t lines = fdb_lines(t);
	bool crowded = atomic_load_explicit(&t->crowded, memory_order_relaxed);

	atomic_store_explicit(&t->wants_growth, false, memory_order_relaxed);
	atomic_store_explicit(&t->crowded, false, memory_order_relaxed);
	if (fdb->retry && now_s - fdb->retry_s < RETRY_S)
		return;
	if (!crowded && entries <= lines * (FDB_SLOTS / 2))
		return;
	// A full neighbourhood in an empty table is bad luck with the constants, not a lack of
	// room: the same size with new ones will do.
	if (entries >= lines)
		lines *= 2;
	while (entries > lines * (FDB_SLOTS / 2))
		lines *= 2;
	fdb->retry = fdb_resize(fdb, lines, crowded, synchronize) < 0;
	fdb->retry_s = now_s;
}

static void shrink_if_due(struct fdb *fdb, uint32_t now_s, void (*synchronize)(void))
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint32_t lines = fdb_lines(t);
	uint32_t entries = count_entries(t);

	if (lines == FDB_MIN_LINES || entries > lines * FDB_SLOTS / SPARSE_DIVISOR) {
		fdb->sparse = false;
		return;
	}
	if (!fdb->sparse) {
		fdb->sparse = true;
		fdb->sparse_s = now_s;
	}
	if (now_s - fdb->sparse_s < SPARSE_S)
		return;
	while (lines > FDB_MIN_LINES && entries <= lines * FDB_SLOTS / SPARSE_DIVISOR)
		lines /= 2;
	fdb_resize(fdb, lines, false, synchronize);
	fdb->sparse = false;
}

void fdb_maintain(struct fdb *fdb, uint32_t now_s, void (*synchronize)(void))
{
	grow_if_due(fdb, now_s, synchronize);
	shrink_if_due(fdb, now_s, synchronize);
	sweep(fdb, now_s);
}

uint32_t fdb_flush(struct fdb *fdb, uint16_t port, int vlan, bool statics_too)
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint32_t flushed = 0;

	// The first lines twice: learners push entries on, from the last lines to the first.
	for (uint32_t n = 0; n < fdb_lines(t) + FDB_MAX_DIST; n++) {
		const uint32_t line = n & t->mask;

		for (unsigned i = 0; i < FDB_SLOTS; i++) {
			_Atomic uint64_t *slot = &t->line[line].word[i];
			uint64_t word = fdb_load(slot);

			// Again if a learner touched it in between.
			while (word != 0 && (statics_too || !(word & FDB_STATIC)) &&
				(port == 0 || fdb_word_port(word) == port) &&
				(vlan < 0 || fdb_unmix(t, fdb_word_mixed(t, word, line)) >> 48 ==
						     (unsigned)vlan)) {
				if (fdb_remove(t, slot, word)) {
					flushed++;
					break;
				}
				word = fdb_load(slot);
			}
		}
	}
	return flushed;
}

void fdb_walk(const struct fdb *fdb, uint32_t now_s,
	bool (*fn)(const struct fdb_entry *, void *arg), void *arg)
{
	struct fdb_table *t = fdb_table_of(fdb);

	for (uint32_t line = 0; line < fdb_lines(t); line++) {
		for (unsigned i = 0; i < FDB_SLOTS; i++) {
			uint64_t word = fdb_load(&t->line[line].word[i]);
			uint32_t stamp = t->stamp[line * FDB_SLOTS + i];
			struct fdb_entry entry = {
				.port = fdb_word_port(word),
				.is_static = word & FDB_STATIC,
				.age_s = word & (FDB_SEEN | FDB_STATIC) ? 0 : now_s - stamp,
			};
			_Atomic uint64_t *slot;
			uint64_t twin;

			if (word == 0 || fdb_earlier_twin(t, line, i, word, &slot, &twin))
				continue;
			fdb_key_split(fdb_unmix(t, fdb_word_mixed(t, word, line)), &entry.vlan,
				entry.mac);
			if (!fn(&entry, arg))
				return;
		}
	}
}
