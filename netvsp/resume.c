/* SPDX-License-Identifier: BSD-3-Clause */
// Taking a NIC up where a provider died: the record tells, but nothing in it is trusted unless it
// adds up.
#include <errno.h>
#include <string.h>

#include <ndis_compat/rndis_packet.h>

#include "vsp.h"

static bool rss_is_good(const struct netvsp_state *s)
{
	uint8_t enabled;

	memcpy(&enabled, &s->rss.enabled, sizeof(enabled));
	if (enabled > 1 || s->rss.n_entries > NDIS_RSS_TABLE_MAX ||
		(s->rss.n_entries & (s->rss.n_entries - 1)) != 0 ||
		(enabled && s->rss.n_entries == 0))
		return false;
	for (uint32_t i = 0; i < s->rss.n_entries; i++)
		if (s->rss.table[i] > s->n_granted)
			return false;
	return true;
}

static bool state_is_good(const struct netvsp_state *s)
{
	if (s->n_granted >= NETVSP_MAX_QUEUES || !rss_is_good(s))
		return false;
	if (s->n_receive > NETVSP_MAX_SECTIONS)
		return false;
	if (s->n_receive != 0 &&
		(s->receive_section % 8 != 0 || s->receive_section > 1u << 17 ||
			s->receive_section <= SECTION_TAIL + 2 * RNDIS_PACKET_BUILD_MAX))
		return false;
	return s->n_send == 0 || s->send_section == SEND_SECTION;
}

static const struct gpadl *find_buffer(
	const struct netvsp *vsp, uint32_t id, uint32_t n, uint32_t section)
{
	const struct gpadl *g = n == 0 ? NULL : vsp->opt.find_gpadl(vsp->opt.arg, id);

	// Taken back while nobody was here to be asked: forgotten.
	return g != NULL && (uint64_t)n * section <= g->byte_count ? g : NULL;
}

// What was lent in a commit that is true. False: free.
static bool was_lent(const struct netvsp *vsp, uint64_t seq, uint32_t channel)
{
	struct record_point last;

	return seq != 0 && channel < NETVSP_MAX_QUEUES &&
	       record_last_commit(vsp->record, channel, &last) == 0 && seq <= last.seq;
}

// What the record says of a section, read once: whoever has the record may change it meanwhile.
// A lent one's first section is in `next` until that has been looked at.
static struct section section_of(const struct netvsp *vsp, uint32_t i)
{
	const struct netvsp_section *s = &vsp->record->section[i];
	uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed);
	uint32_t first = __atomic_load_n(&s->transaction, __ATOMIC_RELAXED);
	uint32_t channel = __atomic_load_n(&s->channel, __ATOMIC_RELAXED);

	if (!was_lent(vsp, seq, channel))
		return (struct section){.use = SECTION_FREE};
	return (struct section){
		.next = first == i ? NONE : first,
		.stamp = seq,
		.channel = channel,
		.use = first == i ? SECTION_HEAD : SECTION_LENT,
	};
}

// Puts the sections back into the chains of the packets they were lent in. -EPROTO: one is of
// no packet.
static int resume_sections(struct netvsp *vsp)
{
	uint32_t n = vsp->state.n_receive;

	for (uint32_t i = 0; i < n; i++) {
		vsp->sections[i] = section_of(vsp, i);
		// Most are: not a store for each.
		if (vsp->sections[i].use == SECTION_FREE &&
			atomic_load_explicit(&vsp->record->section[i].seq, memory_order_relaxed) !=
				0)
			record_free(vsp->record, i);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct section *s = &vsp->sections[i], *head;

		if (s->use != SECTION_LENT)
			continue;
		if (s->next >= n)
			return -EPROTO;
		head = &vsp->sections[s->next];
		if (head->use != SECTION_HEAD || head->stamp != s->stamp ||
			head->channel != s->channel)
			return -EPROTO;
		s->next = head->next;
		head->next = i;
	}
	return 0;
}

int resume_primary(struct netvsp *vsp, struct vmbus_channel *channel)
{
	struct netvsp_state state;
	struct record_point last;

	if (record_last_commit(vsp->record, 0, &last) != 0 ||
		record_take_state(vsp->record, last.seq, &state) != 0 || !state_is_good(&state))
		return -EPROTO;
	vsp->state = state;
	vsp->receive =
		find_buffer(vsp, state.receive_gpadl, state.n_receive, state.receive_section);
	vsp->send = find_buffer(vsp, state.send_gpadl, state.n_send, SEND_SECTION);
	if (vsp->receive == NULL)
		vsp->state.n_receive = 0;
	if (vsp->send == NULL)
		vsp->state.n_send = 0;
	if (resume_sections(vsp) != 0)
		return -EPROTO;
	sections_divide(vsp, 1 + state.n_granted);
	if (state.rss.enabled)
		toeplitz_init(vsp->toeplitz, state.rss.key);
	// The one who died may not have come to say so.
	vsp->want = state.n_granted != 0;
	state_changed(vsp);
	vsp_derive(vsp);
	return 0;
}

int resume_rings(struct netvsp *vsp, struct netvsp_queue *q, struct vmbus_channel *channel)
{
	const struct record_point *last = &q->last;

	if (!vmbus_ring_index_is_good(&channel->from_guest, last->read) ||
		!vmbus_ring_index_is_good(&channel->to_guest, last->write))
		return -EPROTO;
	atomic_store_explicit(
		&channel->from_guest.hdr->read_index, last->read, memory_order_release);
	atomic_store_explicit(
		&channel->to_guest.hdr->write_index, last->write, memory_order_release);
	return 0;
}
