/* SPDX-License-Identifier: BSD-3-Clause */
// Rings that are not what they should be, while the host reads them.
#include "hostile.h"

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

static void signal(void)
{
	hyperv_signal(nic.queue[0].connection_id);
}

static void random_indices(uint32_t times)
{
	while (times-- > 0) {
		struct ring *r = chance_of(2) ? &nic.queue[0].out : &nic.queue[0].in;
		volatile uint32_t *at = &r->hdr->write_index + chance_of(4);

		*at = chance_of(2) ? (uint32_t)chance_number() : 8 * chance_of(r->size / 8);
		signal();
	}
}

static void random_header(uint32_t times)
{
	while (times-- > 0) {
		struct ring *r = chance_of(2) ? &nic.queue[0].out : &nic.queue[0].in;

		chance_fill(r->hdr, PAGE);
		signal();
	}
}

// One record whose descriptor lies.
static void lie(uint32_t which)
{
	struct ring *r = &nic.queue[0].out;
	uint32_t at = r->hdr->write_index % r->size & ~7u;
	struct vmbus_descriptor d = {
		.type = VMBUS_PACKET_IN_BAND, .offset8 = 2, .len8 = 7, .transaction = chance()};

	switch (which) {
	case 0: d.len8 = 0xffff; break;
	case 1: d.offset8 = chance_of(2); break;
	case 2: d.type = chance_number(); break;
	case 3: d.flags = chance_number(); break;
	case 4: d.offset8 = 9; break;
	case 5: d.type = VMBUS_PACKET_GPA_DIRECT; break;
	case 6: d.type = VMBUS_PACKET_XFER_PAGES; break;
	default: chance_fill(&d, sizeof(d)); break;
	}
	for (uint32_t i = 0; i < sizeof(d); i++)
		r->data[(at + i) % r->size] = ((uint8_t *)&d)[i];
	r->hdr->write_index = (at + 64) % r->size;
	signal();
}

static void lying_records(uint32_t times)
{
	for (uint32_t i = 0; i < times; i++) {
		lie(chance_of(8));
		// A ring that is broken is not looked at again.
		if (i % 20 == 19) {
			nic_forget();
			if (bus_start() != NULL || nic_open(0, 1) != NULL)
				return;
		}
	}
}

static void random_data(uint32_t times)
{
	struct ring *r = &nic.queue[0].out;

	while (times-- > 0) {
		chance_fill(r->data + PAGE * chance_of(r->size / PAGE), PAGE);
		r->hdr->write_index = 8 * chance_of(r->size / 8);
		signal();
	}
}

static void random_completions(uint32_t times)
{
	struct nic_queue *q = &nic.queue[0];
	uint8_t payload[64];

	while (times-- > 0) {
		chance_fill(payload, sizeof(payload));
		ring_put(&q->out, VMBUS_PACKET_COMPLETION, chance_of(2), chance_number(), NULL, 0,
			payload, chance_of(sizeof(payload)), &q->signal);
		signal();
	}
}

// Asks and asks, and never reads what comes.
static void never_read(uint32_t times)
{
	struct nic_queue *q = &nic.queue[0];
	const struct nvsp_message m = {.type = NVSP_SUBCHANNEL,
		.subchannel.operation = NVSP_SUBCHANNEL_ALLOCATE,
		.subchannel.count = 1};

	for (uint32_t i = 0; i < 20 * times; i++) {
		ring_put(&q->out, VMBUS_PACKET_IN_BAND, true, chance(), NULL, 0, &m, sizeof(m),
			&q->signal);
		if (i % 100 == 0)
			signal();
	}
}

// The other side reads while the records change.
static void changing(uint32_t times)
{
	struct nic_queue *q = &nic.queue[0];

	while (times-- > 0) {
		lie(chance_of(8));
		for (int i = 0; i < 100; i++) {
			q->out.data[chance_of(q->out.size)] = chance();
			q->out.hdr->write_index = 8 * chance_of(q->out.size / 8);
			q->out.hdr->read_index = 8 * chance_of(q->out.size / 8);
		}
	}
}

const struct hostile hostile_ring[] = {
	{.name = "random_indices", .run = random_indices, .needs_nic = true},
	{.name = "random_header", .run = random_header, .needs_nic = true},
	{.name = "lying_records", .run = lying_records, .needs_nic = true},
	{.name = "random_data", .run = random_data, .needs_nic = true},
	{.name = "random_completions", .run = random_completions, .needs_nic = true},
	{.name = "never_read", .run = never_read, .needs_nic = true},
	{.name = "changing", .run = changing, .needs_nic = true},
	{},
};
