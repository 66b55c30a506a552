/* SPDX-License-Identifier: BSD-3-Clause */
// A ring whose other side writes what it likes where it likes, between any two of our steps:
// nothing may be read or written outside of the ring, and every record taken is progress.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hypervisor/vmbus/ring.h>

#include "guest_pages.h"

#define MAX_DATA 4u // pages

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_mem mem;

struct input {
	const uint8_t *at, *end;
};

static uint32_t take(struct input *in, unsigned bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | (in->at < in->end ? *in->at++ : 0);
	return value;
}

static void must(bool truth)
{
	if (!truth)
		abort();
}

// Reads each byte: sanitizers and the processor say if one is not there.
static void touch(const struct vmbus_ring *r, const uint8_t *from, uint32_t len)
{
	must(from >= r->data && len <= 2 * r->size && from + len <= r->data + 2 * r->size);
	for (uint32_t i = 0; i < len; i += 64)
		__asm__ volatile("" : : "r"(from[i]));
	if (len > 0)
		__asm__ volatile("" : : "r"(from[len - 1]));
}

// All that there is to read, as a device does it: it ends, and no later than the bytes do.
static void drain(struct vmbus_ring *r, uint32_t limit)
{
	struct vmbus_packet p;
	uint64_t taken = 0;

	while (limit-- > 0 && vmbus_ring_peek(r, &p) == 1) {
		must(p.total >= 24 && p.total % 8 == 0 && p.total < r->size);
		must(p.total == 16 + p.header_len + p.len + VMBUS_TRAILER);
		must(p.body == p.header + p.header_len);
		must((VMBUS_PACKETS_WITH_RANGES >> p.type & 1) == 0 || p.header_len >= 8);
		touch(r, p.header, p.header_len + p.len + VMBUS_TRAILER);
		taken += p.total;
		vmbus_ring_take(r, &p);
		must(vmbus_ring_index_is_good(r, r->at));
	}
	must(taken < r->size); // the other side does not run while we do
}

static void put(struct vmbus_ring *r, uint32_t header_len, uint32_t len)
{
	uint32_t room = vmbus_ring_room(r, r->size), before = r->at;
	uint8_t *to = vmbus_ring_put(r, VMBUS_PACKET_IN_BAND, true, 1, header_len, len);

	must(room <= r->size - 8);
	must((to != NULL) == (vmbus_record_size(header_len, len) <= room));
	must(vmbus_ring_index_is_good(r, r->at));
	if (to == NULL) {
		must(r->at == before);
		return;
	}
	must(to == r->data + before + 16);
	memset(to, 0xaa, header_len + len);
	must(vmbus_ring_room(r, 0) < room);
}

static void step(struct vmbus_ring *reader, struct vmbus_ring *writer, struct input *in)
{
	uint8_t *page = guest_mem_at(&mem, 0, (1 + MAX_DATA) * GUEST_PAGE_SIZE);
	uint32_t len, where;

	switch (take(in, 1) % 16) {
	case 0: writer->hdr->write_index = take(in, 2) * 8; break;
	case 1: writer->hdr->write_index = take(in, 4); break;
	case 2: writer->hdr->read_index = take(in, 2) * 8; break;
	case 3: writer->hdr->read_index = take(in, 4); break;
	case 4: writer->hdr->pending_send_size = take(in, 4); break;
	case 5: writer->hdr->interrupt_mask = take(in, 1); break;
	case 6: writer->hdr->feature_bits = take(in, 1); break;
	case 7: // bytes of the other side's, header and all
	case 8:
		len = take(in, 1) % 64 + 1;
		where = take(in, 2) * 8 % ((1 + MAX_DATA) * GUEST_PAGE_SIZE - 64);
		for (uint32_t i = 0; i < len; i++)
			page[where + i] = take(in, 1);
		break;
	case 9: put(writer, take(in, 1) % 8 * 8, take(in, 2) % (5 * GUEST_PAGE_SIZE)); break;
	case 10: put(writer, take(in, 1) % 4 * 8, take(in, 1)); break;
	case 11: vmbus_ring_publish_write(writer); break;
	case 12: vmbus_ring_want_room(writer, take(in, 2)); break;
	case 13:
		vmbus_ring_publish_read(reader);
		must(reader->hdr->read_index == reader->at || reader->published == reader->at);
		break;
	case 14: drain(reader, 1); break;
	default: drain(reader, UINT32_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.at = data, .end = data + size};
	struct vmbus_ring reader, writer;
	struct gpadl list;
	uint64_t pfn[1 + MAX_DATA];
	uint32_t kind = take(&in, 1), n = 1 + kind % (MAX_DATA + 1);

	if (mem.n == 0)
		guest_pages(&mem, 0, 1 + MAX_DATA);
	memset(mem.region[0].host, 0, mem.region[0].size);
	mem.region[0].page_size = kind & 0x80 ? 2u << 20 : GUEST_PAGE_SIZE; // to be copied
	for (uint32_t i = 0; i < n; i++)
		pfn[i] = kind & 0x40 ? n - 1 - i : i;
	if (gpadl_init(&list, &mem, 1, 0, n * GUEST_PAGE_SIZE, pfn, n) != 0)
		abort();
	memcpy(list.page[0], &(uint32_t[]){take(&in, 2), take(&in, 2)}, 8);
	if (vmbus_ring_map(&reader, &mem, &list, 0, n) == 0) {
		if (vmbus_ring_map(&writer, &mem, &list, 0, n) != 0)
			abort();
		vmbus_ring_be_reader(&reader);
		vmbus_ring_be_writer(&writer);
		while (in.at < in.end)
			step(&reader, &writer, &in);
		vmbus_ring_unmap(&writer);
		vmbus_ring_unmap(&reader);
	}
	gpadl_fini(&list);
	return 0;
}
