/* SPDX-License-Identifier: BSD-3-Clause */
// The slow half of learning: new stations, stations that moved, and what looks like a loop.
#include "datapath.h"
#include "notify.h"

// A station that moves this often within a second is not a station that moves.
#define FLAP_MOVES    10
#define FLAP_STATIONS 64 // watched at once per worker; a collision forgets the older

struct flap {
	uint64_t key;
	uint64_t since; // TSC
	uint16_t switch_id;
	uint16_t moves;
};

// Each worker sees the moves towards its own ports, which in a loop is half of them or more.
static struct flap flaps[VSW_MAX_WORKERS][FLAP_STATIONS];

static void report(const struct rx_burst *rx, uint64_t key, uint16_t other)
{
	struct notify msg = {
		.kind = NOTIFY_LOOP,
		.switch_id = rx->sw->id,
		.port_id = rx->src->id,
		.other_port_id = other,
	};

	fdb_key_split(key, &msg.vlan, msg.mac);
	notify_post(&msg);
}

static void note_move(struct worker *w, const struct rx_burst *rx, uint64_t key, uint16_t old)
{
	struct flap *f = &flaps[w->index][(key ^ key >> 17) % FLAP_STATIONS];
	uint64_t now = rte_rdtsc();

	if (f->key != key || f->switch_id != rx->sw->id || now - f->since > rte_get_tsc_hz()) {
		*f = (struct flap){.key = key, .since = now, .switch_id = rx->sw->id};
	}
	if (++f->moves == FLAP_MOVES)
		report(rx, key, old);
}

// One report a second per worker is enough for our own address coming back.
static void note_own(struct worker *w, const struct rx_burst *rx, uint64_t key, uint16_t old)
{
	static uint64_t next[VSW_MAX_WORKERS];
	uint64_t now = rte_rdtsc();

	if (now < next[w->index])
		return;
	next[w->index] = now + rte_get_tsc_hz();
	report(rx, key, old);
}

// Once a millisecond per worker is enough to have the table made larger.
static void want_growth(struct worker *w, const struct rx_burst *rx)
{
	static uint64_t next[VSW_MAX_WORKERS];
	struct notify msg = {.kind = NOTIFY_FDB_GROW, .switch_id = rx->sw->id};
	uint64_t now = rte_rdtsc();

	if (now < next[w->index])
		return;
	next[w->index] = now + rte_get_tsc_hz() / 1000;
	notify_post(&msg);
}

bool learn(struct worker *w, struct rx_burst *rx, unsigned at)
{
	const struct vsw_port *pinned;
	uint16_t old = 0;

	switch (fdb_learn(
		rx->sw->fdb, rx->key[at], rx->word[at], rx->src->id, rx->policy->mac_limit, &old)) {
	case FDB_PINNED:
		pinned = port_of(old);
		if (pinned == NULL || !pinned->is_local)
			return false;
		note_own(w, rx, rx->key[at], old);
		return true;
	case FDB_MOVED: note_move(w, rx, rx->key[at], old); return false;
	case FDB_NEW:
	case FDB_FULL:
		if (fdb_wants_growth(rx->sw->fdb))
			want_growth(w, rx);
		break;
	case FDB_KNOWN: break;
	}
	return false;
}
