/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's driver of a synthetic NIC, after Linux's hv_netvsc: VMBus messages, page lists,
// rings, NVSP, RNDIS. It does in C what a guest's kernel does and waits for what that waits for.
//
// The thread of VP 0 calls what has no queue; it owns queue 0, and all queues while they are
// paused. Each other queue has a thread of its own, between resume() and pause().
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <ndis_compat/ndis_offload.h>
#include <ndis_compat/packet_info.h>

#include "guest_pages.h"
#include "synic.h"

#define VSC_MAX_QUEUES 64
#define VSC_MAX_SEGS   562 // of a received frame: what Linux takes in one packet
#define VSC_FRAME_MAX  65554u

struct vsc;
struct vsc_queue;

struct vsc_frame {
	struct iovec *seg; // in the receive buffer; ours, to change too, until receive() returns
	unsigned n_segs;
	uint32_t len;
	struct ndis_packet_info info;
};

// Which frames the guest takes.
enum vsc_filter { VSC_FILTER_DOWN, VSC_FILTER_UP, VSC_FILTER_PROMISCUOUS };

struct vsc_ops {
	// HvPostMessage: 0; -EAGAIN: again soon; -ENXIO: no such connection; -errno.
	int (*post)(void *arg, uint32_t connection_id, const void *msg, size_t len);
	// Something for VP 0 may have happened, or `ms` have passed: 0. -errno: do not wait on.
	int (*wait)(void *arg, int ms);
	// A frame came. The queue's thread.
	void (*receive)(void *arg, uint32_t queue, struct vsc_frame *frame);
	void (*link)(void *arg, bool up);
	// The other queues' threads: let them begin; have them stopped.
	void (*resume)(void *arg, uint32_t n_queues);
	void (*pause)(void *arg);
};

struct vsc_options {
	struct guest_pages *pages;
	struct synic *synic;
	const struct vsc_ops *ops;
	void *arg;
	uint32_t n_queues;      // wanted; as many VPs
	uint32_t vmbus_version; // VMBUS_VERSION_*, only this; 0: the newest that both know
	uint32_t nvsp_version;  // NVSP_VERSION_*, likewise
	uint32_t mtu;
	bool no_offloads, no_rsc;
	uint32_t ring_pages;     // each direction; 0: 128, as Linux
	uint32_t receive_buffer; // bytes; 0: 9709 sections of 1728, as Linux
	uint32_t send_buffer;    // bytes; 0: 170 sections of 6144
};

struct vsc_info {
	uint32_t vmbus_version, nvsp_version;
	uint8_t mac[6];
	uint32_t mtu; // ours, not above what the host takes
	bool link_up;
	uint64_t link_speed;               // bit/s, 0: not told
	struct ndis_offload_caps offloads; // in use
	bool udp_csum;                     // tx_csum is for UDP, too
	uint32_t n_queues;
	uint32_t max_packets, alignment; // messages in one packet
	uint32_t receive_section, n_receive, send_section, n_send;
};

// One queue's. Written by its thread only, read by any.
struct vsc_stats {
	_Atomic uint64_t tx_frames, tx_bytes, tx_packets, tx_failed;
	_Atomic uint64_t rx_frames, rx_bytes, rx_packets, rx_chains;
	_Atomic uint64_t no_room;    // the ring was full
	_Atomic uint64_t no_section; // the send buffer was, and a frame went by its pages
	_Atomic uint64_t interrupts, kicks, waits;
	_Atomic uint64_t completions; // of ours, each id once
	// What the host must not do
	_Atomic uint64_t bad_completions; // of an id that is not out: unknown, or a second time
	_Atomic uint64_t lost;            // never completed
	_Atomic uint64_t bad_ranges;      // outside of the receive buffer or of a section
	_Atomic uint64_t bad_packets;     // else malformed
};

static inline void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline uint64_t stat_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

// NULL + errno
struct vsc *vsc_create(const struct vsc_options *options);
void vsc_destroy(struct vsc *vsc); // detached

// First contact with the bus. 0 or -errno: -EPROTO: no version in common.
int vsc_connect(struct vsc *vsc);
// Waits until the NIC is offered and brings it up, up to the open packet filter. 0; -ENODEV: it
// was taken away meanwhile; -errno, and then it is down as before.
int vsc_attach(struct vsc *vsc);
// Takes it down in order: filter, halt, revoke, close, teardown. Not orderly (the NIC was taken
// away, or nobody answers): as far as it goes.
void vsc_detach(struct vsc *vsc, bool orderly);
void vsc_disconnect(struct vsc *vsc); // unload
// Works off what came to VP 0's message slot. 0; -ENODEV: the NIC was taken away: detach.
int vsc_run(struct vsc *vsc);
// At once if the NIC is up, and whenever it comes up: 0 or -errno. UP from the beginning.
int vsc_set_filter(struct vsc *vsc, enum vsc_filter filter);
// While it is up: 0 or -errno, -EREMOTEIO: the host does not want that.
int vsc_set_mac(struct vsc *vsc, const uint8_t mac[6]);
// For the next attach.
void vsc_set_mtu(struct vsc *vsc, uint32_t mtu);
const struct vsc_info *vsc_get_info(const struct vsc *vsc);

// Any thread. Counters start at 0 with vsc_create() and survive re-attachments.
const struct vsc_stats *vsc_get_stats(const struct vsc *vsc, uint32_t queue);
// The first rule that the host broke, "" if none.
const char *vsc_fault(const struct vsc *vsc);
// Says that what is out will not be completed, and nobody is to blame: the host is away.
void vsc_excuse(struct vsc *vsc, bool excused);

// ---- queues: the queue's thread

struct vsc_queue *vsc_queue(struct vsc *vsc, uint32_t index);
// Receives and takes completions; a bounded number of packets. Packets seen.
unsigned vsc_poll(struct vsc_queue *q);
// True if vsc_send() would take any frame now.
bool vsc_ready(struct vsc_queue *q);
// Where the next frame can be put: VSC_FRAME_MAX bytes, until vsc_send(). Not NULL after
// vsc_ready().
uint8_t *vsc_buffer(struct vsc_queue *q);
// Sends a frame that lies at `at` in the buffer. After vsc_ready(). Visible after vsc_flush().
void vsc_send(struct vsc_queue *q, uint8_t *at, uint32_t len, const struct ndis_packet_info *info);
// A section of the send buffer that keeps what was written into it; NVSP_NO_SECTION: none free.
uint32_t vsc_take_section(struct vsc_queue *q, uint8_t **at);
// Sends `n` messages that lie ready in it, `len` bytes, with `bytes` of frames. The section is
// free again with the completion. -EAGAIN: the ring is full, the section is still taken.
int vsc_send_section(
	struct vsc_queue *q, uint32_t section, uint32_t len, uint32_t n, uint32_t bytes);
void vsc_return_section(struct vsc_queue *q, uint32_t section);
// Ends the batch, shows the host what was put, kicks it if it asked to be.
void vsc_flush(struct vsc_queue *q);
// Before sleeping: asks for an interrupt. False: there is work already.
bool vsc_arm(struct vsc_queue *q);
// After: masks again and takes the interrupt.
void vsc_disarm(struct vsc_queue *q);
