/* SPDX-License-Identifier: BSD-3-Clause */
// The inside of a NIC, shared by the files of this folder.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netvsp.h"
#include "nvsp_proto.h"
#include "record.h"

#ifdef NETVSP_STEPS
// Tests let the provider die at each of these.
void netvsp_step(void);
#else
static inline void netvsp_step(void)
{
}
#endif

// ---- record.c: stores in the order of record.h

struct record_point {
	uint64_t seq;
	uint32_t read, write;
};

// Makes an empty record of the bytes (HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP or more).
void record_format(struct netvsp_record *r);
// 0, or -EILSEQ with the reason.
int record_check(const struct netvsp_record *r, size_t size, char *reason, size_t reason_size);
void record_commit(struct netvsp_record *r, uint32_t channel, const struct record_point *point);
// The last commit of a channel. 0; -EILSEQ: damaged.
int record_last_commit(const struct netvsp_record *r, uint32_t channel, struct record_point *point);
// Fills in the check. In force with commit state->commit of the primary.
void record_put_state(struct netvsp_record *r, struct netvsp_state *state);
// The state that was true when the primary's commit `seq` was the last; one that was not yet
// is dropped from the record. 0; -EILSEQ: damaged.
int record_take_state(struct netvsp_record *r, uint64_t seq, struct netvsp_state *state);

static inline void record_lend(struct netvsp_record *r, uint32_t section, uint32_t transaction,
	uint32_t channel, uint64_t seq)
{
	struct netvsp_section *s = &r->section[section];

	s->transaction = transaction;
	s->channel = channel;
	netvsp_step();
	atomic_store_explicit(&s->seq, seq, memory_order_release);
	netvsp_step();
}

static inline void record_free(struct netvsp_record *r, uint32_t section)
{
	atomic_store_explicit(&r->section[section].seq, 0, memory_order_release);
	netvsp_step();
}
