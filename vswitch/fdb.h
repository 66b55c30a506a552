/* SPDX-License-Identifier: BSD-3-Clause */
// Forwarding table of one switch: (VLAN, MAC) -> port.
//
// A bucket is one cache line of eight 64-bit words; a word is a whole entry, so readers need
// no lock and several workers learn at once by compare-and-swap:
//
//   bits 0..47   low 48 bits of the mixed key. Mixing is a bijection on 60 bits and the home
//                bucket's number begins with its top 12 bits, so nothing else need be stored:
//                a table has at least 4 096 buckets
//   bits 48..59  port id, 1..4095 (an all-zero word is free)
//   bits 60..61  distance from the home bucket (linear overflow, at most 3 lines)
//   bit  62      seen since the last sweep
//   bit  63      static: no learning, no ageing
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define FDB_BURST 64 // most frames per look-up: two keys each

#define FDB_PORT_SHIFT 48
#define FDB_PORT_MASK  0xfffull
#define FDB_DIST_SHIFT 60
#define FDB_SEEN       (1ull << 62)
#define FDB_STATIC     (1ull << 63)

struct fdb;

// mac48: the six bytes as a little-endian load gives them.
static inline uint64_t fdb_key(uint16_t vlan, uint64_t mac48)
{
	return (uint64_t)vlan << 48 | mac48;
}

uint64_t fdb_key_of(uint16_t vlan, const uint8_t mac[6]);
void fdb_key_split(uint64_t key, uint16_t *vlan, uint8_t mac[6]);

static inline uint16_t fdb_word_port(uint64_t word)
{
	return word >> FDB_PORT_SHIFT & FDB_PORT_MASK;
}

// ageing_s 0: never. limit: dynamic entries of the whole table. NULL + errno.
struct fdb *fdb_create(uint32_t ageing_s, uint32_t limit);
void fdb_destroy(struct fdb *fdb); // nobody may be reading

// --- data path: any worker -------------------------------------------------------------------

// words[i]: the entry of keys[i], or 0. n up to 2 * FDB_BURST.
// The table's memory stays valid until the caller's next quiescent state.
void fdb_lookup_bulk(struct fdb *fdb, const uint64_t *keys, uint64_t *words, unsigned n);

enum fdb_learned {
	FDB_KNOWN, // was there: marked as seen
	FDB_NEW,
	FDB_MOVED,  // was behind another port
	FDB_PINNED, // static, behind another port: not changed
	FDB_FULL,   // a limit or a full neighbourhood: not learned, counted
};

// The slow half of learning, for a frame whose source look-up gave `word` and that was not
// simply "same port and seen". port_limit: most dynamic entries behind this port, 0 = none.
// old_port is set for FDB_MOVED and FDB_PINNED.
enum fdb_learned fdb_learn(struct fdb *fdb, uint64_t key, uint64_t word, uint16_t port,
	uint32_t port_limit, uint16_t *old_port);

// True when nothing need be learned: same port, dynamic and seen, or static on this port.
static inline bool fdb_is_settled(uint64_t word, uint16_t port)
{
	return fdb_word_port(word) == port && (word & (FDB_SEEN | FDB_STATIC)) != 0;
}

// --- control: main thread --------------------------------------------------------------------

// Replaces a dynamic entry; an existing static entry is moved. 0 or -ENOSPC.
int fdb_add_static(struct fdb *fdb, uint64_t key, uint16_t port);
int fdb_del(struct fdb *fdb, uint64_t key); // static or dynamic. 0 or -ENOENT

// Deletes dynamic entries (static ones too if asked) of one port (0: all) and one VLAN
// (-1: all). Returns how many.
uint32_t fdb_flush(struct fdb *fdb, uint16_t port, int vlan, bool statics_too);

void fdb_set_limits(struct fdb *fdb, uint32_t ageing_s, uint32_t limit);

// Called about once a second: sweeps a share of the table, ages, drops duplicates that two
// workers inserted at once, and grows the table when it is half full; `synchronize` must
// return only when no worker can still hold the old memory. now_s: a monotonic clock.
void fdb_maintain(struct fdb *fdb, uint32_t now_s, void (*synchronize)(void));

// True if a learner met a full neighbourhood or a half-full table since the last maintain:
// call fdb_maintain soon.
bool fdb_wants_growth(const struct fdb *fdb);

struct fdb_stats {
	uint32_t entries; // dynamic + static
	uint32_t statics;
	uint32_t slots;
	uint32_t limit;
	uint64_t learned, moved, aged, refused;
};

void fdb_get_stats(const struct fdb *fdb, struct fdb_stats *stats);
uint32_t fdb_port_entries(const struct fdb *fdb, uint16_t port); // dynamic

struct fdb_entry {
	uint8_t mac[6];
	uint16_t vlan;
	uint16_t port;
	bool is_static;
	uint32_t age_s; // since last seen, to the sweep's resolution
};

// Calls fn for every entry until it returns false.
void fdb_walk(const struct fdb *fdb, uint32_t now_s,
	bool (*fn)(const struct fdb_entry *, void *arg), void *arg);

// "avx512", "avx2" or "plain": what this CPU gets. VSW_FDB_ISA in the environment overrides it,
// for tests and benchmarks.
const char *fdb_isa(void);
