/* SPDX-License-Identifier: BSD-3-Clause */
// One direction of a channel. The same code reads and writes on both sides of it; one thread a
// side. Data pages are mapped twice in a row, so that no record wraps as we see it. Where that
// cannot be (parts of huge pages, pages too scattered) we work on a copy that is, and bytes cross
// when a side looks or publishes.
//
// What we read and write is first private (`at`), then published: many records for one store,
// one fence and at most one signal.
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpadl.h"
#include "packet.h"

#define VMBUS_RING_MIN_PAGES            2u // header and data
#define VMBUS_RING_FEATURE_PENDING_SEND 1u

// What rings may hold of this process. A ring of more runs of pages is copied, as are all when
// the areas are used up.
#define VMBUS_RING_MAX_RUNS   8u
#define VMBUS_RING_MAX_AREAS  16384u       // of address space, by all mapped rings
#define VMBUS_RING_MAX_COPY   (4u << 20)   // bytes of a ring that is copied
#define VMBUS_RING_MAX_COPIES (2ull << 30) // bytes of all of them

struct vmbus_ring_header {
	_Atomic uint32_t write_index; // bytes, multiples of 8
	_Atomic uint32_t read_index;
	_Atomic uint32_t interrupt_mask;    // the reader's: do not signal
	_Atomic uint32_t pending_send_size; // the writer's: signal when more than this is free
	uint32_t reserved[12];
	_Atomic uint32_t feature_bits; // the writer's
};
static_assert(offsetof(struct vmbus_ring_header, feature_bits) == 64);

struct vmbus_ring {
	struct vmbus_ring_header *hdr;
	uint8_t *data;      // size bytes, then the same bytes again
	uint8_t **pages;    // those of the guest, if data is a copy; else NULL
	uint32_t size;      // of the data, multiple of a page
	uint32_t at;        // next byte to read or to write, private
	uint32_t published; // what the header says of it
	uint32_t peer;      // the other side's index as last seen and found good
	void *mapping;      // for vmbus_ring_unmap()
	size_t mapping_len;
	uint32_t n_areas; // of address space
	uint32_t flushed; // what the guest's pages have of a copy
};

// A record in the ring, its descriptor copied and checked. The body is still shared memory.
struct vmbus_packet {
	uint16_t type;
	bool wants_completion;
	uint32_t header_len;   // behind the descriptor, in bytes: 0, or at least 8 for types 7, 9
	uint32_t len;          // payload behind the header
	uint32_t total;        // of the record in the ring, with trailer
	const uint8_t *header; // shared memory
	const uint8_t *body;   // shared memory
	uint64_t transaction;
};

// Maps pages [first, first + n) of the list as a ring: one of header, the others data. The list
// may go afterwards, the memory not. -EINVAL: not page aligned or too short; -EPROTO: indices
// are not good; -E2BIG: too large to be copied, and cannot be mapped; -ENOMEM: no memory, or
// rings of this process hold too much.
int vmbus_ring_map(struct vmbus_ring *r, const struct guest_mem *mem, const struct gpadl *g,
	uint32_t first, uint32_t n);
void vmbus_ring_unmap(struct vmbus_ring *r);
// Which end we are: takes the indices over from the header (one that is no good any more counts
// as 0). Who makes a ring clears its header first.
void vmbus_ring_be_reader(struct vmbus_ring *r);
void vmbus_ring_be_writer(struct vmbus_ring *r); // and says that it uses pending_send_size

static inline uint32_t vmbus_ring_distance(const struct vmbus_ring *r, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + r->size - from;
}

static inline uint32_t vmbus_ring_after(const struct vmbus_ring *r, uint32_t at, uint32_t len)
{
	at += len;
	return at >= r->size ? at - r->size : at;
}

static inline bool vmbus_ring_index_is_good(const struct vmbus_ring *r, uint32_t index)
{
	return index < r->size && (index & 7) == 0;
}

// ---- reader

// Checks the descriptor at `at`, of which r->peer says that there is one. 1 or -EPROTO.
static inline int vmbus_ring_parse(const struct vmbus_ring *r, struct vmbus_packet *p)
{
	const uint8_t *record = r->data + r->at;
	// Read once, in whatever pieces: the guest may be changing it.
	const uint64_t *words = (const uint64_t *)record;
	uint64_t d = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	uint32_t type = d & 0xffff, offset8 = d >> 16 & 0xffff, len8 = d >> 32 & 0xffff;
	uint32_t flags = d >> 48;
	// Ranges have a header of their own.
	uint32_t least = 2 + ((type < 32 ? VMBUS_PACKETS_WITH_RANGES : 0) >> (type & 31) & 1);

	p->transaction = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
	p->total = len8 * 8 + VMBUS_TRAILER;
	if ((type < 32 ? VMBUS_PACKETS_KNOWN >> type & 1 : 0) == 0 || offset8 < least ||
		len8 < offset8 || flags > VMBUS_PACKET_WANTS_COMPLETION ||
		p->total > vmbus_ring_distance(r, r->at, r->peer))
		return -EPROTO;
	p->type = type;
	p->wants_completion = flags;
	p->header_len = offset8 * 8 - 16;
	p->len = (len8 - offset8) * 8;
	p->header = record + 16;
	p->body = record + offset8 * 8;
	return 1;
}

// Between a copy and the guest's pages: brings [at, peer), and takes [flushed, at) back.
void vmbus_ring_copy_in(struct vmbus_ring *r);
void vmbus_ring_copy_out(struct vmbus_ring *r);

// Looks at the next record without taking it. 1, 0: none, -EPROTO: what is there is none, and
// the ring is of no more use.
static inline int vmbus_ring_peek(struct vmbus_ring *r, struct vmbus_packet *p)
{
	if (r->peer == r->at) {
		uint32_t write = atomic_load_explicit(&r->hdr->write_index, memory_order_acquire);

		if (write == r->at)
			return 0;
		// Nor can it be behind us, in what was not given back yet.
		if (!vmbus_ring_index_is_good(r, write) ||
			vmbus_ring_distance(r, r->published, write) <
				vmbus_ring_distance(r, r->published, r->at))
			return -EPROTO;
		r->peer = write;
		if (r->pages != NULL)
			vmbus_ring_copy_in(r);
	}
	return vmbus_ring_parse(r, p);
}

static inline void vmbus_ring_take(struct vmbus_ring *r, const struct vmbus_packet *p)
{
	r->at = vmbus_ring_after(r, r->at, p->total);
}

// Gives back what was taken. True: the writer waits for room and must be signalled, whatever
// mask the other ring has.
bool vmbus_ring_publish_read(struct vmbus_ring *r);

static inline void vmbus_ring_mask(struct vmbus_ring *r)
{
	atomic_store_explicit(&r->hdr->interrupt_mask, 1, memory_order_relaxed);
}

// Asks to be signalled. False: there is something to read already; mask again and go on.
static inline bool vmbus_ring_unmask(struct vmbus_ring *r)
{
	atomic_store_explicit(&r->hdr->interrupt_mask, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&r->hdr->write_index, memory_order_acquire) == r->at;
}

// ---- writer

// Bytes that can still be put, trailer included. Looks at the reader's index only if the last
// look does not give `want`; an index that is no good counts as no progress.
static inline uint32_t vmbus_ring_room(struct vmbus_ring *r, uint32_t want)
{
	uint32_t room = r->size - vmbus_ring_distance(r, r->peer, r->at) - 8;

	if (room < want) {
		uint32_t read = atomic_load_explicit(&r->hdr->read_index, memory_order_acquire);

		// The reader can only come closer to us.
		if (vmbus_ring_index_is_good(r, read) &&
			vmbus_ring_distance(r, read, r->at) <=
				vmbus_ring_distance(r, r->peer, r->at))
			r->peer = read;
		room = r->size - vmbus_ring_distance(r, r->peer, r->at) - 8;
	}
	return room;
}

// Room that a record takes: descriptor, header, payload padded to 8, trailer.
static inline uint32_t vmbus_record_size(uint32_t header_len, uint32_t len)
{
	return 16 + header_len + ((len + 7) & ~7u) + VMBUS_TRAILER;
}

// Puts a record and returns where its header, then its payload (len bytes, padded with what the
// ring held: clear what matters) go; NULL if there is no room. header_len a multiple of 8.
static inline uint8_t *vmbus_ring_put(struct vmbus_ring *r, uint16_t type, bool wants_completion,
	uint64_t transaction, uint32_t header_len, uint32_t len)
{
	uint32_t size = vmbus_record_size(header_len, len), start = r->at;
	uint8_t *record = r->data + start;
	struct vmbus_descriptor d = {
		.type = type,
		.offset8 = (16 + header_len) / 8,
		.len8 = (size - VMBUS_TRAILER) / 8,
		.flags = wants_completion ? VMBUS_PACKET_WANTS_COMPLETION : 0,
		.transaction = transaction,
	};

	if (vmbus_ring_room(r, size) < size)
		return NULL;
	__builtin_memcpy(record, &d, sizeof(d));
	*(uint64_t *)(record + size - VMBUS_TRAILER) = (uint64_t)start << 32;
	r->at = vmbus_ring_after(r, start, size);
	return record + sizeof(d);
}

// All that was put is in the guest's pages from here on, though not visible yet: for who notes,
// before publishing, that it will.
static inline void vmbus_ring_flush(struct vmbus_ring *r)
{
	if (r->pages != NULL)
		vmbus_ring_copy_out(r);
}

// Makes what was put visible. True: the reader must be signalled.
static inline bool vmbus_ring_publish_write(struct vmbus_ring *r)
{
	uint32_t old = r->published;

	if (r->at == old)
		return false;
	vmbus_ring_flush(r);
	atomic_store_explicit(&r->hdr->write_index, r->at, memory_order_release);
	r->published = r->at;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&r->hdr->interrupt_mask, memory_order_relaxed) != 0)
		return false;
	// Empty before this batch: the reader has seen all that was there and may sleep.
	return atomic_load_explicit(&r->hdr->read_index, memory_order_relaxed) == old;
}

// Waits for room: asks the reader to signal once more than `size` bytes are free, which is when
// vmbus_ring_room() gives `size`; look at that once more afterwards. 0: no more.
static inline void vmbus_ring_want_room(struct vmbus_ring *r, uint32_t size)
{
	atomic_store_explicit(&r->hdr->pending_send_size, size, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}
