/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vsp.h"

static uint32_t crc32c(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
	}
	return ~crc;
}

// Of a commit: tells a torn or foreign slot, and costs a few cycles.
static uint64_t check_of(const struct record_point *p, uint32_t channel)
{
	uint64_t x = p->seq ^ ((uint64_t)p->read << 32 | p->write) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 29 ^ channel) * 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 32;
}

static uint32_t state_check(const struct netvsp_state *s)
{
	return crc32c(s, offsetof(struct netvsp_state, check));
}

void record_format(struct netvsp_record *r)
{
	struct netvsp_state state;

	r->magic = 0;
	atomic_signal_fence(memory_order_seq_cst);
	// The sections are cleared when a guest has made some.
	memset((uint8_t *)r + sizeof(r->magic), 0,
		offsetof(struct netvsp_record, section) - sizeof(r->magic));
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++)
		record_commit(r, i, &(struct record_point){.seq = 1});
	memset(&state, 0, sizeof(state));
	record_put_state(r, &state);
	r->layout = NETVSP_RECORD_LAYOUT;
	r->size = sizeof(*r);
	atomic_signal_fence(memory_order_seq_cst);
	r->magic = NETVSP_RECORD_MAGIC;
}

int record_check(const struct netvsp_record *r, size_t size, char *reason, size_t reason_size)
{
	if (size < sizeof(*r)) {
		snprintf(reason, reason_size, "the record has %zu bytes instead of %zu", size,
			sizeof(*r));
		return -EILSEQ;
	}
	if (r->magic != NETVSP_RECORD_MAGIC) {
		snprintf(reason, reason_size, "the record begins with 0x%08x, not with 0x%08x",
			r->magic, NETVSP_RECORD_MAGIC);
		return -EILSEQ;
	}
	if (r->layout != NETVSP_RECORD_LAYOUT || r->size != sizeof(*r)) {
		snprintf(reason, reason_size,
			"the record has layout %u of %u bytes; known is %u of %zu", r->layout,
			r->size, NETVSP_RECORD_LAYOUT, sizeof(*r));
		return -EILSEQ;
	}
	return 0;
}

void record_commit(struct netvsp_record *r, uint32_t channel, const struct record_point *point)
{
	struct netvsp_commits *c = &r->commits[channel];
	struct netvsp_commit *slot = &c->slot[point->seq & 1];

	slot->read = point->read;
	netvsp_step();
	slot->write = point->write;
	netvsp_step();
	slot->check = check_of(point, channel);
	netvsp_step();
	atomic_store_explicit(&c->seq, point->seq, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	netvsp_step();
}

int record_last_commit(const struct netvsp_record *r, uint32_t channel, struct record_point *point)
{
	const struct netvsp_commits *c = &r->commits[channel];
	const struct netvsp_commit *slot;

	point->seq = atomic_load_explicit(&c->seq, memory_order_acquire);
	slot = &c->slot[point->seq & 1];
	point->read = slot->read;
	point->write = slot->write;
	OWN(*point);
	return point->seq != 0 && slot->check == check_of(point, channel) ? 0 : -EILSEQ;
}

void record_put_state(struct netvsp_record *r, struct netvsp_state *state)
{
	uint64_t seq = atomic_load_explicit(&r->state_seq, memory_order_relaxed) + 1;

	state->check = state_check(state);
	memcpy(&r->state[seq & 1], state, sizeof(*state));
	netvsp_step();
	atomic_store_explicit(&r->state_seq, seq, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	netvsp_step();
}

int record_take_state(struct netvsp_record *r, uint64_t seq, struct netvsp_state *state)
{
	uint64_t newest = atomic_load_explicit(&r->state_seq, memory_order_acquire);

	for (int i = 0; i < 2 && newest > (uint64_t)i; i++) {
		memcpy(state, &r->state[(newest - i) & 1], sizeof(*state));
		OWN(*state);
		if (state->check != state_check(state))
			return -EILSEQ;
		if (state->commit > seq)
			continue;
		if (i != 0)
			atomic_store_explicit(&r->state_seq, newest - 1, memory_order_release);
		return 0;
	}
	return -EILSEQ;
}
