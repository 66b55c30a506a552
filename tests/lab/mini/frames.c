/* SPDX-License-Identifier: BSD-3-Clause */
// What comes up the rings, and frames on their way down: every other in a section of the send
// buffer, the rest by their pages.
#include <ndis_compat/rndis_packet.h>

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define CONTROL    0xc0de
#define BATCH      64
#define POLL_US    200000u
#define HEAD       sizeof(struct rndis_packet_msg)
#define RANGES_MAX 375u

static void complete(struct nic_queue *q, uint64_t transaction)
{
	const uint32_t payload[2] = {NVSP_RNDIS_PACKET_COMPLETE, NVSP_STATUS_SUCCESS};

	while (!ring_put(&q->out, VMBUS_PACKET_COMPLETION, false, transaction, NULL, 0, payload,
		sizeof(payload), &q->signal)) {
		if (!q->open)
			return;
		q->signal = true;
		nic_flush(q);
		relax();
	}
}

static void take_message(struct nic_queue *q, const uint8_t *at, uint32_t len)
{
	struct rndis_packet_msg m;

	memcpy(&m, at, len < sizeof(m) ? len : sizeof(m));
	if (m.type != RNDIS_MSG_PACKET) {
		rndis_take(at, len);
		return;
	}
	if (len < sizeof(m) || m.data_offset > len - RNDIS_PACKET_BODY ||
		m.data_len > len - RNDIS_PACKET_BODY - m.data_offset) {
		nic.rx_bad++;
		return;
	}
	__atomic_fetch_add(&nic.rx, 1, __ATOMIC_RELAXED);
	net_take(q, at + RNDIS_PACKET_BODY + m.data_offset, m.data_len);
}

static void take_frames(struct nic_queue *q)
{
	const struct ring_record *r = &q->record;
	struct vmbus_xfer_header head;

	memcpy(&head, r->bytes, sizeof(head));
	if (head.n_ranges > RANGES_MAX || r->header_len < 8 + 8 * head.n_ranges) {
		nic.rx_bad++;
		return;
	}
	for (uint32_t i = 0; i < head.n_ranges; i++) {
		struct vmbus_xfer_range range;

		memcpy(&range, r->bytes + 8 + 8 * i, sizeof(range));
		if (range.len > NIC_RECEIVE_PAGES * PAGE || range.len < 16 ||
			range.offset > NIC_RECEIVE_PAGES * PAGE - range.len)
			nic.rx_bad++;
		else
			take_message(q, nic.receive + range.offset, range.len);
	}
	complete(q, r->transaction);
}

static void take_completion(struct nic_queue *q)
{
	const struct ring_record *r = &q->record;

	if (r->transaction >= 1 && r->transaction <= NIC_SLOTS) {
		__atomic_fetch_and(&q->busy, ~(1u << (r->transaction - 1)), __ATOMIC_RELAXED);
		return;
	}
	if (r->transaction != CONTROL || r->len < 8)
		return;
	memcpy(&nic.reply, r->bytes, r->len < sizeof(nic.reply) ? r->len : sizeof(nic.reply));
	if (nic.reply.type == NVSP_RNDIS_PACKET_COMPLETE)
		nic.request_done = true;
	else
		nic.replied = true;
}

static bool poll_queue(struct nic_queue *q)
{
	int n;

	for (n = 0; n < BATCH && q->open; n++) {
		int ret = ring_get(&q->in, &q->record, &q->signal);

		if (ret < 0) {
			nic.rx_bad++;
			q->open = false;
		}
		if (ret <= 0)
			break;
		if (q->record.type == VMBUS_PACKET_XFER_PAGES)
			take_frames(q);
		else if (q->record.type == VMBUS_PACKET_COMPLETION)
			take_completion(q);
	}
	nic_flush(q);
	return n > 0;
}

bool nic_poll(void)
{
	uint32_t cpu = this_cpu()->index;
	bool any = false;

	for (uint32_t i = 0; i < NIC_MAX_QUEUES; i++) {
		struct nic_queue *q = &nic.queue[i];

		if (!q->open || q->vp != cpu)
			continue;
		synic_take_event(q->relid);
		any |= poll_queue(q);
	}
	return any;
}

const char *nic_wait(bool (*done)(void), uint64_t us)
{
	uint64_t until = clock_us() + us, now;
	bool any;

	for (;;) {
		any = bus_poll();
		any |= nic_poll();
		if (done())
			return NULL;
		now = clock_us();
		if (now >= until)
			return "no answer";
		if (!any)
			clock_sleep(until - now > POLL_US ? now + POLL_US : until);
	}
}

uint8_t *frame_alloc(struct nic_queue *q, uint32_t *slot)
{
	for (uint32_t i = 0; i < NIC_SLOTS; i++) {
		if (__atomic_fetch_or(&q->busy, 1u << i, __ATOMIC_RELAXED) & 1u << i)
			continue;
		*slot = i;
		return q->slots + i * PAGE + HEAD;
	}
	return NULL;
}

void frame_send(struct nic_queue *q, uint32_t slot, uint32_t len)
{
	uint8_t *at = q->slots + slot * PAGE;
	uint32_t total = (HEAD + len + 7) & ~7u, section = q->index * NIC_SLOTS + slot;
	struct rndis_packet_msg head = {.type = RNDIS_MSG_PACKET,
		.len = total,
		.data_offset = HEAD - RNDIS_PACKET_BODY,
		.data_len = len};
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET, .rndis.channel_type = NVSP_CHANNEL_DATA};
	struct {
		struct vmbus_gpa_header head;
		uint32_t len, offset;
		uint64_t pfn;
	} range = {.head.n_ranges = 1, .len = total, .pfn = gpa_of(at) / PAGE};
	bool sent;

	memcpy(at, &head, sizeof(head));
	if (slot % 2 == 1 && section < nic.n_sections && total <= nic.section_size) {
		memcpy(nic.send + section * nic.section_size, at, total);
		m.rndis.section = section;
		m.rndis.section_len = total;
		sent = ring_put(&q->out, VMBUS_PACKET_IN_BAND, true, slot + 1, NULL, 0, &m,
			sizeof(m), &q->signal);
	} else {
		m.rndis.section = NVSP_NO_SECTION;
		sent = ring_put(&q->out, VMBUS_PACKET_GPA_DIRECT, true, slot + 1, &range,
			sizeof(range), &m, sizeof(m), &q->signal);
	}
	if (sent)
		__atomic_fetch_add(&nic.tx, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&q->busy, ~(1u << slot), __ATOMIC_RELAXED);
	nic_flush(q);
}
