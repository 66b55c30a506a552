/* SPDX-License-Identifier: BSD-3-Clause */
// The seam between a hypervisor (hvhost, hvsoft) and the network service provider (vswitchd):
// one SOCK_SEQPACKET connection per NIC. The hypervisor connects, sends HELLO, its memory, the
// NIC's page lists and open channels, then READY; from then on either side speaks when it must.
// Either side may die: the socket's end says that the other touches nothing any more. A hypervisor
// that has had enough ends its half, and what it has asked stays asked until the provider ends
// its own.
//
// Messages are these structs, in host byte order, one a packet, descriptors beside them. Who
// reads one checks its length, and each number in it, before use.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "proto.h"

#define HANDOVER_MAGIC        0x48505356u // "VSPH"
#define HANDOVER_VERSION      1
#define HANDOVER_NAME_SIZE    64    // with the NUL
#define HANDOVER_REASON_SIZE  192   // with the NUL
#define HANDOVER_MAX_CHANNELS 64    // of one NIC, the primary included
#define HANDOVER_GPADL_CHUNK  4096u // page numbers in one message
#define HANDOVER_MAX_MESSAGE  (sizeof(struct handover_gpadl) + 8 * HANDOVER_GPADL_CHUNK)

// The record: a memfd of the hypervisor's, sealed to this size, that outlives the provider. First
// the places of the event flags (written by the hypervisor), then what the provider needs to go
// on after its own death; what is in there is the provider's affair.
#define HANDOVER_RECORD_SIZE (2u << 20)
#define HANDOVER_RECORD_VSP  8192u // where the provider's part begins
static_assert(sizeof(struct vmbus_event_place) * HANDOVER_MAX_CHANNELS <= HANDOVER_RECORD_VSP);

enum handover_type {
	// hypervisor → provider
	HANDOVER_HELLO = 1,  // + record memfd
	HANDOVER_REGION = 2, // + memfd
	HANDOVER_GPADL = 3,  // a list, in one or more messages
	HANDOVER_GPADL_TEARDOWN = 4,
	HANDOVER_OPEN = 5,
	HANDOVER_CLOSE = 6,
	HANDOVER_MODIFY = 7, // the place has changed already
	HANDOVER_READY = 8,  // all there is has been told
	HANDOVER_DETACH = 9, // the NIC goes away
	// provider → hypervisor
	HANDOVER_WELCOME = 101,     // + the NIC's kick eventfd; for all its channels
	HANDOVER_REFUSED = 102,     // nothing is touched any more; and the end
	HANDOVER_OPEN_RESULT = 103, // + the channel's call eventfd
	HANDOVER_CLOSE_DONE = 104,
	HANDOVER_GPADL_GONE = 105,
	HANDOVER_MODIFY_DONE = 106,
	HANDOVER_SUBCHANNELS = 107, // offer until there are so many
	HANDOVER_READY_DONE = 108,
	HANDOVER_CHANNEL_ERROR = 109, // the guest broke a rule: the channel stands still
	HANDOVER_DETACH_DONE = 110,
};

enum handover_refusal {
	HANDOVER_R_VERSION = 1, // speaks no version of ours
	HANDOVER_R_NAME = 2,    // another live NIC holds the port
	HANDOVER_R_PERMISSION = 3,
	HANDOVER_R_MEMORY = 4, // not sealed, too small, overlapping
	HANDOVER_R_RECORD = 5, // damaged, or of a layout we do not know
	HANDOVER_R_LIMIT = 6,
	HANDOVER_R_PROTOCOL = 7, // a message that is none
};

#define HANDOVER_RESUME 1u // hello: the record is of a NIC that was served before

// Welcome: whether there is a port of that name. A provider that knows no such flags says nothing.
#define HANDOVER_TELLS_PORT 1u
#define HANDOVER_HAS_PORT   2u

struct handover_header {
	uint32_t type;
	uint32_t len; // of the whole message
};

struct handover_hello {
	struct handover_header hdr;
	uint32_t magic;
	uint16_t version_min, version_max;
	uint32_t flags;
	uint32_t vmbus_version; // 0: the guest has not said yet
	uint32_t n_regions, n_vps;
	struct vmbus_guid instance;
	uint8_t mac[6];      // the NIC's own, used unless the port has one
	uint16_t max_queues; // 0: as many as the port has
	uint32_t reserved2;
	uint64_t record_size;
	char partition[HANDOVER_NAME_SIZE]; // names: letters, digits, '.', '_', '-', ':'
	char nic[HANDOVER_NAME_SIZE];
	char port[HANDOVER_NAME_SIZE];
	char software[HANDOVER_NAME_SIZE]; // "hvsoft 0.1.0"
};

struct handover_region {
	struct handover_header hdr;
	uint64_t gpa, size, offset;
};

struct handover_gpadl {
	struct handover_header hdr;
	uint32_t id;
	uint32_t byte_offset, byte_count;
	uint32_t n_pages;      // of the whole list
	uint32_t first, count; // in this message; messages come in order, none between
	uint64_t pfn[];
};

struct handover_id { // GPADL_TEARDOWN, GPADL_GONE: a list; CLOSE, CLOSE_DONE, MODIFY_DONE: a
	             // channel
	struct handover_header hdr;
	uint32_t id;
	uint32_t reserved;
};

struct handover_open {
	struct handover_header hdr;
	uint32_t index, ring_gpadl, downstream_page, target_vp;
	uint32_t relid;
	uint32_t flags;         // HANDOVER_RESUME: was open before the provider went
	uint32_t vmbus_version; // of the guest, which had not said it when the NIC came
	uint32_t reserved;
};

struct handover_modify {
	struct handover_header hdr;
	uint32_t index, target_vp;
};

struct handover_welcome {
	struct handover_header hdr;
	uint16_t version, flags;
	uint32_t max_subchannels;
};

struct handover_refused {
	struct handover_header hdr;
	uint32_t code; // enum handover_refusal
	uint32_t reserved;
	char reason[HANDOVER_REASON_SIZE];
};

struct handover_open_result { // and CHANNEL_ERROR
	struct handover_header hdr;
	uint32_t index;
	int32_t status; // 0 or -errno
	char reason[HANDOVER_REASON_SIZE];
};

struct handover_subchannels {
	struct handover_header hdr;
	uint32_t total; // without the primary
	uint32_t reserved;
};

struct handover_plain { // READY, READY_DONE, DETACH, DETACH_DONE
	struct handover_header hdr;
};

// Sends one message with at most one descriptor (-1: none). 0; -EAGAIN: the socket is full;
// -errno: the connection is over.
int handover_send(int sock, const void *msg, size_t len, int fd);
// Takes one message of at most `size` bytes and its descriptor (-1 if none; ours to close; more
// than one are closed and -EPROTO). Length of the message; 0: the other side is gone; -EAGAIN;
// -EPROTO: too short for what its header says, too long, or of an unknown type.
int handover_receive(int sock, void *msg, size_t size, int *fd);
// Least length of a message of that type; 0 if there is none of that type.
size_t handover_min_len(uint32_t type);
