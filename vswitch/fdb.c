/* SPDX-License-Identifier: BSD-3-Clause */
// The forwarding table: life, look-up and learning. Ageing and the like are in fdb_sweep.c.

#include "fdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fdb_table.h"

// How often a learner tries again when others change the same slots under its hands.
#define LEARN_TRIES 8

static const struct isa {
	const char *name;
	fdb_probe_fn *probe;
} * choose_isa(void)
{
	static const struct isa isas[] = {
		{"avx512", fdb_probe_avx512},
		{"avx2", fdb_probe_avx2},
		{"plain", fdb_probe_plain},
	};
	const char *wish = getenv("VSW_FDB_ISA");
	bool has[] = {
		__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
			__builtin_cpu_supports("bmi2"),
		__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"),
		true,
	};

	for (unsigned i = 0; wish && i < 3; i++) {
		if (has[i] && strcmp(wish, isas[i].name) == 0)
			return &isas[i];
	}
	return has[0] ? &isas[0] : has[1] ? &isas[1] : &isas[2];
}

const char *fdb_isa(void)
{
	return choose_isa()->name;
}

struct fdb *fdb_create(uint32_t ageing_s, uint32_t limit)
{
	struct fdb *fdb = aligned_alloc(_Alignof(struct fdb), sizeof(*fdb));
	struct fdb_table *t;

	if (!fdb)
		return NULL;
	memset(fdb, 0, sizeof(*fdb));
	t = fdb_table_create(FDB_MIN_LINES, NULL);
	if (!t) {
		free(fdb);
		return NULL;
	}
	atomic_init(&fdb->table, t);
	fdb->probe = choose_isa()->probe;
	fdb_set_limits(fdb, ageing_s, limit);
	return fdb;
}

void fdb_destroy(struct fdb *fdb)
{
	if (!fdb)
		return;
	fdb_table_destroy(fdb_table_of(fdb));
	free(fdb);
}

uint64_t fdb_key_of(uint16_t vlan, const uint8_t mac[6])
{
	uint64_t mac48 = 0;

	memcpy(&mac48, mac, 6); // little-endian, as x86 is
	return fdb_key(vlan, mac48);
}

void fdb_key_split(uint64_t key, uint16_t *vlan, uint8_t mac[6])
{
	*vlan = key >> 48;
	memcpy(mac, &key, 6);
}

void fdb_lookup_bulk(struct fdb *fdb, const uint64_t *keys, uint64_t *words, unsigned n)
{
	fdb->probe(fdb_table_of(fdb), keys, words, n);
}

// Takes one of at most `max`; false if there is none. Taken before the entry is inserted, so
// that learners racing each other cannot go past a limit together.
static bool reserve(_Atomic uint32_t *count, uint32_t max)
{
	// A look first: at a limit every frame of a flood of new addresses comes here, and only
	// reading keeps the line shared between the workers.
	if (atomic_load_explicit(count, memory_order_relaxed) >= max)
		return false;
	if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < max)
		return true;
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
	return false;
}

static void give_back(_Atomic uint32_t *count)
{
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
}

static void count_up(_Atomic uint64_t *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static void ask_for_growth(_Atomic bool *flag)
{
	if (!atomic_load_explicit(flag, memory_order_relaxed))
		atomic_store_explicit(flag, true, memory_order_relaxed);
}

static uint32_t port_max(uint32_t port_limit)
{
	return port_limit ? port_limit : UINT32_MAX;
}

// All results but FDB_FULL; -EAGAIN if another thread changed the slot.
static int learn_known(struct fdb *fdb, struct fdb_table *t, _Atomic uint64_t *slot, uint64_t word,
	uint16_t port, uint32_t port_limit, uint16_t *old_port)
{
	uint16_t was = fdb_word_port(word);
	uint64_t moved = (word & ~(FDB_PORT_MASK << FDB_PORT_SHIFT)) |
	                 (uint64_t)port << FDB_PORT_SHIFT | FDB_SEEN;

	if (word & FDB_STATIC) {
		if (was == port)
			return FDB_KNOWN;
		*old_port = was;
		return FDB_PINNED;
	}
	if (was == port) {
		// Written only when it is clear: the line stays shared between the workers.
		if (word & FDB_SEEN || fdb_swap(slot, word, word | FDB_SEEN))
			return FDB_KNOWN;
		return -EAGAIN;
	}
	if (!reserve(&t->port_count[port], port_max(port_limit)))
		return FDB_FULL;
	if (!fdb_swap(slot, word, moved)) {
		give_back(&t->port_count[port]);
		return -EAGAIN;
	}
	give_back(&t->port_count[was]);
	count_up(&fdb->moved);
	*old_port = was;
	return FDB_MOVED;
}

static bool is_half_full(const struct fdb_table *t)
{
	uint32_t entries = atomic_load_explicit(&t->dynamic, memory_order_relaxed) +
	                   atomic_load_explicit(&t->statics, memory_order_relaxed);

	return entries > fdb_lines(t) * (FDB_SLOTS / 2);
}

static int learn_new(struct fdb *fdb, struct fdb_table *t, _Atomic uint64_t *slot, uint32_t dist,
	uint64_t mixed, uint16_t port, uint32_t port_limit)
{
	uint64_t word;

	// Not when it has failed already: the search is long, and room is on its way.
	if (!slot && !atomic_load_explicit(&t->crowded, memory_order_relaxed))
		slot = fdb_make_room(t, mixed, &dist);
	if (!slot) {
		ask_for_growth(&t->crowded);
		ask_for_growth(&t->wants_growth);
		return FDB_FULL;
	}
	if (!reserve(&t->dynamic, atomic_load_explicit(&fdb->limit, memory_order_relaxed)))
		return FDB_FULL;
	if (!reserve(&t->port_count[port], port_max(port_limit))) {
		give_back(&t->dynamic);
		return FDB_FULL;
	}
	word = (mixed & FDB_TAG_MASK) | (uint64_t)port << FDB_PORT_SHIFT |
	       (uint64_t)dist << FDB_DIST_SHIFT | FDB_SEEN;
	if (!fdb_swap(slot, 0, word)) {
		give_back(&t->port_count[port]);
		give_back(&t->dynamic);
		return -EAGAIN;
	}
	fdb_mark_pushed(t, fdb_home(t, mixed), dist);
	count_up(&fdb->learned);
	if (is_half_full(t))
		ask_for_growth(&t->wants_growth);
	return FDB_NEW;
}

// True if a key that is not in the table is sure to be refused: a flood of new addresses is
// turned away before it costs cache misses.
static bool is_at_limit(
	const struct fdb *fdb, const struct fdb_table *t, uint16_t port, uint32_t port_limit)
{
	return atomic_load_explicit(&t->dynamic, memory_order_relaxed) >=
	               atomic_load_explicit(&fdb->limit, memory_order_relaxed) ||
	       atomic_load_explicit(&t->port_count[port], memory_order_relaxed) >=
	               port_max(port_limit);
}

enum fdb_learned fdb_learn(struct fdb *fdb, uint64_t key, uint64_t word, uint16_t port,
	uint32_t port_limit, uint16_t *old_port)
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint64_t mixed = fdb_mix(t, key);
	int result = FDB_FULL;

	if (word == 0 && is_at_limit(fdb, t, port, port_limit))
		goto full;
	for (int i = 0; i < LEARN_TRIES; i++) {
		_Atomic uint64_t *slot, *free_slot;
		uint32_t dist;

		slot = fdb_find(t, mixed, &word, &free_slot, &dist);
		if (slot)
			result = learn_known(fdb, t, slot, word, port, port_limit, old_port);
		else if (is_at_limit(fdb, t, port, port_limit))
			break;
		else
			result = learn_new(fdb, t, free_slot, dist, mixed, port, port_limit);
		if (result != -EAGAIN)
			break;
	}
	if (result >= 0 && result != FDB_FULL)
		return result;
full:
	count_up(&fdb->refused);
	return FDB_FULL;
}

// A slot for a static entry where dynamic ones took them all.
static _Atomic uint64_t *evict(struct fdb_table *t, uint64_t mixed, uint32_t *dist)
{
	for (*dist = 0; *dist <= FDB_MAX_DIST; ++*dist) {
		struct fdb_line *line = &t->line[(fdb_home(t, mixed) + *dist) & t->mask];

		for (unsigned i = 0; i < FDB_SLOTS; i++) {
			uint64_t word = fdb_load(&line->word[i]);

			if (!(word & FDB_STATIC) && fdb_remove(t, &line->word[i], word))
				return &line->word[i];
		}
	}
	return NULL;
}

// Puts the static word into `slot` in the place of `word`, which may be 0.
static bool put_static(struct fdb_table *t, _Atomic uint64_t *slot, uint64_t word, uint64_t new)
{
	if (!fdb_swap(slot, word, new))
		return false;
	if (word && !(word & FDB_STATIC)) {
		give_back(&t->port_count[fdb_word_port(word)]);
		give_back(&t->dynamic);
	}
	if (!(word & FDB_STATIC))
		atomic_fetch_add_explicit(&t->statics, 1, memory_order_relaxed);
	return true;
}

int fdb_add_static(struct fdb *fdb, uint64_t key, uint16_t port)
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint64_t mixed = fdb_mix(t, key);
	uint64_t base = (mixed & FDB_TAG_MASK) | (uint64_t)port << FDB_PORT_SHIFT | FDB_STATIC;

	for (;;) {
		uint64_t word = 0;
		_Atomic uint64_t *free_slot;
		uint32_t dist;
		_Atomic uint64_t *slot = fdb_find(t, mixed, &word, &free_slot, &dist);

		if (slot) {
			dist = fdb_word_dist(word);
		} else {
			slot = free_slot ? free_slot : evict(t, mixed, &dist);
			word = 0;
		}
		if (!slot) {
			ask_for_growth(&t->crowded);
			ask_for_growth(&t->wants_growth);
			return -ENOSPC;
		}
		if (!put_static(t, slot, word, base | (uint64_t)dist << FDB_DIST_SHIFT))
			continue;
		fdb_mark_pushed(t, fdb_home(t, mixed), dist);
		if (is_half_full(t))
			ask_for_growth(&t->wants_growth);
		return 0;
	}
}

int fdb_del(struct fdb *fdb, uint64_t key)
{
	struct fdb_table *t = fdb_table_of(fdb);
	uint64_t mixed = fdb_mix(t, key);
	int result = -ENOENT;
	_Atomic uint64_t *slot;
	uint64_t word;

	// More than one if learners raced.
	while ((slot = fdb_find(t, mixed, &word, NULL, NULL))) {
		if (fdb_remove(t, slot, word))
			result = 0;
	}
	return result;
}

void fdb_set_limits(struct fdb *fdb, uint32_t ageing_s, uint32_t limit)
{
	fdb->ageing_s = ageing_s;
	atomic_store_explicit(&fdb->limit, limit, memory_order_relaxed);
}

bool fdb_wants_growth(const struct fdb *fdb)
{
	return atomic_load_explicit(&fdb_table_of(fdb)->wants_growth, memory_order_relaxed);
}

void fdb_get_stats(const struct fdb *fdb, struct fdb_stats *stats)
{
	const struct fdb_table *t = fdb_table_of(fdb);
	uint32_t statics = atomic_load_explicit(&t->statics, memory_order_relaxed);

	*stats = (struct fdb_stats){
		.entries = atomic_load_explicit(&t->dynamic, memory_order_relaxed) + statics,
		.statics = statics,
		.slots = fdb_lines(t) * FDB_SLOTS,
		.limit = atomic_load_explicit(&fdb->limit, memory_order_relaxed),
		.learned = atomic_load_explicit(&fdb->learned, memory_order_relaxed),
		.moved = atomic_load_explicit(&fdb->moved, memory_order_relaxed),
		.aged = atomic_load_explicit(&fdb->aged, memory_order_relaxed),
		.refused = atomic_load_explicit(&fdb->refused, memory_order_relaxed),
	};
}

uint32_t fdb_port_entries(const struct fdb *fdb, uint16_t port)
{
	const struct fdb_table *t = fdb_table_of(fdb);

	return atomic_load_explicit(&t->port_count[port & FDB_PORT_MASK], memory_order_relaxed);
}
