/* SPDX-License-Identifier: BSD-3-Clause */
// Hypercalls that reach us: HvPostMessage, and HvSignalEvent on a connection nobody listens to.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>

#define HV_STATUS_SUCCESS               0
#define HV_STATUS_INVALID_CODE          2
#define HV_STATUS_INVALID_INPUT         3
#define HV_STATUS_INVALID_ALIGNMENT     4
#define HV_STATUS_INVALID_PARAMETER     5
#define HV_STATUS_INSUFFICIENT_MEMORY   11
#define HV_STATUS_INVALID_CONNECTION_ID 18
#define HV_STATUS_INSUFFICIENT_BUFFERS  19

struct hv_hypercall_ops {
	// As vmbus_bus_message(): 0, -EAGAIN, -ENXIO or -EINVAL. The message is private.
	int (*post_message)(void *arg, uint32_t connection_id, const void *msg, size_t len);
};

// Deals with a hypercall: its input value and its two parameters (slow ones: the guest physical
// address of the input first). Returns the result value: a status.
uint64_t hv_hypercall(const struct guest_mem *mem, const struct hv_hypercall_ops *ops, void *arg,
	uint64_t input, const uint64_t params[2]);
