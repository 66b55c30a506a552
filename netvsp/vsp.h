/* SPDX-License-Identifier: BSD-3-Clause */
// The inside of a NIC, shared by the files of this folder.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ndis_compat/ndis_offload.h>
#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/rndis.h>

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

	atomic_signal_fence(memory_order_seq_cst);
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

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// Lines that are written soon: they come as our own. Every x86-64 has the instruction, if only to
// ignore it; compilers do not count on that.
static inline void prefetch_to_write(const void *at)
{
#ifdef __x86_64__
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)at));
#else
	__builtin_prefetch(at, 1);
#endif
}

// A private copy of shared memory: the compiler must not look at the original again instead.
#define OWN(x) __asm__ volatile("" : "+m"(x))

#define CONTROL_SECTIONS 16u // of the receive buffer, for control messages
#define SECTION_TAIL     36u // bytes at a receive section's end that some guests write
#define SEND_SECTION     6144u
#define SEGS_OF_PACKET   128u // pieces of guest memory of one guest packet, at most
#define SEGS_OF_POLL     1024u
#define RECORDS_OF_POLL  128u // of the ring, looked at in one poll
#define RANGES_OF_PACKET 375u // sections in one packet: what every guest takes
#define GUEST_PACKET_MAX (NETVSP_MAX_FRAME + 8192u) // bytes of one guest packet
#define NONE             UINT32_MAX

// netvsp_state.flags: what comes but once from open to close, and what is still to be told
#define DID_NDIS_VERSION (1u << 0)
#define DID_NDIS_CONFIG  (1u << 1)
#define DID_RECEIVE      (1u << 2)
#define DID_SEND         (1u << 3)
#define DID_SUBCHANNELS  (1u << 4)
#define DID_HALT         (1u << 5)
#define TELL_OFFLOADS    (1u << 6)

// netvsp_state.told_link
#define LINK_TOLD_UP   1u
#define LINK_TOLD_DOWN 2u

// netvsp_state.offloads, by index: 1 if the guest has chosen it
enum { OFFLOAD_CSUM, OFFLOAD_LSO4, OFFLOAD_LSO6, OFFLOAD_RSC4, OFFLOAD_RSC6 };

// ---- what a NIC is made of

enum section_use { SECTION_FREE, SECTION_LENT, SECTION_HEAD };

struct section {        // of the receive buffer
	uint32_t next;  // of the packet it is lent in, or NONE
	uint32_t stamp; // with its index, the packet's transaction: low half of the commit's seq
	uint8_t pool;   // whose it is when free
	uint8_t channel;
	uint8_t use; // HEAD: first of its packet
};

struct section_pool {
	uint32_t *free; // a ring of n
	uint32_t n_free, n;
	uint32_t oldest; // the one that has been free for longest
};

struct netvsp_queue {
	struct vmbus_channel *channel; // NULL: closed
	uint32_t index;
	bool failed;
	bool polling; // between poll and complete: nothing is published
	bool blocked; // the last poll found no room for an answer
	struct record_point last;
	// from the guest
	struct iovec *segs; // SEGS_OF_POLL
	uint32_t n_segs;
	// to the guest: the packet being put together behind to_guest.at
	uint32_t n_ranges, max_ranges; // max_ranges 0: none is open
	uint32_t first, newest;        // sections
	uint8_t *ranges;
	struct section_pool pool;
	struct netvsp_queue_status count;
};

#define CONTROL_POOL NETVSP_MAX_QUEUES // section.pool

struct netvsp {
	struct netvsp_options opt;
	char *friendly_name;
	struct netvsp_record *record;
	// Poll thread
	struct netvsp_state state;
	bool dirty;         // state has to go to the record
	bool want;          // sub-channels: tell the owner
	bool tell_change;   // and that something has
	bool delivering;    // frames go to the guest
	uint8_t pass;       // NDIS_PACKET_TYPE_*, or all of them when promiscuous
	uint32_t wire_size; // of an NVSP message in the ring
	uint32_t usable;    // bytes of a receive section
	uint32_t piece;     // bytes of a frame that fit a section with any header
	uint64_t mac48;     // the guest's address as a little endian number
	uint16_t rsc_id;
	const struct gpadl *receive, *send;
	struct section *sections; // NETVSP_MAX_SECTIONS, as many as state.n_receive in use
	uint32_t *free_slots;
	struct section_pool control_pool;
	uint64_t control_after; // ns: no control message is looked at before
	uint64_t garbage_after; // ns: nothing is looked at before; 0: no garbage of late
	struct toeplitz *toeplitz;
	uint8_t request[RNDIS_CONTROL_MAX];
	uint8_t reply[RNDIS_CONTROL_MAX];
	uint64_t n_control, n_bad_messages, n_bad_frames, n_filtered;
	// Any thread
	_Atomic uint16_t max_mtu;
	_Atomic uint64_t link;       // bit 0: up; above: speed in Mbit/s
	_Atomic bool takes_large[2]; // chains, of IPv4 and IPv6
	_Atomic uint32_t shown_seq;
	_Atomic uint32_t shown[64]; // struct shown, under the seqlock
	struct netvsp_queue queue[NETVSP_MAX_QUEUES];
};

static inline bool queue_runs(const struct netvsp_queue *q)
{
	return q->channel != NULL && !q->failed;
}

// Counters are written by one thread and read by any.
static inline void count_up(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void show_u32(uint32_t *shown, uint32_t value)
{
	__atomic_store_n(shown, value, __ATOMIC_RELAXED);
}

// The state has changed: into the record with the next commit, and the owner is told.
static inline void state_changed(struct netvsp *vsp)
{
	vsp->dirty = true;
	vsp->tell_change = true;
}

// ---- netvsp.c

// What follows from vsp->state: call after changing it.
void vsp_derive(struct netvsp *vsp);
// The queue stands still from now on; reason: what the guest did.
void vsp_fail(struct netvsp *vsp, struct netvsp_queue *q, const char *reason);
void vsp_reset_state(struct netvsp *vsp);

// ---- status.c

// Shows the state to whoever asks for the status.
void status_publish(struct netvsp *vsp, const char *error);

// ---- resume.c

// Takes the state over from the record when the primary is opened again. 0 or -EPROTO.
int resume_primary(struct netvsp *vsp, struct vmbus_channel *channel);
// Sets the rings to the channel's last commit. 0 or -EPROTO.
int resume_rings(struct netvsp *vsp, struct netvsp_queue *q, struct vmbus_channel *channel);

// ---- shared_buffer.c

// Of the guest's buffer; false: not usable as one.
bool receive_buffer_set(struct netvsp *vsp, const struct gpadl *g, uint32_t id);
void receive_buffer_forget(struct netvsp *vsp);
bool send_buffer_set(struct netvsp *vsp, const struct gpadl *g);
void send_buffer_forget(struct netvsp *vsp);
// Bytes of a receive section for a guest with that MTU.
uint32_t receive_section_size(const struct netvsp *vsp);
// Divides the receive buffer among n queues; what is lent comes back to its new owner.
void sections_divide(struct netvsp *vsp, uint32_t n_queues);
void section_release(struct netvsp *vsp, uint32_t section);
// Takes back all that is lent on a channel.
void sections_reclaim(struct netvsp *vsp, uint32_t channel);

static inline uint32_t section_slot(const struct section_pool *pool, uint32_t after_oldest)
{
	uint32_t slot = pool->oldest + after_oldest;

	return slot >= pool->n ? slot - pool->n : slot;
}

static inline void section_put(struct section_pool *pool, uint32_t section)
{
	pool->free[section_slot(pool, pool->n_free)] = section;
	show_u32(&pool->n_free, pool->n_free + 1);
}

// The guest has just read the newest: its lines are still in that core's cache, from where it
// takes longer to get them than from memory that both cores share.
static inline uint32_t section_take_oldest(struct section_pool *pool)
{
	uint32_t section;

	if (pool->n_free == 0)
		return NONE;
	section = pool->free[pool->oldest];
	pool->oldest = section_slot(pool, 1);
	show_u32(&pool->n_free, pool->n_free - 1);
	return section;
}

// Yet if all of the buffer were written in turn, the caches would hold nothing else.
static inline uint32_t section_take_newest(struct section_pool *pool)
{
	if (pool->n_free == 0)
		return NONE;
	show_u32(&pool->n_free, pool->n_free - 1);
	return pool->free[section_slot(pool, pool->n_free)];
}

// Where a receive section's byte is, and how many follow in one piece (at most `len`).
static inline uint8_t *section_at(
	const struct netvsp *vsp, uint32_t section, uint32_t at, uint32_t len, uint32_t *run)
{
	return gpadl_at(vsp->receive, section * vsp->state.receive_section + at, len, run);
}

// ---- guest_bytes.c: the bytes of one guest packet, wherever they are

struct guest_bytes {
	uint32_t n, len;
	struct iovec seg[SEGS_OF_PACKET];
};

// Lists the section's and the ranges' bytes. 0 or -EINVAL.
int guest_bytes_map(struct netvsp *vsp, const struct vmbus_channel *channel,
	const struct vmbus_packet *p, uint32_t section, uint32_t section_len,
	struct guest_bytes *bytes);
// Copies all of them.
void guest_bytes_copy(const struct guest_bytes *bytes, uint8_t *to);

// ---- budget.c

// False: not now. Else the message is to be told when it is done with.
bool budget_begin_control(const struct netvsp *vsp, uint64_t *start);
void budget_end_control(struct netvsp *vsp, uint64_t start);
// A record was good for nothing.
void budget_garbage(struct netvsp *vsp);
// After garbage: may the guest's rings be looked at?
bool budget_allows(struct netvsp *vsp);

// ---- from_guest.c

// Room for the answer to one control message: its completion and one packet.
#define CONTROL_ROOM (2u * 128)

// Puts a completion into the ring. There is room.
void complete_with(struct netvsp *vsp, struct netvsp_queue *q, uint64_t transaction,
	const struct nvsp_message *msg);

// ---- queue.c

// Opens and closes what is there of a queue besides the protocol. 0 or -errno.
int queue_open(
	struct netvsp *vsp, struct netvsp_queue *q, struct vmbus_channel *channel, bool resume);
void queue_close(struct netvsp *vsp, struct netvsp_queue *q);

// ---- to_guest.c

// Finishes the packet being put together: before anything else goes into the ring.
void to_guest_close(struct netvsp *vsp, struct netvsp_queue *q);
// The guest gives a packet back.
void to_guest_returned(struct netvsp *vsp, struct netvsp_queue *q, uint64_t transaction);
// One control message on the primary. spare: leaves so many sections for answers. 0 or -EAGAIN.
int to_guest_control(struct netvsp *vsp, const uint8_t *msg, uint32_t len, uint32_t spare);

// ---- nvsp.c

// A message on the primary. The completion is put if it wants one. False: not now.
bool nvsp_handle(struct netvsp *vsp, const struct vmbus_packet *p);

// ---- rndis_device.c

// False: there is no section for the answer.
bool rndis_can_answer(const struct netvsp *vsp);
// A control message (private copy). False: it is none.
bool rndis_handle(struct netvsp *vsp, const uint8_t *msg, uint32_t len);
// Tells what has changed of the link or the offloads.
void rndis_tell(struct netvsp *vsp);
bool rndis_has_to_tell(const struct netvsp *vsp);

// ---- rndis_query.c, rndis_set.c

// Writes the value; its length to *len.
ndis_status rndis_query(struct netvsp *vsp, const struct rndis_control *request, uint8_t *to,
	uint32_t size, uint32_t *len);
ndis_status rndis_set(struct netvsp *vsp, const struct rndis_control *request);
void rndis_offload_caps(const struct netvsp *vsp, struct ndis_offload_caps *caps);

// ---- subchannel.c

// Answers a request for `asked` sub-channels.
enum nvsp_status subchannels_grant(struct netvsp *vsp, uint32_t asked, uint32_t *granted);
