/* SPDX-License-Identifier: BSD-3-Clause */
// The two buffers that a guest lends us: sections of the receive buffer are ours to fill and come
// back with the completion of the packet they travelled in; of the send buffer only its bounds
// are known here.
#include <string.h>

#include "vsp.h"

#define MIN_SECTIONS   8u
#define LEGACY_RECEIVE (15u << 20) // bytes, up to version 2

uint32_t receive_section_size(const struct netvsp *vsp)
{
	uint32_t mtu = vsp->state.guest_mtu;

	// A header with all its facts, the frame, and the tail; never less than for 1500. Whole
	// cache lines: each that a small frame touches goes to the guest's core and comes back.
	mtu = mtu < 1500 ? 1500 : mtu > 65535 ? 65535 : mtu;
	return (256 + mtu + 14 + SECTION_TAIL + 63) & ~63u;
}

static struct section_pool *pool_of(struct netvsp *vsp, uint8_t pool)
{
	return pool == CONTROL_POOL ? &vsp->control_pool : &vsp->queue[pool].pool;
}

static void fill_pool(struct netvsp *vsp, uint8_t pool, uint32_t from, uint32_t to)
{
	struct section_pool *p = pool_of(vsp, pool);

	p->free = vsp->free_slots + from;
	p->oldest = 0;
	show_u32(&p->n, to - from);
	show_u32(&p->n_free, 0);
	for (uint32_t i = to; i-- > from;) {
		vsp->sections[i].pool = pool;
		if (vsp->sections[i].use == SECTION_FREE)
			section_put(p, i);
	}
}

void sections_divide(struct netvsp *vsp, uint32_t n_queues)
{
	uint32_t n = vsp->state.n_receive, from, each;

	from = n / 4 < CONTROL_SECTIONS ? n / 4 : CONTROL_SECTIONS;
	fill_pool(vsp, CONTROL_POOL, 0, from);
	each = (n - from) / n_queues;
	for (uint32_t q = 0; q < NETVSP_MAX_QUEUES; q++) {
		uint32_t to = q + 1 < n_queues ? from + each : n;

		fill_pool(vsp, q, from, q < n_queues ? to : from);
		from = to;
	}
}

void section_release(struct netvsp *vsp, uint32_t section)
{
	struct section *s = &vsp->sections[section];
	struct section_pool *pool = pool_of(vsp, s->pool);

	s->use = SECTION_FREE;
	record_free(vsp->record, section);
	section_put(pool, section);
}

void sections_reclaim(struct netvsp *vsp, uint32_t channel)
{
	// A packet's first section last, as in the record it stands for the packet.
	for (int use = SECTION_LENT; use <= SECTION_HEAD; use++) {
		for (uint32_t i = 0; i < vsp->state.n_receive; i++) {
			const struct section *s = &vsp->sections[i];

			if (s->use == use && s->channel == channel)
				section_release(vsp, i);
		}
	}
}

bool receive_buffer_set(struct netvsp *vsp, const struct gpadl *g, uint32_t id)
{
	struct netvsp_state *state = &vsp->state;
	uint32_t size = receive_section_size(vsp);
	uint32_t n = g->byte_count / size;

	if (n < MIN_SECTIONS)
		return false;
	if (state->nvsp_version <= NVSP_VERSION_2 && g->byte_count > LEGACY_RECEIVE)
		return false;
	if (n > NETVSP_MAX_SECTIONS)
		n = NETVSP_MAX_SECTIONS;
	memset(vsp->sections, 0, n * sizeof(*vsp->sections));
	// Not looked at before the state says that there are so many.
	for (uint32_t i = 0; i < n; i++)
		atomic_store_explicit(&vsp->record->section[i].seq, 0, memory_order_relaxed);
	vsp->receive = g;
	state->receive_gpadl = g->id;
	state->receive_id = id;
	state->receive_section = size;
	state->n_receive = n;
	sections_divide(vsp, 1);
	state_changed(vsp);
	vsp_derive(vsp);
	return true;
}

void receive_buffer_forget(struct netvsp *vsp)
{
	vsp->receive = NULL;
	vsp->state.n_receive = 0;
	sections_divide(vsp, 1);
	state_changed(vsp);
	vsp_derive(vsp);
}

bool send_buffer_set(struct netvsp *vsp, const struct gpadl *g)
{
	if (g->byte_count < SEND_SECTION)
		return false;
	vsp->send = g;
	vsp->state.send_gpadl = g->id;
	vsp->state.send_section = SEND_SECTION;
	vsp->state.n_send = g->byte_count / SEND_SECTION;
	state_changed(vsp);
	return true;
}

void send_buffer_forget(struct netvsp *vsp)
{
	vsp->send = NULL;
	vsp->state.n_send = 0;
	state_changed(vsp);
}
