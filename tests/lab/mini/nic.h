/* SPDX-License-Identifier: BSD-3-Clause */
// A network adapter: its channels, NVSP, RNDIS, frames.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netvsp/nvsp_proto.h>

#include "ring.h"

#define NIC_MAX_QUEUES    8u
#define NIC_RING_PAGES    16u // a direction
#define NIC_RECEIVE_PAGES 256u
#define NIC_SEND_PAGES    64u
#define NIC_SLOTS         32u // frames on their way, a queue
#define NIC_FRAME_MAX     1514u

struct nic_queue {
	bool open;
	uint32_t index, relid, connection_id, gpadl, vp;
	struct ring out, in;
	uint8_t *rings, *slots;    // pages of a frame each
	volatile uint32_t busy;    // slots, a bit each
	bool signal;               // the host is to be told
	struct ring_record record; // that is dealt with
};

struct nic {
	bool open;
	uint32_t number;   // of the offer
	uint32_t n_queues; // open
	struct nic_queue queue[NIC_MAX_QUEUES];
	uint8_t *receive, *send, *request;
	uint32_t receive_gpadl, send_gpadl, section_size, n_sections;
	uint8_t mac[6];
	bool link;
	struct nvsp_message reply; // to what was asked last
	volatile bool replied, request_done;
	uint8_t rndis_reply[512];
	volatile uint32_t rndis_reply_len;
	uint32_t request_id;
	volatile uint64_t rx, tx, rx_bad; // frames
};

extern struct nic nic;

// Opens the offered adapter of that number on as many queues. NULL, or why not.
const char *nic_open(uint32_t number, uint32_t n_queues);
const char *nic_close(void);
// As if there never had been one: after contact anew.
void nic_forget(void);

// ---- channels
const char *nic_open_queue(uint32_t index);
void nic_flush(struct nic_queue *q);

// ---- NVSP; waits for the answer in nic.reply if there is one
const char *nvsp_ask(const struct nvsp_message *m, bool answer);
const char *nvsp_start(void);
const char *nvsp_ask_queues(uint32_t n, uint32_t *granted);
void nvsp_stop(void);

// ---- RNDIS
const char *rndis_start(void);
const char *rndis_query(uint32_t oid, void *data, uint32_t size);
const char *rndis_set(uint32_t oid, const void *data, uint32_t len);
const char *rndis_halt(void);
void rndis_take(const uint8_t *message, uint32_t len);
const char *rndis_put(const void *message, uint32_t len);

// ---- frames
// What has come on all queues of this processor: dealt with. True: something has.
bool nic_poll(void);
// Until `done` says so.
const char *nic_wait(bool (*done)(void), uint64_t us);
// A buffer for a frame of at most NIC_FRAME_MAX; NULL: all are on their way.
uint8_t *frame_alloc(struct nic_queue *q, uint32_t *slot);
void frame_send(struct nic_queue *q, uint32_t slot, uint32_t len);

// ---- what frames are about
void net_take(struct nic_queue *q, const uint8_t *frame, uint32_t len);
