/* SPDX-License-Identifier: BSD-3-Clause */
// An open channel as the device behind it sees it: two rings and a way to interrupt the guest.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "guest_mem.h"
#include "ring.h"

// Where the guest looks for a channel's event flag. The hypervisor's to write, under a seqlock;
// a stale one only sets a bit in the guest's own memory. After each change it sets the flag and
// interrupts the guest once, as signals that met the change, or a disabled place, are not sent.
struct vmbus_event_place {
	_Atomic uint32_t seq; // odd while being written
	_Atomic uint32_t enabled;
	_Atomic uint64_t gpa; // of the SIEFP page of the target VP
	_Atomic uint32_t target_vp;
	_Atomic uint32_t flag; // bit number: the channel's relid, 1..2047
};

struct vmbus_channel {
	uint32_t index; // 0: the primary, else the sub-channel's
	struct guest_mem *mem;
	struct vmbus_ring from_guest, to_guest;
	int call_fd;                           // eventfd: interrupts the target VP
	const struct vmbus_event_place *place; // NULL: signal by call_fd alone
	// Interrupts the guest. The thread that owns the channel.
	void (*signal)(struct vmbus_channel *channel);
	uint64_t n_signals; // interrupts sent
	uint64_t n_spared;  // the flag was set already: the guest is on its way
};

// The usual signal(): sets the event flag (SINT 2's) and, if it was clear, writes call_fd.
void vmbus_channel_interrupt(struct vmbus_channel *channel);
