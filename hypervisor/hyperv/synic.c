/* SPDX-License-Identifier: BSD-3-Clause */
// Messages, and the registers that say where they go.
#include "synic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "synic_state.h"

#define REGISTER_GPA (~(uint64_t)(GUEST_PAGE_SIZE - 1))

#define MESSAGE_TYPE 1u // the bus's
#define FLAG_WORDS   (HV_SYNIC_FLAGS_SIZE / sizeof(uint32_t))

struct hv_synic *hv_synic_create(
	struct guest_mem *mem, uint32_t n_vps, const struct hv_synic_host *host, void *host_arg)
{
	struct hv_synic *s = calloc(1, sizeof(*s) + n_vps * sizeof(s->vp[0]));

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->mem = mem;
	s->n_vps = n_vps;
	s->host = host;
	s->host_arg = host_arg;
	return s;
}

void hv_synic_destroy(struct hv_synic *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

// ---- messages. All with the lock.

static void watch(struct hv_synic *s, struct synic_vp *vp, bool on)
{
	if (vp->watched == on)
		return;
	vp->watched = on;
	s->host->watch_slot(s->host_arg, vp - s->vp, on);
}

static bool is_free(const struct hv_message_slot *slot)
{
	return atomic_load_explicit(&slot->type, memory_order_acquire) == 0;
}

// A guest that frees the slot after this sees the flag, and says so.
static bool is_busy(struct hv_message_slot *slot)
{
	if (is_free(slot))
		return false;
	atomic_fetch_or(&slot->flags, HV_MESSAGE_PENDING);
	atomic_thread_fence(memory_order_seq_cst);
	return !is_free(slot);
}

static void put_message(struct hv_synic *s, struct synic_vp *vp)
{
	const struct queued *q = &vp->queue[vp->first];
	struct hv_message_slot *slot = vp->slot;

	memcpy(slot->payload, q->msg, q->len);
	slot->size = q->len;
	slot->reserved = 0;
	slot->port = 0;
	atomic_store_explicit(
		&slot->flags, vp->n > 1 ? HV_MESSAGE_PENDING : 0, memory_order_relaxed);
	atomic_store_explicit(&slot->type, MESSAGE_TYPE, memory_order_release);
	vp->first = (vp->first + 1) % HV_SYNIC_QUEUE;
	vp->n--;
	s->host->inject(s->host_arg, vp - s->vp);
}

static void tell_room(struct hv_synic *s, struct synic_vp *vp)
{
	if (!vp->refused || vp->n == HV_SYNIC_QUEUE)
		return;
	vp->refused = false;
	s->host->room(s->host_arg);
}

// Messages go to the slot while it is free. The watch is on while one waits for it, and the slot
// is looked at again after turning it on: what the guest freed before that nobody would tell.
static void deliver(struct hv_synic *s, struct synic_vp *vp)
{
	while (vp->slot != NULL && vp->n > 0) {
		if (!is_busy(vp->slot))
			put_message(s, vp);
		else if (!vp->watched)
			watch(s, vp, true);
		else
			break;
	}
	if (vp->slot == NULL || vp->n == 0)
		watch(s, vp, false);
	tell_room(s, vp);
}

static void forget_messages(struct hv_synic *s, struct synic_vp *vp)
{
	vp->n = 0;
	tell_room(s, vp);
}

static int post_message(void *synic, uint32_t vp_index, const void *msg, size_t len)
{
	struct hv_synic *s = synic;
	struct synic_vp *vp;
	struct queued *q;
	int ret = 0;

	if (vp_index >= s->n_vps)
		return -ENODEV;
	if (len > VMBUS_MESSAGE_MAX)
		return -EINVAL;
	vp = &s->vp[vp_index];
	pthread_mutex_lock(&s->lock);
	if (vp->n == HV_SYNIC_QUEUE)
		deliver(s, vp);
	if (vp->n < HV_SYNIC_QUEUE) {
		q = &vp->queue[(vp->first + vp->n++) % HV_SYNIC_QUEUE];
		memcpy(q->msg, msg, len);
		q->len = len;
		deliver(s, vp);
	} else {
		vp->refused = true;
		ret = -EAGAIN;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void hv_synic_slot_freed(struct hv_synic *s, uint32_t vp)
{
	if (vp >= s->n_vps)
		return;
	pthread_mutex_lock(&s->lock);
	deliver(s, &s->vp[vp]);
	pthread_mutex_unlock(&s->lock);
}

// ---- interrupts that may have been raised in vain. With the lock.

static bool any_flag(const struct synic_vp *vp)
{
	for (unsigned i = 0; vp->flags != NULL && i < FLAG_WORDS; i++)
		if (atomic_load_explicit(&vp->flags[i], memory_order_relaxed) != 0)
			return true;
	return false;
}

static void raise_again(struct hv_synic *s, const struct synic_vp *vp)
{
	if ((vp->slot != NULL && !is_free(vp->slot)) || any_flag(vp))
		s->host->inject(s->host_arg, vp - s->vp);
}

void hv_synic_unmasked(struct hv_synic *s, uint32_t vp)
{
	if (vp >= s->n_vps)
		return;
	pthread_mutex_lock(&s->lock);
	// Whoever sets a flag that is not seen here finds the SINT unmasked.
	atomic_thread_fence(memory_order_seq_cst);
	raise_again(s, &s->vp[vp]);
	pthread_mutex_unlock(&s->lock);
}

// ---- registers. All with the lock.

// The page a register names: NULL if it is off or nothing of the guest's memory.
static uint8_t *page_of(const struct hv_synic *s, uint64_t reg)
{
	if ((reg & HV_SYNIC_ON) == 0)
		return NULL;
	return guest_mem_at(s->mem, reg & REGISTER_GPA, GUEST_PAGE_SIZE);
}

// Keeps what a register says and returns its page, zeroed if it was not on there before: what
// lay in it would look like a message that is never taken.
static uint8_t *turn(const struct hv_synic *s, uint64_t *kept, uint64_t reg)
{
	uint8_t *page = page_of(s, reg);
	uint64_t new = page == NULL ? 0 : (reg & REGISTER_GPA) | HV_SYNIC_ON;

	if (page != NULL && new != *kept)
		memset(page, 0, GUEST_PAGE_SIZE);
	*kept = new;
	return page;
}

static void set_registers(
	struct hv_synic *s, uint32_t index, uint64_t control, uint64_t siefp, uint64_t simp)
{
	struct synic_vp *vp = &s->vp[index];
	bool on = (control & HV_SYNIC_ON) != 0, had_slot = vp->slot != NULL;
	_Atomic uint32_t *had_flags = vp->flags;
	uint8_t *messages = turn(s, &vp->simp, simp);
	uint8_t *flags = turn(s, &vp->siefp, siefp);

	vp->slot = NULL;
	vp->flags = NULL;
	if (on && messages != NULL)
		vp->slot = (struct hv_message_slot *)messages + HV_VMBUS_SINT;
	if (on && flags != NULL)
		vp->flags = (_Atomic uint32_t *)(flags + HV_VMBUS_SINT * HV_SYNIC_FLAGS_SIZE);
	// Whoever turns it on again is another kernel, and waits for nothing of this one's.
	if (had_slot && vp->slot == NULL)
		forget_messages(s, vp);
	if (!had_slot && vp->slot != NULL)
		raise_again(s, vp);
	if (vp->flags != had_flags)
		hv_synic_move_places(s, index);
	deliver(s, vp);
}

void hv_synic_msr(struct hv_synic *s, uint32_t vp, uint64_t control, uint64_t siefp, uint64_t simp)
{
	if (vp >= s->n_vps)
		return;
	pthread_mutex_lock(&s->lock);
	set_registers(s, vp, control, siefp, simp);
	pthread_mutex_unlock(&s->lock);
}

void hv_synic_reset(struct hv_synic *s)
{
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->n_vps; i++) {
		forget_messages(s, &s->vp[i]);
		set_registers(s, i, 0, 0, 0);
	}
	pthread_mutex_unlock(&s->lock);
}

const struct synic_ops hv_synic_ops = {
	.post_message = post_message,
	.bind_connection = hv_synic_bind_connection,
	.bind_interrupt = hv_synic_bind_interrupt,
};
