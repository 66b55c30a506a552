/* SPDX-License-Identifier: BSD-3-Clause */
// One table of the forwarding database: its memory, its neighbourhoods, its successor.

#include "fdb_table.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#define HUGE_PAGE (2ul << 20)

// Lines the near caches hold anyway: prefetching them costs more than it hides.
#define NEAR_LINES (256u << 10 >> 6)

static uint64_t random_u64(void)
{
	struct timespec ts;
	uint64_t value;

	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) == sizeof(value))
		return value;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_nsec << 32 ^ ts.tv_sec) * 0x9e3779b97f4a7c15u;
}

// Each step doubles the low bits that are right; an odd number is its own inverse to 3 bits.
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd;

	for (int bits = 3; bits < 64; bits *= 2)
		inverse *= 2 - odd * inverse;
	return inverse;
}

uint64_t fdb_unmix(const struct fdb_table *t, uint64_t mixed)
{
	uint64_t x = mixed * t->inverse & FDB_MIX_MASK;

	x ^= x >> 30;
	x = x * t->inverse & FDB_MIX_MASK;
	x ^= x >> 30;
	return x ^ t->seed;
}

// Zeroed; on a huge page boundary if that is of use, with huge pages if the kernel has some.
static void *map_memory(size_t size)
{
	size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
	char *at = mmap(
		NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t skip;

	if (at == MAP_FAILED)
		return NULL;
	if (!slack)
		return at;
	skip = -(uintptr_t)at & (HUGE_PAGE - 1);
	if (skip)
		munmap(at, skip);
	if (slack > skip)
		munmap(at + skip + size, slack - skip);
	madvise(at + skip, size, MADV_HUGEPAGE);
	return at + skip;
}

struct fdb_table *fdb_table_create(uint32_t lines, const struct fdb_table *like)
{
	size_t words = sizeof(struct fdb_table) + lines * sizeof(struct fdb_line);
	size_t stamps = (size_t)lines * FDB_SLOTS * sizeof(uint32_t);
	size_t counts = FDB_N_PORTS * sizeof(uint32_t);
	size_t pushed = lines / 32 * sizeof(uint64_t);
	size_t size = (words + pushed + stamps + counts + 4095) & ~4095ul;
	struct fdb_table *t = map_memory(size);

	if (!t)
		return NULL;
	// Faults are taken here rather than by a worker that learns.
	for (size_t page = 0; page < size; page += 4096)
		((volatile char *)t)[page] = 0;
	t->mapped = size;
	t->mul = like ? like->mul : random_u64() | 1;
	t->inverse = inverse_of(t->mul);
	t->seed = like ? like->seed : random_u64() & FDB_MIX_MASK;
	t->mask = lines - 1;
	t->shift = 60 - __builtin_ctz(lines);
	t->prefetch = lines > NEAR_LINES;
	t->pushed = (_Atomic uint64_t *)((char *)t + words);
	t->stamp = (uint32_t *)((char *)t + words + pushed);
	t->port_count = (_Atomic uint32_t *)((char *)t + words + pushed + stamps);
	return t;
}

void fdb_table_destroy(struct fdb_table *t)
{
	munmap(t, t->mapped);
}

_Atomic uint64_t *fdb_find(struct fdb_table *t, uint64_t mixed, uint64_t *word,
	_Atomic uint64_t **free_slot, uint32_t *free_dist)
{
	uint32_t home = fdb_home(t, mixed);
	uint32_t reach = fdb_was_pushed(t, home) ? FDB_MAX_DIST : 0;

	if (free_slot)
		*free_slot = NULL;
	for (uint32_t dist = 0; dist <= FDB_MAX_DIST; dist++) {
		struct fdb_line *line = &t->line[(home + dist) & t->mask];
		uint64_t want = (mixed & FDB_TAG_MASK) | (uint64_t)dist << FDB_DIST_SHIFT;

		// Nobody is further away; going on is for a free slot only.
		if (dist > reach && (!free_slot || *free_slot))
			break;
		for (unsigned i = 0; i < FDB_SLOTS; i++) {
			uint64_t found = fdb_load(&line->word[i]);

			if (found == 0) {
				if (free_slot && !*free_slot) {
					*free_slot = &line->word[i];
					*free_dist = dist;
				}
			} else if ((found & FDB_HOME_MASK) == want) {
				*word = found;
				return &line->word[i];
			}
		}
	}
	return NULL;
}

void fdb_mark_pushed(struct fdb_table *t, uint32_t home, uint32_t dist)
{
	uint64_t bits = (1ull << 32 | 1) << home % 32;
	_Atomic uint64_t *word = &t->pushed[home / 32];

	if (dist == 0 || (atomic_load_explicit(word, memory_order_relaxed) & bits) == bits)
		return;
	// Both halves at once: the end of a pass comes before or after, never in between.
	atomic_fetch_or_explicit(word, bits, memory_order_relaxed);
}

bool fdb_remove(struct fdb_table *t, _Atomic uint64_t *slot, uint64_t word)
{
	if (word == 0 || !fdb_swap(slot, word, 0))
		return false;
	if (word & FDB_STATIC) {
		atomic_fetch_sub_explicit(&t->statics, 1, memory_order_relaxed);
		return true;
	}
	atomic_fetch_sub_explicit(&t->port_count[fdb_word_port(word)], 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&t->dynamic, 1, memory_order_relaxed);
	return true;
}

bool fdb_earlier_twin(struct fdb_table *t, uint32_t line, uint32_t index, uint64_t word,
	_Atomic uint64_t **slot, uint64_t *twin)
{
	uint64_t own_dist = fdb_word_dist(word);

	for (uint64_t dist = 0; dist <= own_dist; dist++) {
		struct fdb_line *at = &t->line[(line - own_dist + dist) & t->mask];
		uint64_t want = (word & FDB_TAG_MASK) | dist << FDB_DIST_SHIFT;
		unsigned end = dist == own_dist ? index : FDB_SLOTS;

		for (unsigned i = 0; i < end; i++) {
			uint64_t found = fdb_load(&at->word[i]);

			if (found != 0 && (found & FDB_HOME_MASK) == want) {
				*slot = &at->word[i];
				*twin = found;
				return true;
			}
		}
	}
	return false;
}

// Moves an entry `step` lines further from its home. Counted like any entry while there are two
// of it, so that the sweep may take either for a twin.
static bool push(struct fdb_table *t, uint32_t line, _Atomic uint64_t *slot, uint64_t word,
	_Atomic uint64_t *to, uint32_t step)
{
	uint32_t home = (line - fdb_word_dist(word)) & t->mask;
	// Seen: its stamp stays behind with the old slot.
	uint64_t copy = (word + ((uint64_t)step << FDB_DIST_SHIFT)) | FDB_SEEN;

	if (!fdb_swap(to, 0, copy))
		return false;
	atomic_fetch_add_explicit(&t->dynamic, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->port_count[fdb_word_port(word)], 1, memory_order_relaxed);
	fdb_mark_pushed(t, home, fdb_word_dist(copy));
	if (fdb_remove(t, slot, word))
		return true;
	fdb_remove(t, to, copy);
	return false;
}

// A free slot of the line, made by pushing one of its entries on, and if `depth` allows by
// pushing others out of that one's way first.
static _Atomic uint64_t *clear_slot(struct fdb_table *t, uint32_t line, unsigned depth)
{
	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		_Atomic uint64_t *slot = &t->line[line].word[i];

		if (fdb_load(slot) == 0)
			return slot;
	}
	for (unsigned i = 0; depth > 0 && i < FDB_SLOTS; i++) {
		_Atomic uint64_t *slot = &t->line[line].word[i];
		uint64_t word = fdb_load(slot);

		if (word == 0)
			return slot;
		if (word & FDB_STATIC)
			continue;
		for (uint32_t step = 1; fdb_word_dist(word) + step <= FDB_MAX_DIST; step++) {
			_Atomic uint64_t *to = clear_slot(t, (line + step) & t->mask, depth - 1);

			if (to && push(t, line, slot, word, to, step))
				return slot;
		}
	}
	return NULL;
}

_Atomic uint64_t *fdb_make_room(struct fdb_table *t, uint64_t mixed, uint32_t *dist)
{
	for (unsigned depth = 1; depth <= 2; depth++) {
		for (*dist = 0; *dist <= FDB_MAX_DIST; ++*dist) {
			uint32_t line = (fdb_home(t, mixed) + *dist) & t->mask;
			_Atomic uint64_t *slot = clear_slot(t, line, depth);

			if (slot)
				return slot;
		}
	}
	return NULL;
}

// For a table that nobody else can see yet.
static void add_alone(_Atomic uint32_t *count)
{
	atomic_store_explicit(
		count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

// Puts an entry of the old table into the new one, which nobody else can see yet.
static int copy_entry(struct fdb_table *to, uint64_t key, uint64_t word, uint32_t stamp)
{
	uint64_t mixed = fdb_mix(to, key);
	_Atomic uint64_t *free_slot;
	uint64_t flags = word & (FDB_STATIC | FDB_SEEN);
	uint16_t port = fdb_word_port(word);
	uint64_t found;
	uint32_t dist;

	if (fdb_find(to, mixed, &found, &free_slot, &dist))
		return 0; // a twin
	if (!free_slot)
		return -ENOSPC;
	atomic_store_explicit(free_slot,
		(mixed & FDB_TAG_MASK) | (uint64_t)port << FDB_PORT_SHIFT |
			(uint64_t)dist << FDB_DIST_SHIFT | flags,
		memory_order_relaxed);
	fdb_mark_pushed(to, fdb_home(to, mixed), dist);
	to->stamp[free_slot - to->line[0].word] = stamp;
	if (word & FDB_STATIC) {
		add_alone(&to->statics);
	} else {
		add_alone(&to->dynamic);
		add_alone(&to->port_count[port]);
	}
	return 0;
}

// Static entries go first: they find room, and a dynamic twin does not shadow them.
static int copy_table(struct fdb_table *from, struct fdb_table *to)
{
	for (int statics = 1; statics >= 0; statics--) {
		for (uint32_t line = 0; line < fdb_lines(from); line++) {
			for (unsigned i = 0; i < FDB_SLOTS; i++) {
				uint64_t word = fdb_load(&from->line[line].word[i]);
				uint64_t key;

				if (word == 0 || !!(word & FDB_STATIC) != statics)
					continue;
				key = fdb_unmix(from, fdb_word_mixed(from, word, line));
				if (copy_entry(to, key, word, from->stamp[line * FDB_SLOTS + i]) <
						0 &&
					statics)
					return -ENOSPC;
			}
		}
	}
	return 0;
}

int fdb_resize(struct fdb *fdb, uint32_t lines, bool remix, void (*synchronize)(void))
{
	struct fdb_table *old = fdb_table_of(fdb);

	for (;;) {
		struct fdb_table *t = fdb_table_create(lines, remix ? NULL : old);

		if (!t)
			return -ENOMEM;
		if (copy_table(old, t) == 0) {
			// Release: whoever sees the table sees what was copied into it.
			atomic_store_explicit(&fdb->table, t, memory_order_release);
			break;
		}
		// Static entries met: scatter them.
		fdb_table_destroy(t);
		lines *= 2;
		remix = true;
	}
	if (synchronize)
		synchronize();
	fdb_table_destroy(old);
	fdb->cursor = 0;
	return 0;
}
