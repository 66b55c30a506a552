/* SPDX-License-Identifier: BSD-3-Clause */
// What comes up the ring: frames in sections of the receive buffer, completions, messages. Each
// packet of frames is completed once, when all its frames have been dealt with.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

#define HEAD          64u // of a message is copied at once: a cache line
#define COMPLETION    8u  // payload: type and status
#define DATA_LEAST    8u
#define COMPLETE_ROOM 32u
#define AHEAD         12u // frames

static bool complete(struct vsc_queue *q, uint64_t id, uint32_t status)
{
	const uint32_t payload[2] = {NVSP_RNDIS_PACKET_COMPLETE, status};
	uint8_t *at = vmbus_ring_put(&q->out, VMBUS_PACKET_COMPLETION, false, id, 0, COMPLETION);

	if (at == NULL)
		return false;
	memcpy(at, payload, sizeof(payload));
	return true;
}

void vsc_pay_owed(struct vsc_queue *q)
{
	while (q->n_owed > 0) {
		const struct owed *o = &q->owed[q->owed_first];

		if (!complete(q, o->id, o->status)) {
			q->wants_room = true;
			return;
		}
		q->owed_first = (q->owed_first + 1) % q->owed_size;
		q->n_owed--;
	}
}

static void owe(struct vsc_queue *q, uint64_t id, uint32_t status)
{
	if (q->n_owed == 0 && complete(q, id, status))
		return;
	stat_add(&q->stats.no_room, 1);
	q->wants_room = true;
	if (q->n_owed == q->owed_size) {
		vsc_blame(q, &q->stats.bad_packets, "more packets than sections");
		return;
	}
	q->owed[(q->owed_first + q->n_owed++) % q->owed_size] =
		(struct owed){.id = id, .status = status};
}

static void deliver(struct vsc_queue *q, struct iovec *seg, unsigned n, uint32_t len,
	const struct ndis_packet_info *info)
{
	struct vsc_frame frame = {.seg = seg, .n_segs = n, .len = len, .info = *info};

	stat_add(&q->stats.rx_frames, 1);
	stat_add(&q->stats.rx_bytes, len);
	q->vsc->opt.ops->receive(q->vsc->opt.arg, q->index, &frame);
}

// A link of a chain. Linux joins the links into one frame and knows no other order than this.
static bool add_link(
	struct vsc_queue *q, uint8_t *at, uint32_t len, const struct ndis_packet_info *info)
{
	bool first = info->flags & NDIS_INFO_RSC_FIRST, last = info->flags & NDIS_INFO_RSC_LAST;

	if (first != (q->n_chain == 0)) {
		vsc_blame(q, &q->stats.bad_packets, "chain out of order");
		q->n_chain = 0;
		return false;
	}
	if (first) {
		q->chain_len = 0;
		q->chain_info = *info;
	}
	if (q->n_chain == VSC_MAX_SEGS || len > VSC_FRAME_MAX - q->chain_len) {
		vsc_blame(q, &q->stats.bad_packets, "chain too long");
		q->n_chain = 0;
		return false;
	}
	q->chain[q->n_chain++] = (struct iovec){.iov_base = at, .iov_len = len};
	q->chain_len += len;
	if (last) {
		stat_add(&q->stats.rx_chains, 1);
		deliver(q, q->chain, q->n_chain, q->chain_len, &q->chain_info);
		q->n_chain = 0;
	}
	return true;
}

// Copies what is to be parsed of a message, and no more: the host has just written it, and what
// nobody looks at stays where it is. Bytes of it, at least those of the message's own header.
static uint32_t copy_head(uint8_t head[RNDIS_PACKET_HEADER_MAX], const uint8_t *msg, uint32_t len)
{
	uint32_t n = len < HEAD ? len : HEAD;
	struct rndis_packet_msg m = {};
	uint64_t end;

	memcpy(head, msg, n);
	memcpy(&m, head, n < sizeof(m) ? n : sizeof(m));
	end = (uint64_t)m.ppi_offset + RNDIS_PACKET_BODY + m.ppi_len;
	if (m.ppi_len == 0 || end <= n)
		return n;
	if (end > len)
		end = len;
	if (end > RNDIS_PACKET_HEADER_MAX)
		end = RNDIS_PACKET_HEADER_MAX;
	memcpy(head + n, msg + n, end - n);
	return end;
}

static bool on_data(struct vsc_queue *q, uint8_t *msg, uint32_t len)
{
	uint8_t head[RNDIS_PACKET_HEADER_MAX];
	uint32_t head_len = copy_head(head, msg, len), at, frame_len;
	struct ndis_packet_info info;
	struct iovec seg;
	int ret = rndis_packet_parse_indicated(head, head_len, len, &at, &frame_len, &info);

	if (ret < 0 || at > len || frame_len > len - at) {
		vsc_blame(q, &q->stats.bad_packets, "RNDIS packet malformed");
		return false;
	}
	if (info.flags & NDIS_INFO_RSC)
		return add_link(q, msg + at, frame_len, &info);
	if (q->n_chain > 0) {
		vsc_blame(q, &q->stats.bad_packets, "frame within a chain");
		q->n_chain = 0;
		return false;
	}
	seg = (struct iovec){.iov_base = msg + at, .iov_len = frame_len};
	deliver(q, &seg, 1, frame_len, &info);
	return true;
}

static bool on_range(struct vsc_queue *q, struct vmbus_xfer_range range)
{
	struct vsc *vsc = q->vsc;
	uint64_t size = (uint64_t)vsc->receive.n_pages * GUEST_PAGE_SIZE;
	uint32_t type;
	uint8_t *msg;

	if (range.offset > size || range.len > size - range.offset ||
		range.len > vsc->info.receive_section || range.len < DATA_LEAST) {
		vsc_blame(q, &q->stats.bad_ranges, "range outside of the receive buffer");
		q->n_chain = 0;
		return false;
	}
	msg = vsc->receive.base + range.offset;
	memcpy(&type, msg, sizeof(type));
	if (type == RNDIS_MSG_PACKET)
		return on_data(q, msg, range.len);
	vsc_on_control(q, msg, range.len);
	return true;
}

// Frames that come later in the packet are on their way while the earlier ones are looked at.
static inline void prefetch_range(const struct vsc *vsc, const uint8_t *ranges, uint32_t i)
{
	struct vmbus_xfer_range range;
	const uint8_t *at;

	memcpy(&range, ranges + i * sizeof(range), sizeof(range));
	if (range.offset >= vsc->receive.n_pages * GUEST_PAGE_SIZE)
		return;
	at = vsc->receive.base + range.offset;
	__builtin_prefetch(at);
}

void vsc_on_frames(struct vsc_queue *q, const struct vmbus_packet *p)
{
	uint32_t nvsp_type, n, status = NVSP_STATUS_SUCCESS;
	struct vmbus_xfer_header header;
	const uint8_t *ranges;

	memcpy(&header, p->header, sizeof(header));
	n = header.n_ranges;
	memcpy(&nvsp_type, p->body, p->len < sizeof(nvsp_type) ? 0 : sizeof(nvsp_type));
	if (p->len < sizeof(nvsp_type) || nvsp_type != NVSP_RNDIS_PACKET ||
		header.pageset != NVSP_RECEIVE_BUFFER_ID || n == 0 || n > VSC_MAX_SEGS ||
		p->header_len < sizeof(header) + n * sizeof(struct vmbus_xfer_range) ||
		q->vsc->info.n_receive == 0) {
		vsc_blame(q, &q->stats.bad_packets, "packet of frames malformed");
		return;
	}
	stat_add(&q->stats.rx_packets, 1);
	ranges = p->header + sizeof(header);
	for (uint32_t i = 0; i < n && i < AHEAD; i++)
		prefetch_range(q->vsc, ranges, i);
	for (uint32_t i = 0; i < n; i++) {
		struct vmbus_xfer_range range;

		memcpy(&range, ranges + i * sizeof(range), sizeof(range));
		if (i + AHEAD < n)
			prefetch_range(q->vsc, ranges, i + AHEAD);
		if (!on_range(q, range))
			status = NVSP_STATUS_FAIL;
	}
	if (q->n_chain > 0) {
		vsc_blame(q, &q->stats.bad_packets, "chain open at the packet's end");
		q->n_chain = 0;
	}
	owe(q, p->transaction, status);
}

static void on_packet(struct vsc_queue *q, const struct vmbus_packet *p)
{
	switch (p->type) {
	case VMBUS_PACKET_XFER_PAGES: vsc_on_frames(q, p); break;
	case VMBUS_PACKET_COMPLETION: vsc_on_completion(q, p); break;
	case VMBUS_PACKET_IN_BAND: vsc_on_in_band(q, p); break;
	default: vsc_blame(q, &q->stats.bad_packets, "record of unknown type");
	}
}

unsigned vsc_poll(struct vsc_queue *q)
{
	struct vmbus_packet p;
	unsigned n;

	if (q->n_owed > 0)
		vsc_pay_owed(q);
	for (n = 0; n < POLL_BUDGET; n++) {
		int ret = vmbus_ring_peek(&q->in, &p);

		if (ret < 0 && !q->broken) {
			vsc_blame(q, &q->stats.bad_packets, "ring broken");
			q->broken = true;
		}
		if (ret <= 0)
			break;
		on_packet(q, &p);
		vmbus_ring_take(&q->in, &p);
	}
	if (n > 0 && vmbus_ring_publish_read(&q->in))
		q->kick = true;
	return n;
}
