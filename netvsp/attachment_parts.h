/* SPDX-License-Identifier: BSD-3-Clause */
// The inside of an attachment, shared by its files. Main thread.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/vmbus/bus.h>
#include <hypervisor/vmbus/channel.h>
#include <hypervisor/vmbus/gpadl.h>

#include "attachment.h"

#define ATTACHMENT_OUT_MAX 16 // messages that wait for a full socket
// Of address space, which is 128 TiB: bytes of one guest, of all that a user has, who is not
// root nor we, and of all guests.
#define ATTACHMENT_MEMORY_MAX     (1ull << 40)
#define ATTACHMENT_MEMORY_OF_USER (8ull << 40)
#define ATTACHMENT_MEMORY_OF_ALL  (64ull << 40)

enum attachment_state {
	ATTACHMENT_NEW,     // nothing said yet
	ATTACHMENT_TELLING, // welcome; tells what it has
	ATTACHMENT_RUNNING, // has said READY
	ATTACHMENT_OVER,
};

struct attachment_channel {
	bool open;
	uint32_t ring_gpadl;
	struct vmbus_channel vmbus;
};

struct attachment_message {
	size_t len;
	int fd; // beside it; stays the channel's
	union {
		struct handover_header hdr;
		struct handover_refused refused;
		struct handover_open_result result;
	} msg;
};

struct attachment {
	struct attachment *next; // of all
	enum attachment_state state;
	int sock, epfd, kick_fd;
	const struct attachment_ops *ops;
	void *arg;
	struct attachment_info info;
	struct attachment_terms terms;
	char friendly_name[HANDOVER_NAME_SIZE];
	struct netvsp *vsp;

	struct guest_mem mem;
	void *record; // HANDOVER_RECORD_SIZE bytes
	struct gpadl *gpadl[VMBUS_MAX_GPADLS];
	uint32_t n_gpadls;
	uint64_t gpadl_bytes;
	struct handover_gpadl coming; // a list of which not all has been told
	uint64_t *coming_pfn;         // NULL: none
	uint32_t coming_at;
	struct attachment_channel channel[HANDOVER_MAX_CHANNELS];

	// From the thread that polls
	_Atomic uint32_t want_subchannels; // 0: nothing new
	_Atomic bool changed;
	_Atomic bool taking; // a message has left the socket and is not carried out yet
	bool error_told;

	// What the socket did not take; as long as there is some, no request is read.
	struct attachment_message out[ATTACHMENT_OUT_MAX];
	unsigned n_out;
	bool in_run;
	bool gone_told;
	char reason[HANDOVER_REASON_SIZE];
};

// 0, or negative: the attachment is over, `reason` says why.
typedef int attachment_request(struct attachment *a, const void *msg, size_t len, int fd);

// attachment.c: bytes of memory that all have, and that those of a user have.
uint64_t attachment_memory(const uid_t *uid);
// What a request does if it is no good. Returns -1. fmt: no newline.
int attachment_refuse(struct attachment *a, enum handover_refusal code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// A reply, at once or when the socket takes it. fd: sent beside it, or -1.
int attachment_reply(struct attachment *a, const void *msg, size_t len, int fd);
int attachment_reply_id(struct attachment *a, uint32_t type, uint32_t id);
void attachment_pause(struct attachment *a); // nothing while nobody can poll
void attachment_resume(struct attachment *a);

// attachment_hello.c
attachment_request attachment_take_hello;
void attachment_drop_record(struct attachment *a);

// attachment_memory.c: regions and page lists
attachment_request attachment_take_region, attachment_take_gpadl, attachment_take_teardown;
struct gpadl *attachment_find_gpadl(const struct attachment *a, uint32_t id);
void attachment_drop_memory(struct attachment *a); // all of it; no channel is open any more

// attachment_channel.c
attachment_request attachment_take_open, attachment_take_close, attachment_take_modify;
void attachment_close_channels(struct attachment *a); // nobody polls
