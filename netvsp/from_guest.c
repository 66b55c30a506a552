/* SPDX-License-Identifier: BSD-3-Clause */
// Frames from the guest: out of the ring, until it is empty, the burst is full, or there is no
// room for the answers.
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include <ndis_compat/rndis_packet.h>

#include "vsp.h"

// Copied of each message at once: all facts that Linux tells of a frame fit.
#define HEAD 96u

struct poll {
	struct netvsp *vsp;
	struct netvsp_queue *q;
	struct netvsp_frame *frames;
	unsigned n, max;
	uint32_t bytes;
	bool had_control;
};

// Where in a guest packet's bytes we are.
struct cursor {
	const struct iovec *seg;
	uint32_t at;   // in *seg
	uint32_t left; // in all
};

static inline void skip(struct cursor *c, uint32_t len)
{
	c->left -= len;
	c->at += len;
	while (c->left != 0 && c->at >= c->seg->iov_len) {
		c->at -= c->seg->iov_len;
		c->seg++;
	}
}

static void gather(const struct cursor *c, uint32_t from, uint8_t *to, uint32_t len)
{
	const struct iovec *seg = c->seg;
	uint32_t at = c->at + from;

	while (len != 0) {
		uint32_t part;

		for (; at >= seg->iov_len; seg++)
			at -= seg->iov_len;
		part = seg->iov_len - at < len ? seg->iov_len - at : len;
		memcpy(to, (const uint8_t *)seg->iov_base + at, part);
		to += part;
		at += part;
		len -= part;
	}
}

// Copies a message's header. Bytes that are in one piece come in one go, and more than there
// are if the page has them.
static inline uint32_t copy_head(
	const struct cursor *c, uint8_t head[RNDIS_PACKET_HEADER_MAX], uint32_t *msg_len)
{
	const uint8_t *from = (const uint8_t *)c->seg->iov_base + c->at;
	uint32_t len = c->left < HEAD ? c->left : HEAD, in_seg = c->seg->iov_len - c->at;
	struct rndis_packet_msg *m = (struct rndis_packet_msg *)head;
	uint32_t need;

	if (likely(in_seg >= len &&
		    GUEST_PAGE_SIZE - ((uintptr_t)from & (GUEST_PAGE_SIZE - 1)) >= HEAD))
		memcpy(head, from, HEAD);
	else
		gather(c, 0, head, len);
	OWN(*(uint8_t(*)[HEAD])head);
	if (unlikely(len < sizeof(*m)))
		return 0;
	*msg_len = m->len;
	need = m->data_offset < RNDIS_PACKET_HEADER_MAX ? m->data_offset + RNDIS_PACKET_BODY : 0;
	if (likely(need <= HEAD) || len < HEAD)
		return len;
	if (need > c->left)
		need = c->left;
	if (need > RNDIS_PACKET_HEADER_MAX)
		need = RNDIS_PACKET_HEADER_MAX;
	if (need > HEAD)
		gather(c, HEAD, head + HEAD, need - HEAD);
	return need > HEAD ? need : HEAD;
}

// Lists the frame's bytes. False: more pieces than one poll has room for.
static inline bool list_frame(struct netvsp_queue *q, const struct cursor *c, uint32_t offset,
	uint32_t len, struct netvsp_frame *f)
{
	const struct iovec *seg = c->seg;
	uint32_t at = c->at + offset, n = q->n_segs;

	f->seg = &q->segs[n];
	f->len = len;
	for (; at >= seg->iov_len; seg++)
		at -= seg->iov_len;
	do {
		uint32_t part = seg->iov_len - at < len ? seg->iov_len - at : len;

		if (unlikely(n == SEGS_OF_POLL))
			return false;
		q->segs[n++] = (struct iovec){
			.iov_base = (uint8_t *)seg->iov_base + at,
			.iov_len = part,
		};
		len -= part;
		at = 0;
		seg++;
	} while (len != 0);
	f->n_segs = n - q->n_segs;
	q->n_segs = n;
	return true;
}

// All RNDIS messages in a guest packet's bytes. 1; 0: more frames than there is room for now;
// -EINVAL: malformed.
static inline int parse_messages(struct poll *poll, struct cursor *c)
{
	alignas(64) uint8_t head[RNDIS_PACKET_HEADER_MAX];
	unsigned n = 0;

	while (c->left != 0) {
		uint32_t msg_len = 0, offset, len, head_len = copy_head(c, head, &msg_len);
		struct netvsp_frame *f = &poll->frames[poll->n];

		if (unlikely(n++ == NETVSP_MAX_TX_BATCH))
			return -EINVAL;
		if (unlikely(poll->n == poll->max))
			return 0;
		if (unlikely(rndis_packet_parse(head, head_len, c->left, &offset, &len, &f->info) !=
			     0))
			return -EINVAL;
		if (unlikely(len > NETVSP_MAX_FRAME || msg_len < offset + len))
			return -EINVAL;
		if (unlikely(!list_frame(poll->q, c, offset, len, f)))
			return 0;
		poll->bytes += len;
		poll->n++;
		skip(c, msg_len);
	}
	return n != 0 ? 1 : -EINVAL;
}

// Puts "done with it" into the ring; there is room.
static inline void complete(
	struct netvsp *vsp, struct netvsp_queue *q, const struct vmbus_packet *p, uint32_t status)
{
	uint64_t *to;

	if (!p->wants_completion)
		return;
	to = (uint64_t *)vmbus_ring_put(&q->channel->to_guest, VMBUS_PACKET_COMPLETION, false,
		p->transaction, 0, vsp->wire_size);
	to[0] = NVSP_RNDIS_PACKET_COMPLETE | (uint64_t)status << 32;
	to[1] = to[2] = to[3] = 0;
	if (vsp->wire_size > 32)
		to[4] = 0;
}

void complete_with(struct netvsp *vsp, struct netvsp_queue *q, uint64_t transaction,
	const struct nvsp_message *msg)
{
	uint8_t *to = vmbus_ring_put(&q->channel->to_guest, VMBUS_PACKET_COMPLETION, false,
		transaction, 0, vsp->wire_size);

	memcpy(to, msg, vsp->wire_size);
}

// A section whose bytes we see in one piece needs no list.
static inline bool map_quickly(const struct netvsp *vsp, const struct vmbus_packet *p,
	uint32_t section, uint32_t len, struct iovec *seg)
{
	uint32_t run;

	if (p->type != VMBUS_PACKET_IN_BAND || vsp->send == NULL || section >= vsp->state.n_send ||
		len > SEND_SECTION || len == 0)
		return false;
	seg->iov_base = gpadl_at(vsp->send, section * SEND_SECTION, len, &run);
	seg->iov_len = len;
	return run == len;
}

// 1: taken; 0: not now.
static inline int take_data(
	struct poll *poll, const struct vmbus_packet *p, uint32_t section, uint32_t section_len)
{
	struct netvsp_queue *q = poll->q;
	struct guest_bytes bytes;
	struct cursor c = {.seg = bytes.seg};
	unsigned n = poll->n, n_segs = q->n_segs;
	uint32_t n_bytes = poll->bytes;
	int rc = 0;

	if (likely(map_quickly(poll->vsp, p, section, section_len, &bytes.seg[0]))) {
		c.left = section_len;
	} else {
		rc = guest_bytes_map(poll->vsp, q->channel, p, section, section_len, &bytes);
		c.left = bytes.len;
	}
	if (likely(rc == 0 && poll->vsp->state.rndis_initialized))
		rc = parse_messages(poll, &c);
	else
		rc = -EINVAL;
	if (likely(rc > 0)) {
		complete(poll->vsp, q, p, NVSP_STATUS_SUCCESS);
		return 1;
	}
	poll->n = n;
	poll->bytes = n_bytes;
	q->n_segs = n_segs;
	if (rc == 0 && n != 0)
		return 0;
	count_up(&poll->vsp->n_bad_frames, 1);
	budget_garbage(poll->vsp);
	complete(poll->vsp, q, p, NVSP_STATUS_INVALID_RNDIS);
	return 1;
}

static void take_rndis_control(
	struct poll *poll, const struct vmbus_packet *p, const uint32_t head[4])
{
	struct netvsp *vsp = poll->vsp;
	struct guest_bytes bytes;
	bool good = poll->q->index == 0 && vsp->receive != NULL &&
	            head[1] == NVSP_CHANNEL_CONTROL &&
	            guest_bytes_map(vsp, poll->q->channel, p, head[2], head[3], &bytes) == 0 &&
	            bytes.len <= sizeof(vsp->request);
	enum nvsp_status status = NVSP_STATUS_SUCCESS;

	if (!good)
		status = NVSP_STATUS_INVALID_RNDIS;
	// Nor is there any waiting: the completions that give sections back stand behind it in the
	// ring, where the guest may have no room for them until this one is taken.
	else if (!rndis_can_answer(vsp))
		status = NVSP_STATUS_BUSY;
	if (status == NVSP_STATUS_SUCCESS) {
		guest_bytes_copy(&bytes, vsp->request);
		OWN(vsp->request);
	}
	// First the completion of what carried it: the answer may come in any order, yet this
	// is the one that guests are used to.
	complete(vsp, poll->q, p, status);
	if (status != NVSP_STATUS_SUCCESS || !rndis_handle(vsp, vsp->request, bytes.len))
		count_up(&vsp->n_bad_messages, 1);
}

// Anything that is no frame. 1: taken; 0: not now.
static int take_control(struct poll *poll, const struct vmbus_packet *p, const uint32_t head[4])
{
	struct netvsp *vsp = poll->vsp;
	bool rndis = p->len >= 16 && head[0] == NVSP_RNDIS_PACKET;
	uint64_t start;
	bool taken = true;

	if (poll->had_control)
		return 0;
	if (!budget_begin_control(vsp, &start))
		return 0;
	if (vmbus_ring_room(&poll->q->channel->to_guest, CONTROL_ROOM) < CONTROL_ROOM) {
		poll->q->blocked = true;
		return 0;
	}
	poll->had_control = true;
	if (rndis) {
		take_rndis_control(poll, p, head);
	} else if (poll->q->index == 0 && p->type == VMBUS_PACKET_IN_BAND) {
		taken = nvsp_handle(vsp, p);
	} else {
		count_up(&vsp->n_bad_messages, 1);
		complete(vsp, poll->q, p, NVSP_STATUS_FAIL);
	}
	budget_end_control(vsp, start);
	if (taken)
		count_up(&vsp->n_control, 1);
	return taken;
}

// One record. 1: taken; 0: not now; -EPROTO.
static inline int take_record(struct poll *poll, const struct vmbus_packet *p)
{
	struct netvsp_queue *q = poll->q;
	uint32_t head[4] = {};

	if (p->type == VMBUS_PACKET_COMPLETION) {
		to_guest_returned(poll->vsp, q, p->transaction);
		return 1;
	}
	if (unlikely(p->type == VMBUS_PACKET_XFER_PAGES))
		return -EPROTO;
	// Nothing is read whose completion has no room.
	if (unlikely(vmbus_ring_room(&q->channel->to_guest, 128) < 128)) {
		q->blocked = true;
		return 0;
	}
	if (likely(p->len >= sizeof(head)))
		memcpy(head, p->body, sizeof(head));
	OWN(head);
	if (likely(head[0] == NVSP_RNDIS_PACKET && head[1] == NVSP_CHANNEL_DATA))
		return take_data(poll, p, head[2], head[3]);
	return take_control(poll, p, head);
}

// The next record's section is on its way into the cache while this one is looked at.
static inline void prefetch_next(
	const struct netvsp *vsp, const struct vmbus_ring *r, const struct vmbus_packet *p)
{
	uint32_t ahead = vmbus_ring_distance(r, r->at, r->peer), section, run;

	if (ahead < p->total + 32 || vsp->send == NULL)
		return;
	section = *(const volatile uint32_t *)(r->data + r->at + p->total + 24);
	if (section < vsp->state.n_send) {
		const uint8_t *at = gpadl_at(vsp->send, section * SEND_SECTION, 1, &run);

		__builtin_prefetch(at);
		__builtin_prefetch(at + 64);
	}
}

static void poll_ring(struct poll *poll)
{
	struct netvsp_queue *q = poll->q;
	struct vmbus_ring *ring = &q->channel->from_guest;
	struct vmbus_packet p;
	int rc = 1;

	for (unsigned i = 0; i < RECORDS_OF_POLL && poll->bytes < NETVSP_BURST_BYTES &&
			     poll->n < poll->max && rc > 0;
		i++) {
		rc = vmbus_ring_peek(ring, &p);
		if (unlikely(rc < 0)) {
			vsp_fail(poll->vsp, q, "no record where one should be in the ring");
			break;
		}
		if (rc == 0)
			break;
		prefetch_next(poll->vsp, ring, &p);
		rc = take_record(poll, &p);
		if (likely(rc > 0))
			vmbus_ring_take(ring, &p);
		else if (unlikely(rc < 0))
			vsp_fail(poll->vsp, q, "a packet of a type that guests do not send");
	}
}

int netvsp_poll_from_guest(
	struct netvsp *vsp, uint32_t queue, struct netvsp_frame *frames, unsigned max)
{
	struct netvsp_queue *q = &vsp->queue[queue];
	struct poll poll = {.vsp = vsp, .q = q, .frames = frames, .max = max};

	if (unlikely(!queue_runs(q)))
		return q->channel == NULL ? 0 : -EPROTO;
	to_guest_close(vsp, q);
	q->polling = true;
	q->blocked = false;
	q->n_segs = 0;
	if (queue == 0)
		rndis_tell(vsp);
	if (likely(vsp->garbage_after == 0 || budget_allows(vsp)))
		poll_ring(&poll);
	if (poll.n != 0) {
		count_up(&q->count.from_guest_frames, poll.n);
		count_up(&q->count.from_guest_bytes, poll.bytes);
		return poll.n;
	}
	return unlikely(q->failed) ? -EPROTO : 0;
}
