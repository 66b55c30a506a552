/* SPDX-License-Identifier: BSD-3-Clause */
#include "hypercall.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <hypervisor/vmbus/proto.h>

#define CODE_POST_MESSAGE 0x5c
#define CODE_SIGNAL_EVENT 0x5d

#define INPUT_CODE 0xffffull
#define INPUT_FAST (1ull << 16)
#define INPUT_ONLY (INPUT_CODE | INPUT_FAST) // neither repeats nor a variable header

#define OF_THE_HYPERVISOR (1u << 31) // message types that only it may send

struct post_message {
	uint32_t connection_id, reserved, type, size;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};
static_assert(sizeof(struct post_message) == 256);

// Each byte is read once: what is checked is what is used, whatever the guest writes meanwhile.
static bool copy_input(const struct guest_mem *mem, uint64_t gpa, struct post_message *in)
{
	uint64_t word[sizeof(*in) / sizeof(uint64_t)];
	const _Atomic uint64_t *from;

	if (gpa % sizeof(uint64_t) != 0 || gpa % GUEST_PAGE_SIZE > GUEST_PAGE_SIZE - sizeof(*in))
		return false;
	from = (const _Atomic uint64_t *)guest_mem_at(mem, gpa, sizeof(*in));
	if (from == NULL)
		return false;
	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		word[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
	memcpy(in, word, sizeof(*in));
	return true;
}

// Linux tries again after "insufficient", gives a version up at "invalid connection id", and
// takes all else for final.
static uint64_t status(int ret)
{
	switch (ret) {
	case 0: return HV_STATUS_SUCCESS;
	case -EAGAIN: return HV_STATUS_INSUFFICIENT_BUFFERS;
	case -ENOMEM: return HV_STATUS_INSUFFICIENT_MEMORY;
	case -ENXIO: return HV_STATUS_INVALID_CONNECTION_ID;
	default: return HV_STATUS_INVALID_PARAMETER;
	}
}

static uint64_t post_message(const struct guest_mem *mem, const struct hv_hypercall_ops *ops,
	void *arg, uint64_t input, uint64_t gpa)
{
	struct post_message in;

	if ((input & INPUT_FAST) != 0) // does not fit into registers
		return HV_STATUS_INVALID_INPUT;
	if (!copy_input(mem, gpa, &in))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (in.size > sizeof(in.payload) || in.type == 0 || (in.type & OF_THE_HYPERVISOR) != 0)
		return HV_STATUS_INVALID_PARAMETER;
	return status(ops->post_message(arg, in.connection_id, in.payload, in.size));
}

uint64_t hv_hypercall(const struct guest_mem *mem, const struct hv_hypercall_ops *ops, void *arg,
	uint64_t input, const uint64_t params[2])
{
	uint64_t code = input & INPUT_CODE;

	if (code != CODE_POST_MESSAGE && code != CODE_SIGNAL_EVENT)
		return HV_STATUS_INVALID_CODE;
	if ((input & ~INPUT_ONLY) != 0)
		return HV_STATUS_INVALID_INPUT;
	if (code == CODE_SIGNAL_EVENT) // had anybody listened, it had not come here
		return HV_STATUS_INVALID_CONNECTION_ID;
	return post_message(mem, ops, arg, input, params[0]);
}
