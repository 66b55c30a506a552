/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring.h"

static uint32_t good_or_zero(const struct vmbus_ring *r, uint32_t index)
{
	return vmbus_ring_index_is_good(r, index) ? index : 0;
}

void vmbus_ring_be_reader(struct vmbus_ring *r)
{
	r->at = r->published = good_or_zero(r, atomic_load(&r->hdr->read_index));
	r->peer = r->at;
}

void vmbus_ring_be_writer(struct vmbus_ring *r)
{
	r->at = r->published = r->flushed = good_or_zero(r, atomic_load(&r->hdr->write_index));
	r->peer = good_or_zero(r, atomic_load(&r->hdr->read_index));
	atomic_store_explicit(&r->hdr->pending_send_size, 0, memory_order_relaxed);
	atomic_fetch_or(&r->hdr->feature_bits, VMBUS_RING_FEATURE_PENDING_SEND);
}

bool vmbus_ring_publish_read(struct vmbus_ring *r)
{
	uint32_t taken = vmbus_ring_distance(r, r->published, r->at);
	uint32_t pending, write, room;

	if (taken == 0)
		return false;
	// Release: all that was taken has been read before the writer may write over it.
	atomic_store_explicit(&r->hdr->read_index, r->at, memory_order_release);
	r->published = r->at;
	if ((atomic_load_explicit(&r->hdr->feature_bits, memory_order_relaxed) &
		    VMBUS_RING_FEATURE_PENDING_SEND) == 0)
		return false;
	// Either we see that it waits, or it sees the room.
	atomic_thread_fence(memory_order_seq_cst);
	pending = atomic_load_explicit(&r->hdr->pending_send_size, memory_order_relaxed);
	if (pending == 0)
		return false;
	write = atomic_load_explicit(&r->hdr->write_index, memory_order_acquire);
	if (!vmbus_ring_index_is_good(r, write))
		return false;
	room = r->size - vmbus_ring_distance(r, r->at, write);
	// Only when it changes: there was not more room than that before.
	return room > pending && (int64_t)room - taken <= pending;
}
