/* SPDX-License-Identifier: BSD-3-Clause */
// The model guest's data path: frames out in three encodings, frames and completions in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/rndis_packet.h>

#include "model_guest.h"

#define SCRATCH_PAGES 4096u
#define SECTION_TAIL  36u

// ---- out

static uint32_t take_section(struct model_guest *g)
{
	for (uint32_t i = 0; i < g->n_send; i++) {
		if (!g->send_used[i]) {
			g->send_used[i] = 1;
			return i;
		}
	}
	return NVSP_NO_SECTION;
}

struct ranges {
	struct vmbus_gpa_header h;
	uint64_t word[512];
	uint32_t n;
};

// Puts bytes into fresh scratch pages, from an odd offset, as one range.
static void add_range(struct model_guest *g, struct ranges *r, const uint8_t *bytes, uint32_t len)
{
	uint32_t offset = (g->scratch_at * 56) % 2048, at = offset;
	uint32_t n = (offset + len + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;

	if (g->scratch_at + n > SCRATCH_PAGES)
		g->scratch_at = 0;
	r->h.n_ranges++;
	r->word[r->n++] = len | (uint64_t)offset << 32;
	for (uint32_t i = 0; i < n; i++)
		r->word[r->n++] = g->scratch + g->scratch_at + i;
	memcpy(model_at(g, g->scratch + g->scratch_at) + at, bytes, len);
	g->scratch_at += n;
}

static uint32_t put(struct model_guest *g, uint32_t channel, struct ranges *r, uint32_t section,
	uint32_t section_len)
{
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET,
		.rndis = {NVSP_CHANNEL_DATA, section, section_len},
	};
	bool ranges = r->h.n_ranges != 0;
	uint32_t id = model_send_record(g, channel,
		ranges ? VMBUS_PACKET_GPA_DIRECT : VMBUS_PACKET_IN_BAND, true, r,
		ranges ? sizeof(r->h) + 8 * r->n : 0, &m, sizeof(m));

	if (id != 0)
		g->tx[id].section = section;
	else if (section != NVSP_NO_SECTION)
		g->send_used[section] = 0;
	return id;
}

uint32_t model_send_bytes(struct model_guest *g, uint32_t channel, enum model_encoding e,
	const uint8_t *bytes, uint32_t len, uint32_t split)
{
	uint32_t section = NVSP_NO_SECTION, in_section = 0, run;
	struct ranges r = {};

	if (e != MODEL_RANGES) {
		section = take_section(g);
		if (section == NVSP_NO_SECTION)
			return 0;
		in_section = e == MODEL_MIXED ? split : len;
		assert_true(in_section <= g->section_size);
		for (uint32_t at = 0; at < in_section; at += run) {
			uint8_t *to = gpadl_at(
				&g->send, section * g->section_size + at, in_section - at, &run);

			memcpy(to, bytes + at, run);
		}
	}
	for (uint32_t at = in_section; at < len;) {
		uint32_t part = len - at;

		if (e == MODEL_RANGES && split != 0 && part > split && r.h.n_ranges < 31)
			part = split;
		add_range(g, &r, bytes + at, part);
		at += part;
	}
	return put(g, channel, &r, section, in_section);
}

uint32_t model_send(struct model_guest *g, uint32_t channel, enum model_encoding e,
	const uint8_t *frame, uint32_t len, const struct ndis_packet_info *info, uint32_t split)
{
	const struct ndis_packet_info nothing = {};
	static _Thread_local uint8_t bytes[RNDIS_PACKET_BUILD_MAX + NETVSP_MAX_FRAME];
	uint32_t header = rndis_packet_build_request(bytes, len, info != NULL ? info : &nothing);

	memcpy(bytes + header, frame, len);
	if (e == MODEL_MIXED && split == 0)
		split = header;
	return model_send_bytes(g, channel, e, bytes, header + len, split);
}

// ---- in

static void take_completion(struct model_guest *g, const struct vmbus_packet *p)
{
	struct model_tx *tx = &g->tx[p->transaction < MODEL_TX ? p->transaction : 0];

	if (p->transaction == 0 || p->transaction > g->n_tx || tx->state != 1) {
		model_guest_error(g, "completion of %llu, which is not out",
			(unsigned long long)p->transaction);
		return;
	}
	memset(&g->completion, 0, sizeof(g->completion));
	g->completion_len = p->len;
	memcpy(&g->completion, p->body,
		p->len < sizeof(g->completion) ? p->len : sizeof(g->completion));
	if (p->len != (g->o.version >= NVSP_VERSION_6_1 ? 40 : 32) && g->sub_size != 0)
		model_guest_error(g, "completion of %u bytes", p->len);
	tx->state = 2;
	tx->status = g->completion.rndis_complete.status;
	if (tx->section != NVSP_NO_SECTION)
		g->send_used[tx->section] = 0;
	g->n_out--;
}

static void keep_frame(struct model_guest *g, const struct model_frame *f)
{
	if (g->n_frames == g->max_frames) {
		g->max_frames = g->max_frames * 2 + 64;
		g->frames = realloc(g->frames, g->max_frames * sizeof(*g->frames));
		assert_non_null(g->frames);
	}
	g->frames[g->n_frames++] = *f;
}

static void take_frame(struct model_guest *g, uint32_t channel, const uint8_t *msg, uint32_t len)
{
	struct ndis_packet_info info;
	uint32_t offset, frame_len;
	struct model_frame *chain = &g->chain;

	if (rndis_packet_parse_indicated(msg,
		    len < RNDIS_PACKET_HEADER_MAX ? len : RNDIS_PACKET_HEADER_MAX, len, &offset,
		    &frame_len, &info) != 0) {
		model_guest_error(g, "malformed packet of %u bytes", len);
		return;
	}
	if (chain->bytes == NULL || (info.flags & NDIS_INFO_RSC) == 0) {
		if (chain->bytes != NULL)
			model_guest_error(g, "a chain was left open");
		if (info.flags & NDIS_INFO_RSC && (info.flags & NDIS_INFO_RSC_FIRST) == 0)
			model_guest_error(g, "a chain without its first");
		*chain = (struct model_frame){.channel = channel, .info = info};
	} else if (info.flags & NDIS_INFO_RSC_FIRST || info.rsc_id != chain->info.rsc_id ||
		   chain->channel != channel) {
		model_guest_error(g, "two chains in one");
	}
	chain->bytes = realloc(chain->bytes, chain->len + frame_len);
	assert_non_null(chain->bytes);
	memcpy(chain->bytes + chain->len, msg + offset, frame_len);
	chain->len += frame_len;
	chain->n_parts++;
	if ((info.flags & NDIS_INFO_RSC) == 0 || info.flags & NDIS_INFO_RSC_LAST) {
		keep_frame(g, chain);
		*chain = (struct model_frame){};
	}
}

static void take_control(struct model_guest *g, const uint8_t *msg, uint32_t len)
{
	struct rndis_control c;

	if (rndis_control_parse(msg, len, &c) != 0) {
		model_guest_error(g, "malformed control message of %u bytes", len);
		return;
	}
	if (c.type != RNDIS_MSG_INDICATE) {
		memcpy(g->reply, msg, len);
		g->reply_len = len;
		g->n_replies++;
		return;
	}
	if (g->n_indications == sizeof(g->indication) / sizeof(g->indication[0]))
		g->n_indications = 0;
	g->indication[g->n_indications].status = c.status;
	g->indication[g->n_indications].len = c.data_len < 256 ? c.data_len : 256;
	memcpy(g->indication[g->n_indications].data, c.data, c.data_len < 256 ? c.data_len : 256);
	g->n_indications++;
}

static bool take_range(struct model_guest *g, struct model_held *held, uint32_t channel_type,
	const struct vmbus_xfer_range *range)
{
	static _Thread_local uint8_t msg[1u << 17];
	uint32_t section = range->offset / g->sub_size, run;

	if (range->offset % g->sub_size != 0 || section >= g->n_sections ||
		range->len > g->sub_size - SECTION_TAIL || range->len < 8) {
		model_guest_error(g, "a range of %u bytes at %u", range->len, range->offset);
		return false;
	}
	if (g->held[section]) {
		model_guest_error(g, "section %u is lent twice", section);
		return false;
	}
	g->held[section] = 1;
	held->section[held->n++] = section;
	for (uint32_t at = 0; at < range->len; at += run) {
		const uint8_t *from =
			gpadl_at(&g->receive, range->offset + at, range->len - at, &run);

		memcpy(msg + at, from, run);
	}
	if (channel_type == NVSP_CHANNEL_CONTROL)
		take_control(g, msg, range->len);
	else
		take_frame(g, held->channel, msg, range->len);
	return true;
}

static void take_packet(struct model_guest *g, uint32_t channel, const struct vmbus_packet *p)
{
	struct model_held *held = &g->holding[g->n_holding];
	const struct vmbus_xfer_range *range =
		(const struct vmbus_xfer_range *)(p->header + sizeof(struct vmbus_xfer_header));
	struct vmbus_xfer_header h;
	struct nvsp_message m = {};

	memcpy(&h, p->header, sizeof(h));
	memcpy(&m, p->body, p->len < sizeof(m) ? p->len : sizeof(m));
	if (p->len != (g->o.version >= NVSP_VERSION_6_1 ? 40 : 32) ||
		h.pageset != NVSP_RECEIVE_BUFFER_ID || m.type != NVSP_RNDIS_PACKET ||
		m.rndis.section != NVSP_NO_SECTION || h.n_ranges == 0 || h.n_ranges > 375 ||
		!p->wants_completion || sizeof(h) + h.n_ranges * sizeof(*range) > p->header_len) {
		model_guest_error(g, "a packet of %u bytes, %u ranges, pageset %x, NVSP %u", p->len,
			h.n_ranges, h.pageset, m.type);
		return;
	}
	*held = (struct model_held){.channel = channel, .transaction = p->transaction};
	for (uint32_t i = 0; i < h.n_ranges; i++)
		if (!take_range(g, held, m.rndis.channel_type, &range[i]))
			return;
	if (m.rndis.channel_type == NVSP_CHANNEL_DATA) {
		g->n_packets++;
		g->n_ranges += h.n_ranges;
	}
	if (g->chain.bytes != NULL)
		model_guest_error(g, "a packet ends within a chain");
	g->n_holding++;
	assert_true(g->n_holding < 4096);
}

void model_release(struct model_guest *g, uint32_t n)
{
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET_COMPLETE, .rndis_complete = {NVSP_STATUS_SUCCESS}};
	uint32_t done = 0;

	for (; done < n && done < g->n_holding; done++) {
		const struct model_held *held = &g->holding[done];
		uint8_t *to = vmbus_ring_put(&g->channel[held->channel].out,
			VMBUS_PACKET_COMPLETION, false, held->transaction, 0, 8);

		if (to == NULL)
			break;
		memcpy(to, &m, 8);
		for (uint32_t i = 0; i < held->n; i++)
			g->held[held->section[i]] = 0;
		model_publish(g, held->channel);
	}
	if (done == 0)
		return;
	g->n_holding -= done;
	memmove(g->holding, g->holding + done, g->n_holding * sizeof(*g->holding));
}

void model_poll(struct model_guest *g)
{
	struct vmbus_packet p;

	for (uint32_t i = 0; i < g->n_open; i++) {
		struct vmbus_ring *ring = &g->channel[i].in;
		int rc;

		if (ring->hdr == NULL)
			continue;
		while ((rc = vmbus_ring_peek(ring, &p)) > 0) {
			if (p.type == VMBUS_PACKET_COMPLETION)
				take_completion(g, &p);
			else if (p.type == VMBUS_PACKET_XFER_PAGES)
				take_packet(g, i, &p);
			else
				model_guest_error(g, "a packet of type %u", p.type);
			vmbus_ring_take(ring, &p);
			vmbus_ring_publish_read(ring);
		}
		if (rc < 0)
			model_guest_error(g, "channel %u: no record in the ring", i);
	}
	if (!g->hold)
		model_release(g, UINT32_MAX);
}

bool model_drain(struct model_guest *g)
{
	return model_wait(g, g->n_out == 0);
}
