/* SPDX-License-Identifier: BSD-3-Clause */
// The synthetic NIC, provider's side: NVSP and RNDIS over the open channels of one NIC, in guest
// memory. No DPDK, no KVM, no system call but the guest's interrupt, no log: it returns and counts.
//
// One thread at a time works on a NIC, all of its queues and both directions; the owner moves it
// from thread to thread (main thread while it has no port or is being changed, a worker else).
// Control messages ride the same ring as data and are answered on the spot, within a budget, so
// that request, answer and change of state are one commit (see record.h): what a provider that
// dies has not committed, its successor does again from the ring; what it has, never twice.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <hypervisor/vmbus/channel.h>
#include <hypervisor/vmbus/gpadl.h>
#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/packet_info.h>

#define NETVSP_MAX_QUEUES   64
#define NETVSP_MAX_FRAME    (65535u + 14 + 4)
#define NETVSP_BURST        64      // frames of one poll, at most
#define NETVSP_BURST_BYTES  262144u // after so many bytes a poll ends: other guests wait, too
#define NETVSP_MAX_TX_BATCH 32      // RNDIS messages in one guest packet; more is an error

struct netvsp;

struct netvsp_options {
	uint8_t mac[6];
	uint16_t max_mtu;          // frame payload in bytes that the switch carries
	uint16_t max_queues;       // 1..NETVSP_MAX_QUEUES
	const char *friendly_name; // UTF-8; NULL: none
	uint8_t *record;           // the provider's part of the record
	size_t record_size;
	bool resume; // take up what the record says; else begin anew
	// A complete page list of the guest's, or NULL. Stays while the NIC uses it. From the
	// thread that polls. NULL and errno EAGAIN: its announcement may still be on the way to
	// us (the guest's message has overtaken it): leave the message in the ring, end the poll
	// and do not sleep; the next one comes soon. Any other errno: there is none.
	const struct gpadl *(*find_gpadl)(void *arg, uint32_t id);
	// The guest has been granted sub-channels: offer until there are `total`. From the thread
	// that polls: must not block.
	void (*want_subchannels)(void *arg, uint32_t total);
	// Something that netvsp_get_status() tells has changed. From the thread that polls.
	void (*changed)(void *arg);
	void *arg;
};

// NULL + errno: EILSEQ: the record is damaged or of another layout (reason says which).
struct netvsp *netvsp_create(const struct netvsp_options *options, char *reason, size_t size);
// Channels that are still open stay so in the record, for a successor; nobody polls, and their
// rings are not touched.
void netvsp_destroy(struct netvsp *vsp);

// The guest has opened a channel; index 0 is the primary. resume: it was open when the record's
// provider died. 0; -EINVAL: out of turn (a sub-channel before the primary's buffers, or that
// nobody granted); -EPROTO: the ring or, with resume, its record is no good; -ENOMEM.
int netvsp_open(struct netvsp *vsp, uint32_t index, struct vmbus_channel *channel, bool resume);
// Stops using the channel; with the primary, everything the guest had told is forgotten.
void netvsp_close(struct netvsp *vsp, uint32_t index);
// The guest takes a page list back that it may have lent us as a buffer: not looked at after
// this. Nobody polls meanwhile.
void netvsp_forget_gpadl(struct netvsp *vsp, uint32_t id);

// A frame from the guest. Segments are guest memory, shared: copy each byte once, never look
// twice. They hold until netvsp_complete().
struct netvsp_frame {
	const struct iovec *seg;
	uint32_t n_segs;
	uint32_t len; // bytes of all segments, 14..NETVSP_MAX_FRAME
	struct ndis_packet_info info;
};

// Next frames of a queue, at most `max` (at least NETVSP_MAX_TX_BATCH, at most NETVSP_BURST).
// Control messages met on the way are answered. 0 or more; -EPROTO: the guest broke the ring or
// the protocol, and the queue stands still until it is opened again (its status says why).
int netvsp_poll_from_guest(
	struct netvsp *vsp, uint32_t queue, struct netvsp_frame *frames, unsigned max);
// Gives the guest its buffers back: completions, commit, publication, at most one signal. After
// each poll, also one that gave no frames or failed: what came before the fault counts, and the
// owner is told.
void netvsp_complete(struct netvsp *vsp, uint32_t queue);

// Which queue a frame goes to by its hash (the guest's RSS table); 0 if it has set none.
uint32_t netvsp_queue_of(const struct netvsp *vsp, uint32_t hash);
// Hashes a frame as the guest asked; false: no RSS, or nothing in it to hash.
bool netvsp_hash(const struct netvsp *vsp, const uint8_t *frame, uint32_t len, uint32_t *hash);

// One frame to the guest, copied into its receive buffer; visible after netvsp_flush_to_guest().
// 0; -ENOBUFS: no section free, -EAGAIN: ring full, -ENETDOWN: not ready or filter closed,
// -EMSGSIZE: longer than a section, and the guest takes no chains; -EADDRNOTAVAIL: not one that
// the guest's filter lets through.
int netvsp_send_to_guest(struct netvsp *vsp, uint32_t queue, const struct iovec *seg,
	unsigned n_segs, uint32_t len, const struct ndis_packet_info *info);
void netvsp_flush_to_guest(struct netvsp *vsp, uint32_t queue);

// True if the guest takes frames longer than a section (as chains), by family. Any thread.
bool netvsp_takes_large(const struct netvsp *vsp, bool ip6);

// Before sleeping: asks for a signal with the next record on any queue. False: there is work
// already, or work that only time brings (a budget is used up): do not sleep.
bool netvsp_arm(struct netvsp *vsp);
void netvsp_disarm(struct netvsp *vsp); // poll mode: the guest never signals

// From any thread; told to the guest by the thread that polls, with its next poll (if it may be
// asleep, wake it).
void netvsp_set_link(struct netvsp *vsp, bool up, uint32_t speed_mbps);
// From any thread; a guest asks when it opens the NIC.
void netvsp_set_max_mtu(struct netvsp *vsp, uint16_t max_mtu);

enum netvsp_stage {        // how far a guest has come; in order
	NETVSP_CLOSED,     // primary not open
	NETVSP_OPEN,       // nothing said yet
	NETVSP_NEGOTIATED, // NVSP version
	NETVSP_RECEIVE_BUFFER,
	NETVSP_SEND_BUFFER, // both
	NETVSP_RNDIS,       // initialised
	NETVSP_FILTER,      // the guest takes frames
};

struct netvsp_queue_status {
	bool open;
	uint64_t from_guest_frames, from_guest_bytes; // frames given to the switch
	uint64_t to_guest_frames, to_guest_bytes;     // frames put into sections
	uint64_t interrupts, interrupts_spared;       // sent; not needed: masked or not empty
	uint64_t no_section, ring_full;               // frames refused
	uint64_t rsc_chains;
	uint32_t from_guest_used, to_guest_used; // bytes in the rings now
	uint32_t from_guest_size, to_guest_size;
	uint32_t sections_lent, sections;
};

struct netvsp_status {
	enum netvsp_stage stage;
	bool failed;           // a queue stands still
	char error[128];       // why
	uint32_t nvsp_version; // NVSP_VERSION_*, 0: none yet
	uint32_t ndis_major, ndis_minor;
	uint32_t guest_mtu;                   // payload; 0: not told
	uint32_t filter;                      // NDIS_PACKET_TYPE_*
	bool link_up;                         // as told to the guest
	bool tx_csum, lso4, lso6, rsc4, rsc6; // what the guest has chosen
	uint32_t n_queues, n_granted;         // open; sub-channels granted
	bool rss;
	uint32_t receive_buffer, receive_section, send_buffer, send_section; // bytes
	uint64_t control_messages, bad_messages, bad_frames, filtered;
	uint8_t guest_mac[6]; // as the guest has changed it; else the NIC's
	struct netvsp_queue_status queue[NETVSP_MAX_QUEUES];
};
// Any thread, but not while a channel is opened or closed; figures of a running NIC are only nearly
// of one moment.
void netvsp_get_status(const struct netvsp *vsp, struct netvsp_status *status);
