/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's NIC driver in a test: guest memory in a memfd, its end of the rings, NVSP and RNDIS in
// the order of Linux. It sees memory by a mapping of its own, so that thread sanitizers take it
// for another machine, and it keeps books: each transaction completed once, no section lent
// twice. The other end is struct model_host: a netvsp over a second mapping, in this process or
// in a child.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <hypervisor/vmbus/channel.h>
#include <hypervisor/vmbus/gpadl.h>
#include <ndis_compat/ndis_offload.h>
#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/packet_info.h>
#include <ndis_compat/rndis.h>
#include <netvsp/netvsp.h>
#include <netvsp/nvsp_proto.h>
#include <netvsp/record.h>

#define MODEL_CHANNELS 64
#define MODEL_RECEIVE  100 // GPADL ids; rings have 1 and more
#define MODEL_SEND     101
#define MODEL_TX       (1u << 20) // transactions in a guest's life

// Bytes of all zero are the usual: one channel, version 6.1, MTU 1500.
struct model_options {
	uint32_t n_channels;              // asked for, with the primary
	uint32_t max_queues;              // what the host allows; 0: n_channels
	uint32_t ring_pages;              // of data, each direction; 16
	uint32_t receive_size, send_size; // 2 MiB, 1 MiB
	bool scatter;                     // no two pages of a buffer follow each other in memory
	uint32_t version;
	uint32_t mtu;     // the guest's; 1500
	uint16_t max_mtu; // the host's; 9000
	bool no_rsc;      // do not say that we join chains
	const char *friendly_name;
};

// Seen by both ends, which may be two processes.
struct model_shared {
	_Atomic uint64_t open;   // bit a channel: the guest has opened it
	_Atomic uint64_t opened; // and the host has, too
	_Atomic uint32_t wanted; // sub-channels to offer
};

struct model_tx {
	uint8_t state;    // 0: never used, 1: out, 2: completed
	uint32_t section; // of the send buffer, or NVSP_NO_SECTION
	uint32_t status;  // NVSP's
};

struct model_frame {
	uint32_t channel, len;
	uint32_t n_parts; // more than one: was a chain
	struct ndis_packet_info info;
	uint8_t *bytes;
};

struct model_held { // packet not given back yet
	uint32_t channel;
	uint64_t transaction;
	uint32_t n, section[400];
};

struct model_guest {
	struct model_options o;
	int memfd, record_fd;
	uint64_t mem_size, next_page; // next_page: first that nobody has
	struct guest_mem mem;
	struct gpadl receive, send;
	struct model_shared *shared;
	struct {
		struct vmbus_ring out, in;
		uint64_t ring_page; // guest page number of the first
	} channel[MODEL_CHANNELS];
	uint32_t n_open;
	uint64_t scratch, scratch_at; // pages for GPA direct
	// Books
	struct model_tx *tx;
	uint32_t n_tx, n_out;
	uint8_t *send_used;
	uint32_t n_send;
	uint32_t section_size, n_sections, sub_size;
	uint8_t *held; // section of the receive buffer is with us
	bool hold;     // do not give packets back
	struct model_held *holding;
	uint32_t n_holding;
	// What came
	struct nvsp_message completion; // of the last NVSP message
	uint32_t completion_len;
	struct model_frame *frames;
	uint32_t n_frames, max_frames;
	struct model_frame chain; // being joined
	uint8_t reply[RNDIS_CONTROL_MAX];
	uint32_t reply_len, n_replies, request_id;
	struct {
		ndis_status status;
		uint32_t len;
		uint8_t data[256];
	} indication[64];
	uint32_t n_indications;
	uint32_t n_packets, n_ranges; // of frames
	// Lets the other end work; must return.
	void (*pump)(void *arg);
	void *pump_arg;
	unsigned n_errors;
	char error[160]; // the first
};

void model_guest_init(struct model_guest *g, const struct model_options *o);
void model_guest_fini(struct model_guest *g); // asserts that the books are in order
void model_guest_error(struct model_guest *g, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

// ---- the bus's part

// Guest page number of a ring's page.
uint64_t model_ring_page(const struct model_guest *g, uint32_t channel, uint32_t page);

// Prepares a ring, opens the channel, and waits until the host has.
void model_open(struct model_guest *g, uint32_t channel);
void model_close(struct model_guest *g, uint32_t channel);

// ---- NVSP

// Sends a message and waits for its completion (in g->completion). False: none came.
bool model_nvsp(struct model_guest *g, struct nvsp_message *m, uint32_t len);
// And without asking for one.
void model_nvsp_post(struct model_guest *g, uint32_t channel, struct nvsp_message *m, uint32_t len);
// The steps of a driver that comes up; each asserts that it is answered well.
void model_init(struct model_guest *g);    // INIT, NDIS_CONFIG, NDIS_VERSION
void model_buffers(struct model_guest *g); // receive and send buffer
void model_initialize(struct model_guest *g);
void model_subchannels(struct model_guest *g); // asks, and opens what is granted
void model_set_rss(struct model_guest *g, bool enable);
void model_set_filter(struct model_guest *g, uint32_t filter);
void model_set_rsc(struct model_guest *g, bool on);
// All of them.
void model_connect(struct model_guest *g);

// ---- RNDIS control

// Sends it (request_id is filled in) and waits for the answer. 0, or -1: none came.
int model_rndis(struct model_guest *g, struct rndis_control *request, struct rndis_control *answer);
// Value of an OID into `to`; its length, or -1 if the status is not success (in *status).
int model_query(struct model_guest *g, uint32_t oid, const void *data, uint32_t len, void *to,
	uint32_t size, ndis_status *status);
ndis_status model_set(struct model_guest *g, uint32_t oid, const void *data, uint32_t len);
// Sends bytes as a control message, unwaited for; its transaction.
uint32_t model_rndis_post(
	struct model_guest *g, uint32_t channel, const uint8_t *msg, uint32_t len);

// ---- data

// Puts RNDIS messages (bytes) into the ring; the transaction, or 0: no room in ring or buffer.
// Nothing is published before model_publish().
enum model_encoding { MODEL_SECTION, MODEL_RANGES, MODEL_MIXED };
uint32_t model_send_bytes(struct model_guest *g, uint32_t channel, enum model_encoding e,
	const uint8_t *bytes, uint32_t len, uint32_t split);
// One frame, with its header; `split` (0: none): after so many bytes the ranges break, or for
// MIXED the section ends.
uint32_t model_send(struct model_guest *g, uint32_t channel, enum model_encoding e,
	const uint8_t *frame, uint32_t len, const struct ndis_packet_info *info, uint32_t split);
// The raw record: header (ranges) and payload.
uint32_t model_send_record(struct model_guest *g, uint32_t channel, uint16_t type, bool completion,
	const void *header, uint32_t header_len, const void *payload, uint32_t len);
// True: the host must be signalled.
bool model_publish(struct model_guest *g, uint32_t channel);

// Takes what is in the rings.
void model_poll(struct model_guest *g);
// Pumps until nothing of ours is out (or five seconds have passed: false).
bool model_drain(struct model_guest *g);
// Pumps until the condition holds; false after five seconds. By the clock, as the provider lets
// those wait by the clock who have sent it garbage.
#define model_wait(g, condition) \
	({ \
		bool held_ = false; \
		time_t end_ = model_seconds() + 5; \
		for (unsigned tries_ = 1; \
			!held_ && (tries_ % 1024 != 0 || model_seconds() <= end_); tries_++) { \
			model_turn(g); \
			held_ = (condition); \
		} \
		held_; \
	})
static inline time_t model_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}
void model_turn(struct model_guest *g); // pump, poll
// Gives back the oldest n packets held.
void model_release(struct model_guest *g, uint32_t n);
void model_forget_frames(struct model_guest *g);

// Pages of guest memory nobody uses: number of the first.
uint64_t model_pages(struct model_guest *g, uint32_t n);
uint8_t *model_at(struct model_guest *g, uint64_t page);

// ---- the host's end

struct model_host {
	struct model_guest *g; // for what both agree on
	struct guest_mem mem;
	struct gpadl receive, send;
	bool late; // page lists are not there yet
	struct vmbus_channel channel[MODEL_CHANNELS];
	struct gpadl ring[MODEL_CHANNELS];
	uint8_t *record;
	struct netvsp *vsp;
	uint32_t n_signals[MODEL_CHANNELS], n_changes;
	// A frame from the guest; the default keeps it in `frames`.
	void (*take)(struct model_host *h, uint32_t queue, const struct netvsp_frame *f);
	void *arg;
	struct model_frame *frames;
	uint32_t n_frames, max_frames;
	int poll_error; // the last, any queue
};

// 0, or what netvsp said (-errno, with h->error). resume: takes up the record and the channels
// that were open.
int model_host_start(struct model_host *h, struct model_guest *g, bool resume);
// Closes and opens as the guest has; one poll and complete of each queue.
void model_host_run(void *h);
void model_host_stop(struct model_host *h);
// As if it were killed: only our own memory goes.
void model_host_abandon(struct model_host *h);
// One frame to the guest, and flush.
int model_host_send(struct model_host *h, uint32_t queue, const uint8_t *frame, uint32_t len,
	const struct ndis_packet_info *info);

// Both ends in this process, connected, filter open.
void model_pair(struct model_guest *g, struct model_host *h, const struct model_options *o);
void model_part(struct model_guest *g, struct model_host *h);
