/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of the driver share.
#pragma once

#include <hypervisor/vmbus/gpadl.h>
#include <hypervisor/vmbus/ring.h>
#include <ndis_compat/rndis.h>
#include <ndis_compat/rndis_packet.h>
#include <netvsp/nvsp_proto.h>

#include "requestor.h"
#include "vsc.h"

#define HEADROOM     256u // in front of a frame in its buffer, for the RNDIS header
#define BUFFER_PAGES 17u
static_assert(HEADROOM + VSC_FRAME_MAX <= BUFFER_PAGES * GUEST_PAGE_SIZE);
#define POLL_BUDGET 64

// What an id stands for: a section and a buffer, each counted from 1, or a control request.
#define COOKIE(section, buffer) ((uint64_t)(buffer) << 32 | (section))
#define COOKIE_CONTROL          UINT64_MAX

// Pages lent to the host.
struct lent_pages {
	uint64_t gpa;
	uint32_t n_pages, relid, gpadl; // gpadl 0: not told to the host
	uint8_t *base;
};

struct piece {
	uint64_t gpa;
	uint32_t len;
};

struct owed {
	uint64_t id;
	uint32_t status;
};

struct vsc_queue {
	struct vsc *vsc;
	uint32_t index;
	bool in_use; // open, or on the way there or back
	bool open;
	uint32_t relid, connection_id;
	struct lent_pages ring;
	struct gpadl ring_list;
	struct vmbus_ring out, in;
	struct requestor requests;
	bool kick; // the host asked for it, and has not been

	// Sections of the send buffer that are this queue's
	uint32_t *free_section, n_free_sections;
	// Frames that go by their pages
	uint64_t buffers; // where they are
	uint32_t n_buffers;
	uint32_t *free_buffer, n_free_buffers;
	uint32_t current; // the one to be filled, UINT32_MAX: none
	struct {
		uint32_t section; // NVSP_NO_SECTION: none
		uint32_t len, n, bytes;
	} batch;

	// Completions that the ring had no room for
	struct owed *owed;
	uint32_t owed_size, owed_first, n_owed;

	struct iovec chain[VSC_MAX_SEGS];
	unsigned n_chain;
	uint32_t chain_len;
	struct ndis_packet_info chain_info;

	bool wants_room;
	bool broken;               // the host's ring
	const char *_Atomic fault; // the first
	struct vsc_stats stats;
};

struct offer {
	bool present, rescinded;
	uint32_t relid, connection_id;
};

struct vsc {
	struct vsc_options opt;
	struct vsc_info info;
	bool excused;
	enum vsc_filter filter;
	bool all_mine; // no other threads: VP 0's works on all queues

	// Bus
	uint32_t connection_id; // for messages
	uint64_t pages;         // message, event, monitor pages
	uint32_t n_pages;
	uint32_t next_gpadl;
	struct offer offer[VSC_MAX_QUEUES]; // by sub-channel index
	struct {
		uint32_t type, id; // of the message that is waited for
		bool here;
		uint32_t value, value2; // what it says
	} answer;

	// NVSP
	uint32_t ndis_minor;
	struct lent_pages receive, send;
	struct nvsp_message reply;
	bool reply_here;

	// RNDIS
	uint64_t request; // pages
	uint32_t request_id;
	uint32_t abandoned; // the first request since the start that nobody waits for; 0: none
	bool sent;          // the request's packet has been completed
	uint8_t rndis_reply[RNDIS_CONTROL_MAX];
	uint32_t rndis_reply_len; // 0: not here

	struct vsc_queue queue[VSC_MAX_QUEUES];
};

// vsc_bus.c
int vsc_post(struct vsc *vsc, const void *msg, size_t len);
int vsc_wait(struct vsc *vsc, bool (*done)(const struct vsc *));
int vsc_wait_answer(struct vsc *vsc);
int vsc_wait_room(struct vsc *vsc); // for a control message on queue 0
void vsc_expect(struct vsc *vsc, uint32_t type, uint32_t id);
void vsc_take_messages(struct vsc *vsc);
void vsc_work(struct vsc *vsc); // all queues that are ours
// vsc_channel.c
int vsc_lend(struct vsc *vsc, struct lent_pages *pages, uint32_t relid, uint32_t n,
	enum guest_pages_use use);
void vsc_take_back(struct vsc *vsc, struct lent_pages *pages);
int vsc_open_queue(struct vsc *vsc, uint32_t index);
void vsc_close_queue(struct vsc_queue *q);
// Not in use any more; if it was taken away, its relid goes back.
void vsc_release(struct vsc *vsc, uint32_t index);
// vsc_nvsp.c
int vsc_negotiate(struct vsc *vsc);
int vsc_give_buffers(struct vsc *vsc);
void vsc_revoke_buffers(struct vsc *vsc);
int vsc_ask_subchannels(struct vsc *vsc, uint32_t n, uint32_t *granted);
void vsc_on_completion(struct vsc_queue *q, const struct vmbus_packet *p);
void vsc_on_in_band(struct vsc_queue *q, const struct vmbus_packet *p);
// vsc_rndis.c
int vsc_rndis_start(struct vsc *vsc);
int vsc_rndis_query(struct vsc *vsc, uint32_t oid, const void *in, uint32_t in_len, void *out,
	uint32_t size, uint32_t *len);
int vsc_rndis_set(struct vsc *vsc, uint32_t oid, const void *data, uint32_t len);
int vsc_rndis_halt(struct vsc *vsc);
void vsc_on_control(struct vsc_queue *q, const uint8_t *msg, uint32_t len);
// vsc_oid.c
int vsc_probe(struct vsc *vsc);
int vsc_send_filter(struct vsc *vsc, uint32_t filter);
uint32_t vsc_wanted_filter(const struct vsc *vsc);
int vsc_start_queues(struct vsc *vsc);
// vsc_rx.c
void vsc_on_frames(struct vsc_queue *q, const struct vmbus_packet *p);
void vsc_pay_owed(struct vsc_queue *q);
// vsc_tx.c
int vsc_tx_init(struct vsc_queue *q);
void vsc_tx_fini(struct vsc_queue *q);
void vsc_share_sections(struct vsc *vsc, uint32_t n_queues);
void vsc_sent(struct vsc_queue *q, uint64_t cookie, uint32_t status);
// vsc_put.c
int vsc_put_in_band(struct vsc_queue *q, const struct nvsp_message *m, uint64_t cookie);
// One range a piece. Pieces may span pages.
int vsc_put_pieces(struct vsc_queue *q, const struct piece *piece, uint32_t n,
	const struct nvsp_message *m, uint64_t cookie);
int vsc_put_control(struct vsc_queue *q, uint64_t gpa, uint32_t len, uint64_t cookie);

// The host broke a rule: counted, and the first one is kept.
void vsc_blame(struct vsc_queue *q, _Atomic uint64_t *counter, const char *what);
