/* SPDX-License-Identifier: BSD-3-Clause */
// The provider's end of one handover connection: a hypervisor's NIC with its memory, page lists
// and channels, around a struct netvsp. Main thread, except where netvsp.h says otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <hypervisor/vmbus/handover.h>

#include "netvsp.h"

struct attachment;

// gone()'s reason when the other side has just left.
#define ATTACHMENT_GONE "the hypervisor is gone"

// What the owner decides of a NIC that says hello.
struct attachment_terms {
	uint8_t mac[6];
	uint16_t max_mtu, max_queues;
	bool has_port;
	const char *friendly_name;
};

struct attachment_ops {
	// A NIC says who it is (fields are checked and NUL-terminated). 0 and *terms filled, or
	// the refusal's code with a reason.
	enum handover_refusal (*hello)(void *arg, const struct handover_hello *hello, uid_t uid,
		struct attachment_terms *terms, char *reason, size_t size);
	// READY: netvsp may be polled from now on. False: cannot be now (reason): refused.
	void (*ready)(void *arg);
	// Returns when nobody polls the NIC, until resume(). Not nested.
	void (*pause)(void *arg);
	void (*resume)(void *arg);
	// From the thread that polls (netvsp's changed() and want_subchannels()): have
	// attachment_run() called in the main thread soon. Must not block.
	void (*poke)(void *arg);
	// A sentence for the log.
	void (*tell)(void *arg, bool warning, const char *text);
	// The connection is over and everything of it freed but this object; destroy it when
	// convenient. Nobody polls any more: pause() was called before. Both descriptors below are
	// open until this returns; wait for them no more.
	void (*gone)(void *arg, const char *reason);
};

// Takes over the connected socket. NULL + errno.
struct attachment *attachment_create(int sock, const struct attachment_ops *ops, void *arg);
void attachment_destroy(struct attachment *a);
// The owner has had enough: tells the other side why. gone() follows at once.
void attachment_end(struct attachment *a, enum handover_refusal code, const char *reason);
// For epoll; attachment_run() when it is readable, when poked, and now and then.
int attachment_fd(const struct attachment *a);
void attachment_run(struct attachment *a);

// From ready() until gone().
struct netvsp *attachment_netvsp(const struct attachment *a);
// Readable after the guest has signalled, any channel. The other side has it, too, and could make
// reads and writes of it block: wait for it edge-triggered, and neither read nor write it.
int attachment_kick_fd(const struct attachment *a);
// The thread that polls hangs in an interrupt: makes the eventfds that it may be writing to
// non-blocking again and empties them. True if the other side had made one block.
bool attachment_unblock(struct attachment *a);

struct attachment_info {
	struct handover_hello hello;
	uid_t uid;
	pid_t pid;
	time_t since; // attached (wall clock)
	bool ready;
	bool resumed; // taken up from a record
	uint32_t n_channels_open;
	uint64_t memory; // bytes mapped
};
void attachment_get_info(const struct attachment *a, struct attachment_info *info);
