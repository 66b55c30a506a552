/* SPDX-License-Identifier: BSD-3-Clause */
#include "channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "proto.h"

#define FLAGS_OF_SINT 256u // bytes of event flags per interrupt source in the SIEFP page
#define PLACE_TRIES   16   // of the seqlock: no more, as one who always writes has our time

struct target {
	uint64_t gpa;
	uint32_t enabled, flag;
};

// Copies what the hypervisor wrote. False if it was writing all the while: it interrupts the
// guest itself when it is done.
static bool read_place(const struct vmbus_event_place *place, struct target *t)
{
	for (int i = 0; i < PLACE_TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&place->seq, memory_order_acquire);

		t->enabled = atomic_load_explicit(&place->enabled, memory_order_relaxed);
		t->gpa = atomic_load_explicit(&place->gpa, memory_order_relaxed);
		t->flag = atomic_load_explicit(&place->flag, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if ((seq & 1) == 0 &&
			atomic_load_explicit(&place->seq, memory_order_relaxed) == seq)
			return true;
	}
	return false;
}

// The word of the event flags that holds the channel's, or NULL if there is none: the guest has
// not set up its interrupts, or wrongly.
static _Atomic uint32_t *flag_word(const struct vmbus_channel *channel, const struct target *t)
{
	uint8_t *flags;

	if (t->enabled == 0 || t->flag == 0 || t->flag > VMBUS_MAX_RELID ||
		t->gpa % GUEST_PAGE_SIZE != 0)
		return NULL;
	flags = guest_mem_at(channel->mem, t->gpa, GUEST_PAGE_SIZE);
	if (flags == NULL)
		return NULL;
	return (_Atomic uint32_t *)(flags + VMBUS_SINT * FLAGS_OF_SINT) + t->flag / 32;
}

void vmbus_channel_interrupt(struct vmbus_channel *channel)
{
	const uint64_t one = 1;
	_Atomic uint32_t *word;
	struct target t;

	if (channel->place != NULL) {
		if (!read_place(channel->place, &t))
			return;
		word = flag_word(channel, &t);
		if (word == NULL)
			return;
		if ((atomic_fetch_or(word, 1u << t.flag % 32) >> t.flag % 32 & 1) != 0) {
			channel->n_spared++;
			return;
		}
	}
	channel->n_signals++;
	// Full (EAGAIN) is as good as written; a broken one is the receiver's loss.
	if (write(channel->call_fd, &one, sizeof(one)) != sizeof(one))
		return;
}
