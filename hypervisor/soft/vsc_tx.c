/* SPDX-License-Identifier: BSD-3-Clause */
// Frames on their way down. As Linux: small ones are copied into a section of the send buffer,
// as many to a packet as the host takes; large ones go by their pages, behind what the section
// holds already if that leaves room for their header.
#include "vsc_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BUFFERS 32u
#define MIN_BUFFERS 4u
#define ALL_BUFFERS 256u // of all queues
#define MAX_PIECES  (1 + BUFFER_PAGES)
// A batch and a frame by its pages: what one vsc_send() may put.
#define SEND_ROOM 1024u

static int alloc_lists(struct vsc_queue *q)
{
	// Owed at most: a packet a section. How many those will be is known only later.
	q->owed_size = q->vsc->opt.receive_buffer / 64 + 1;
	q->owed = calloc(q->owed_size, sizeof(*q->owed));
	q->free_section = calloc(q->vsc->opt.send_buffer / 64 + 1, sizeof(*q->free_section));
	q->free_buffer = calloc(q->n_buffers, sizeof(*q->free_buffer));
	if (q->owed == NULL || q->free_section == NULL || q->free_buffer == NULL)
		return -ENOMEM;
	return requestor_init(&q->requests, q->out.size / 64);
}

int vsc_tx_init(struct vsc_queue *q)
{
	uint32_t n = ALL_BUFFERS / q->vsc->opt.n_queues;
	int ret;

	q->n_buffers = n < MIN_BUFFERS ? MIN_BUFFERS : n > MAX_BUFFERS ? MAX_BUFFERS : n;
	q->buffers = guest_pages_alloc(
		q->vsc->opt.pages, q->n_buffers * BUFFER_PAGES, GUEST_PAGES_BUFFER);
	ret = q->buffers == 0 ? -ENOMEM : alloc_lists(q);
	if (ret < 0) {
		vsc_tx_fini(q);
		return ret;
	}
	for (uint32_t i = 0; i < q->n_buffers; i++)
		q->free_buffer[i] = i;
	q->n_free_buffers = q->n_buffers;
	q->current = UINT32_MAX;
	q->n_free_sections = 0;
	q->batch.section = NVSP_NO_SECTION;
	q->n_owed = q->owed_first = q->n_chain = 0;
	q->kick = q->broken = q->wants_room = false;
	return 0;
}

void vsc_tx_fini(struct vsc_queue *q)
{
	if (q->buffers != 0)
		guest_pages_free(q->vsc->opt.pages, q->buffers, q->n_buffers * BUFFER_PAGES);
	q->buffers = 0;
	free(q->owed);
	free(q->free_section);
	free(q->free_buffer);
	q->owed = NULL;
	q->free_section = q->free_buffer = NULL;
	requestor_fini(&q->requests);
}

void vsc_share_sections(struct vsc *vsc, uint32_t n_queues)
{
	for (uint32_t i = 0; i < n_queues; i++) {
		struct vsc_queue *q = &vsc->queue[i];
		uint32_t first = vsc->info.n_send * i / n_queues;
		uint32_t last = vsc->info.n_send * (i + 1) / n_queues;

		q->n_free_sections = 0;
		for (uint32_t s = last; s-- > first;)
			q->free_section[q->n_free_sections++] = s;
	}
}

void vsc_sent(struct vsc_queue *q, uint64_t cookie, uint32_t status)
{
	uint32_t section = (uint32_t)cookie, buffer = cookie >> 32;

	if (section != 0)
		q->free_section[q->n_free_sections++] = section - 1;
	if (buffer != 0)
		q->free_buffer[q->n_free_buffers++] = buffer - 1;
	if (status != NVSP_STATUS_SUCCESS)
		stat_add(&q->stats.tx_failed, 1);
}

static struct nvsp_message data_message(uint32_t section, uint32_t len)
{
	return (struct nvsp_message){.type = NVSP_RNDIS_PACKET,
		.rndis.channel_type = NVSP_CHANNEL_DATA,
		.rndis.section = section,
		.rndis.section_len = len};
}

int vsc_send_section(
	struct vsc_queue *q, uint32_t section, uint32_t len, uint32_t n, uint32_t bytes)
{
	const struct nvsp_message m = data_message(section, len);

	if (vsc_put_in_band(q, &m, COOKIE(section + 1, 0)) < 0) {
		stat_add(&q->stats.no_room, 1);
		q->wants_room = true;
		return -EAGAIN;
	}
	stat_add(&q->stats.tx_packets, 1);
	stat_add(&q->stats.tx_frames, n);
	stat_add(&q->stats.tx_bytes, bytes);
	return 0;
}

uint32_t vsc_take_section(struct vsc_queue *q, uint8_t **at)
{
	uint32_t section;

	if (q->n_free_sections == 0)
		return NVSP_NO_SECTION;
	section = q->free_section[--q->n_free_sections];
	*at = q->vsc->send.base + (size_t)section * q->vsc->info.send_section;
	return section;
}

void vsc_return_section(struct vsc_queue *q, uint32_t section)
{
	q->free_section[q->n_free_sections++] = section;
}

static int end_batch(struct vsc_queue *q)
{
	int ret;

	if (q->batch.section == NVSP_NO_SECTION)
		return 0;
	ret = vsc_send_section(q, q->batch.section, q->batch.len, q->batch.n, q->batch.bytes);
	if (ret == 0)
		q->batch.section = NVSP_NO_SECTION;
	return ret;
}

bool vsc_ready(struct vsc_queue *q)
{
	if (vmbus_ring_room(&q->out, SEND_ROOM) < SEND_ROOM ||
		q->requests.n_out + 2 > q->requests.size) {
		stat_add(&q->stats.no_room, 1);
		q->wants_room = true;
		return false;
	}
	if (q->current == UINT32_MAX) {
		if (q->n_free_buffers == 0)
			return false; // with the next completion
		q->current = q->free_buffer[--q->n_free_buffers];
	}
	return true;
}

static uint64_t buffer_gpa(const struct vsc_queue *q)
{
	return q->buffers + (uint64_t)q->current * BUFFER_PAGES * GUEST_PAGE_SIZE;
}

uint8_t *vsc_buffer(struct vsc_queue *q)
{
	return guest_pages_at(q->vsc->opt.pages, buffer_gpa(q)) + HEADROOM;
}

// Room in a section for `len` more bytes: in the open one, or else in a new one.
static uint8_t *reserve(struct vsc_queue *q, uint32_t len)
{
	const struct vsc_info *info = &q->vsc->info;
	uint8_t *at;

	if (len >= info->send_section)
		return NULL;
	if (q->batch.section != NVSP_NO_SECTION &&
		(q->batch.n >= info->max_packets || q->batch.len + len >= info->send_section) &&
		end_batch(q) < 0)
		return NULL;
	if (q->batch.section == NVSP_NO_SECTION) {
		q->batch.section = vsc_take_section(q, &at);
		q->batch.len = q->batch.n = q->batch.bytes = 0;
	}
	if (q->batch.section == NVSP_NO_SECTION)
		return NULL;
	return q->vsc->send.base + (size_t)q->batch.section * info->send_section + q->batch.len;
}

// By its pages: the header is right in front of the frame, or in the open section.
static void send_pages(
	struct vsc_queue *q, const uint8_t *header, uint32_t header_len, uint8_t *at, uint32_t len)
{
	struct vsc *vsc = q->vsc;
	uint64_t gpa = buffer_gpa(q) + (at - (vsc_buffer(q) - HEADROOM));
	bool mixed = q->batch.section != NVSP_NO_SECTION && q->batch.n < vsc->info.max_packets &&
	             q->batch.len + header_len < vsc->info.send_section;
	uint32_t section = NVSP_NO_SECTION, n = 0, left = len, bytes = len, frames = 1;
	struct piece piece[MAX_PIECES + 1];
	struct nvsp_message m;

	if (mixed) {
		section = q->batch.section;
		memcpy(vsc->send.base + (size_t)section * vsc->info.send_section + q->batch.len,
			header, header_len);
		m = data_message(section, q->batch.len + header_len);
		frames += q->batch.n;
		bytes += q->batch.bytes;
		q->batch.section = NVSP_NO_SECTION;
	} else {
		end_batch(q);
		memcpy(at - header_len, header, header_len);
		gpa -= header_len;
		left += header_len;
		m = data_message(NVSP_NO_SECTION, 0);
	}
	while (left > 0) {
		uint32_t in_page = GUEST_PAGE_SIZE - gpa % GUEST_PAGE_SIZE;

		piece[n] = (struct piece){.gpa = gpa, .len = left < in_page ? left : in_page};
		gpa += piece[n].len;
		left -= piece[n++].len;
	}
	// vsc_ready() has seen to the room.
	vsc_put_pieces(q, piece, n, &m, COOKIE(section + 1, q->current + 1));
	q->current = UINT32_MAX;
	stat_add(&q->stats.tx_packets, 1);
	stat_add(&q->stats.tx_frames, frames);
	stat_add(&q->stats.tx_bytes, bytes);
}

void vsc_send(struct vsc_queue *q, uint8_t *at, uint32_t len, const struct ndis_packet_info *info)
{
	const uint32_t align = q->vsc->info.alignment - 1;
	uint8_t header[RNDIS_PACKET_BUILD_MAX + 8], *to;
	uint32_t header_len = rndis_packet_build_request(header, len, info);
	uint32_t padded = (header_len + len + align) & ~align;

	to = reserve(q, padded);
	if (to == NULL) {
		if (padded < q->vsc->info.send_section)
			stat_add(&q->stats.no_section, 1);
		send_pages(q, header, header_len, at, len);
		return;
	}
	((struct rndis_packet_msg *)header)->len = padded;
	memcpy(to, header, header_len);
	memcpy(to + header_len, at, len);
	q->batch.len += padded;
	q->batch.n++;
	q->batch.bytes += len;
	if (q->batch.n >= q->vsc->info.max_packets)
		end_batch(q);
}

void vsc_flush(struct vsc_queue *q)
{
	end_batch(q);
	if (vmbus_ring_publish_write(&q->out))
		q->kick = true;
	if (!q->kick)
		return;
	q->kick = false;
	stat_add(&q->stats.kicks, 1);
	synic_signal(q->vsc->opt.synic, q->connection_id);
}

bool vsc_arm(struct vsc_queue *q)
{
	if (q->wants_room) {
		vmbus_ring_want_room(&q->out, SEND_ROOM);
		q->wants_room = false;
		if (vmbus_ring_room(&q->out, SEND_ROOM) >= SEND_ROOM) {
			vmbus_ring_want_room(&q->out, 0);
			return false;
		}
	}
	return vmbus_ring_unmask(&q->in) || q->broken;
}

void vsc_disarm(struct vsc_queue *q)
{
	unsigned n = synic_ack(q->vsc->opt.synic, q->index);

	vmbus_ring_mask(&q->in);
	if (n > 0) {
		stat_add(&q->stats.interrupts, n);
		synic_take_events(q->vsc->opt.synic, q->index, NULL, NULL);
	}
	if (atomic_load_explicit(&q->out.hdr->pending_send_size, memory_order_relaxed) != 0)
		vmbus_ring_want_room(&q->out, 0);
}
