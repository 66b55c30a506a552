/* SPDX-License-Identifier: BSD-3-Clause */
// The synthetic interrupt controllers of a partition: message and event flag pages in the guest's
// memory, messages that wait for their slot, and who is bound to which signal. Whoever has the
// processors (KVM, or none) does what struct hv_synic_host asks. Any thread.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>
#include <hypervisor/vmbus/proto.h>
#include <hypervisor/vmbus/synic_ops.h>

#define HV_SYNIC_QUEUE 64 // messages that wait for a slot, per VP
#define HV_VMBUS_SINT  2

#define HV_SYNIC_ON         1ull // bit of SCONTROL, SIEFP and SIMP
#define HV_SYNIC_FLAGS_SIZE 256u // bytes of one interrupt source in the event flag page
#define HV_MESSAGE_PENDING  1u   // the guest has to write EOM when it frees the slot
#define HV_SINT_MASKED      (1ull << 16)
#define HV_SINT_VECTOR      0xffull
#define HV_SINT_VECTOR_MIN  16u // of one that is not masked

// One interrupt source's in the message page; free while `type` is 0.
struct hv_message_slot {
	_Atomic uint32_t type;
	uint8_t size;
	_Atomic uint8_t flags;
	uint16_t reserved;
	uint64_t port;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};
static_assert(sizeof(struct hv_message_slot) == 256);

struct hv_synic;

// Called with the controller's lock held: must not call back.
struct hv_synic_host {
	// Interrupts the VP: SINT 2.
	void (*inject)(void *arg, uint32_t vp);
	// While on, hv_synic_slot_freed() must be called whenever the guest has ended a message or
	// an interrupt of that VP. What came before it is turned on is seen to.
	void (*watch_slot)(void *arg, uint32_t vp, bool on);
	// HvSignalEvent on the connection writes to fd; -1 unbinds. 0 or -errno.
	int (*bind_connection)(void *arg, uint32_t connection_id, int fd);
	// A write to fd interrupts the VP as inject() does, until turned off. 0 or -errno.
	int (*bind_interrupt)(void *arg, uint32_t vp, int fd, bool on);
	// A queue that was full has room again.
	void (*room)(void *arg);
};

extern const struct synic_ops hv_synic_ops; // for the bus, with a struct hv_synic *

// NULL + errno
struct hv_synic *hv_synic_create(
	struct guest_mem *mem, uint32_t n_vps, const struct hv_synic_host *host, void *host_arg);
void hv_synic_destroy(struct hv_synic *s);
// The guest has written SCONTROL, SIEFP or SIMP of a VP: the registers as they are now. Pages that
// are no memory of its own count as off. A page that is turned on is zeroed.
void hv_synic_msr(struct hv_synic *s, uint32_t vp, uint64_t control, uint64_t siefp, uint64_t simp);
// SINT 2 of a VP can interrupt now. If a message or an event flag is there, it is raised again:
// what it was raised for while it was masked nobody has kept, and who sees a flag set raises no
// more.
void hv_synic_unmasked(struct hv_synic *s, uint32_t vp);
void hv_synic_slot_freed(struct hv_synic *s, uint32_t vp);
// HvSignalEvent, for hosts that do not catch it: writes to whoever is bound. 0 or -errno; -ENOENT:
// nobody.
int hv_synic_signal(struct hv_synic *s, uint32_t connection_id);
// The guest resets: all off, what waits is forgotten. Bindings stay.
void hv_synic_reset(struct hv_synic *s);
// After a reset that made new processors: has all bindings made anew with the host. 0 or -errno.
int hv_synic_rebind(struct hv_synic *s);
