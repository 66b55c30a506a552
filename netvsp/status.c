/* SPDX-License-Identifier: BSD-3-Clause */
// What is told of a NIC. The thread that polls shows what changes seldom in a piece of its own,
// under a seqlock; counters are read as they are.
#include <stdio.h>
#include <string.h>

#include <ndis_compat/ndis_status.h>

#include "vsp.h"

#define TRIES 1000

// What a reader gets in one piece.
struct shown {
	uint32_t stage, failed;
	uint32_t nvsp_version, ndis_major, ndis_minor, guest_mtu, filter, told_link;
	uint32_t n_queues, n_granted, rss;
	uint32_t receive_buffer, receive_section, send_buffer, send_section;
	uint8_t offloads[8];
	uint8_t mac[8];
	char error[128];
};

static_assert(sizeof(struct shown) <= sizeof(((struct netvsp *)NULL)->shown));
static_assert(sizeof(struct shown) % sizeof(uint32_t) == 0);
#define WORDS (sizeof(struct shown) / sizeof(uint32_t))

static enum netvsp_stage stage_of(const struct netvsp *vsp)
{
	const struct netvsp_state *s = &vsp->state;

	if (vsp->queue[0].channel == NULL)
		return NETVSP_CLOSED;
	if (s->nvsp_version == 0)
		return NETVSP_OPEN;
	if (s->rndis_initialized)
		return s->filter != 0 ? NETVSP_FILTER : NETVSP_RNDIS;
	if (s->n_receive == 0)
		return NETVSP_NEGOTIATED;
	return s->n_send == 0 ? NETVSP_RECEIVE_BUFFER : NETVSP_SEND_BUFFER;
}

static void copy_in(struct netvsp *vsp, const struct shown *shown)
{
	uint32_t seq = atomic_load_explicit(&vsp->shown_seq, memory_order_relaxed), words[WORDS];

	memcpy(words, shown, sizeof(words));
	atomic_store_explicit(&vsp->shown_seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&vsp->shown[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&vsp->shown_seq, seq + 2, memory_order_release);
}

static void copy_out(const struct netvsp *vsp, struct shown *shown)
{
	uint32_t words[WORDS], seq, again;
	int tries = TRIES;

	do {
		seq = atomic_load_explicit(&vsp->shown_seq, memory_order_acquire);
		for (size_t i = 0; i < WORDS; i++)
			words[i] = atomic_load_explicit(&vsp->shown[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		again = atomic_load_explicit(&vsp->shown_seq, memory_order_relaxed);
	} while (((seq & 1) != 0 || seq != again) && --tries > 0);
	memcpy(shown, words, sizeof(*shown));
	shown->error[sizeof(shown->error) - 1] = '\0';
}

void status_publish(struct netvsp *vsp, const char *error)
{
	const struct netvsp_state *s = &vsp->state;
	struct shown shown, old;

	copy_out(vsp, &old);
	memset(&shown, 0, sizeof(shown));
	shown.stage = stage_of(vsp);
	shown.nvsp_version = s->nvsp_version;
	shown.ndis_major = s->ndis_major;
	shown.ndis_minor = s->ndis_minor;
	shown.guest_mtu = s->guest_mtu;
	shown.filter = s->filter;
	shown.told_link = s->told_link;
	shown.n_granted = s->n_granted;
	shown.rss = s->rss.enabled;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++) {
		shown.n_queues += vsp->queue[i].channel != NULL;
		shown.failed |= vsp->queue[i].failed && vsp->queue[i].channel != NULL;
	}
	if (vsp->receive != NULL) {
		shown.receive_buffer = vsp->receive->byte_count;
		shown.receive_section = s->receive_section;
	}
	if (vsp->send != NULL) {
		shown.send_buffer = vsp->send->byte_count;
		shown.send_section = s->send_section;
	}
	memcpy(shown.offloads, s->offloads, sizeof(shown.offloads));
	memcpy(shown.mac, s->mac, sizeof(s->mac));
	if (shown.failed)
		snprintf(shown.error, sizeof(shown.error), "%s", error != NULL ? error : old.error);
	copy_in(vsp, &shown);
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static uint32_t used(const struct vmbus_ring *r)
{
	uint32_t write = atomic_load_explicit(&r->hdr->write_index, memory_order_relaxed);
	uint32_t read = atomic_load_explicit(&r->hdr->read_index, memory_order_relaxed);

	if (!vmbus_ring_index_is_good(r, write) || !vmbus_ring_index_is_good(r, read))
		return 0;
	return vmbus_ring_distance(r, read, write);
}

static void get_queue(const struct netvsp_queue *q, struct netvsp_queue_status *s)
{
	const struct vmbus_channel *channel = q->channel;
	uint32_t n = __atomic_load_n(&q->pool.n, __ATOMIC_RELAXED);
	uint32_t n_free = __atomic_load_n(&q->pool.n_free, __ATOMIC_RELAXED);

	*s = (struct netvsp_queue_status){
		.open = channel != NULL,
		.from_guest_frames = load(&q->count.from_guest_frames),
		.from_guest_bytes = load(&q->count.from_guest_bytes),
		.to_guest_frames = load(&q->count.to_guest_frames),
		.to_guest_bytes = load(&q->count.to_guest_bytes),
		.interrupts = load(&q->count.interrupts),
		.interrupts_spared = load(&q->count.interrupts_spared),
		.no_section = load(&q->count.no_section),
		.ring_full = load(&q->count.ring_full),
		.rsc_chains = load(&q->count.rsc_chains),
		.sections = n,
		.sections_lent = n_free < n ? n - n_free : 0,
	};
	if (channel == NULL)
		return;
	s->from_guest_used = used(&channel->from_guest);
	s->from_guest_size = channel->from_guest.size;
	s->to_guest_used = used(&channel->to_guest);
	s->to_guest_size = channel->to_guest.size;
}

void netvsp_get_status(const struct netvsp *vsp, struct netvsp_status *status)
{
	struct shown s;

	copy_out(vsp, &s);
	*status = (struct netvsp_status){
		.stage = s.stage,
		.failed = s.failed,
		.nvsp_version = s.nvsp_version,
		.ndis_major = s.ndis_major,
		.ndis_minor = s.ndis_minor,
		.guest_mtu = s.guest_mtu,
		.filter = s.filter,
		.link_up = (s.told_link & 3) != LINK_TOLD_DOWN,
		.tx_csum = s.offloads[OFFLOAD_CSUM],
		.lso4 = s.offloads[OFFLOAD_LSO4],
		.lso6 = s.offloads[OFFLOAD_LSO6],
		.rsc4 = s.offloads[OFFLOAD_RSC4],
		.rsc6 = s.offloads[OFFLOAD_RSC6],
		.n_queues = s.n_queues,
		.n_granted = s.n_granted,
		.rss = s.rss,
		.receive_buffer = s.receive_buffer,
		.receive_section = s.receive_section,
		.send_buffer = s.send_buffer,
		.send_section = s.send_section,
		.control_messages = load(&vsp->n_control),
		.bad_messages = load(&vsp->n_bad_messages),
		.bad_frames = load(&vsp->n_bad_frames),
		.filtered = load(&vsp->n_filtered),
	};
	memcpy(status->error, s.error, sizeof(status->error));
	memcpy(status->guest_mac, s.mac, sizeof(status->guest_mac));
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		get_queue(&vsp->queue[i], &status->queue[i]);
}
