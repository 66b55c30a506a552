/* SPDX-License-Identifier: BSD-3-Clause */
// Virtual processors that are no more than a descriptor each, readable when an interrupt is
// pending: the host and the guest of a struct hv_synic. Any thread, unless said otherwise.
#pragma once

#include <stdint.h>

#include <hypervisor/hyperv/synic.h>
#include <hypervisor/vmbus/guest_mem.h>
#include <hypervisor/vmbus/proto.h>

struct synic;

// NULL + errno
struct synic *synic_create(struct guest_mem *mem, uint32_t n_vps);
void synic_destroy(struct synic *s);
// What the bus gets, with hv_synic_ops.
struct hv_synic *synic_hv(const struct synic *s);
// Called, from any thread, when a queue that was full has room again.
void synic_on_room(struct synic *s, void (*room)(void *arg), void *arg);

// ---- the guest's side

// SIMP and SIEFP of a VP: page addresses; zeroed by this. 0, or -EINVAL: no memory.
int synic_enable(struct synic *s, uint32_t vp, uint64_t simp, uint64_t siefp);
void synic_disable(struct synic *s, uint32_t vp); // what waits is forgotten
// Readable when something has come for the VP. For epoll.
int synic_fd(const struct synic *s, uint32_t vp);
// Takes the interrupts that are pending: how many there were. The VP's thread.
unsigned synic_ack(struct synic *s, uint32_t vp);
// Takes the next message out of SINT 2's slot, of VMBUS_MESSAGE_MAX bytes at most: its length,
// 0: none. The VP's thread.
unsigned synic_take_message(struct synic *s, uint32_t vp, void *msg);
// Takes all event flags of SINT 2; `event` for each but flag 0. The VP's thread.
unsigned synic_take_events(
	struct synic *s, uint32_t vp, void (*event)(void *arg, uint32_t flag), void *arg);
// HvSignalEvent. 0, or -ENOENT: nobody listens to that connection.
int synic_signal(struct synic *s, uint32_t connection_id);
// An interrupt out of nowhere: the VP looks at everything again.
void synic_raise(struct synic *s, uint32_t vp);
