/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring.h"

#include "machine.h"
#include "text.h"

void ring_init(struct ring *r, uint8_t *pages, uint32_t n)
{
	r->hdr = (struct ring_header *)pages;
	r->data = pages + PAGE;
	r->size = (n - 1) * PAGE;
	memset(pages, 0, PAGE);
	r->hdr->features = 1;
}

static uint32_t copy_in(struct ring *r, uint32_t at, const void *from, uint32_t len)
{
	uint32_t run = len < r->size - at ? len : r->size - at;

	memcpy(r->data + at, from, run);
	memcpy(r->data, (const uint8_t *)from + run, len - run);
	return (at + len) % r->size;
}

static uint32_t copy_out(const struct ring *r, uint32_t at, void *to, uint32_t len)
{
	uint32_t run = len < r->size - at ? len : r->size - at;

	memcpy(to, r->data + at, run);
	memcpy((uint8_t *)to + run, r->data, len - run);
	return (at + len) % r->size;
}

bool ring_put(struct ring *r, uint16_t type, bool completion, uint64_t transaction,
	const void *header, uint32_t header_len, const void *payload, uint32_t len, bool *signal)
{
	static const uint8_t zeros[8];
	uint32_t write = r->hdr->write_index, read = r->hdr->read_index;
	uint32_t padding = -(header_len + len) & 7;
	uint32_t total = 16 + header_len + len + padding;
	struct vmbus_descriptor d = {
		.type = type,
		.offset8 = (16 + header_len) / 8,
		.len8 = total / 8,
		.flags = completion ? VMBUS_PACKET_WANTS_COMPLETION : 0,
		.transaction = transaction,
	};
	const uint64_t trailer = (uint64_t)write << 32;
	uint32_t used, at;

	if (write >= r->size || read >= r->size)
		return false;
	used = write >= read ? write - read : write + r->size - read;
	if (r->size - used <= total + VMBUS_TRAILER)
		return false;
	at = copy_in(r, write, &d, sizeof(d));
	at = copy_in(r, at, header, header_len);
	at = copy_in(r, at, payload, len);
	at = copy_in(r, at, zeros, padding);
	at = copy_in(r, at, &trailer, sizeof(trailer));
	__atomic_store_n(&r->hdr->write_index, at, __ATOMIC_RELEASE);
	fence();
	if (r->hdr->mask == 0 && r->hdr->read_index == write)
		*signal = true;
	return true;
}

int ring_get(struct ring *r, struct ring_record *record, bool *signal)
{
	uint32_t read = r->hdr->read_index, write = r->hdr->write_index, used, at, body, free;
	struct vmbus_descriptor d;

	if (read == write)
		return 0;
	if (read >= r->size || write >= r->size)
		return -1;
	used = write >= read ? write - read : write + r->size - read;
	at = copy_out(r, read, &d, sizeof(d));
	if (d.offset8 < 2 || d.len8 < d.offset8 || 8u * d.len8 + VMBUS_TRAILER > used)
		return -1;
	body = 8u * d.len8 - sizeof(d);
	if (body > sizeof(record->bytes))
		return -1;
	record->type = d.type;
	record->wants_completion = d.flags & VMBUS_PACKET_WANTS_COMPLETION;
	record->transaction = d.transaction;
	record->header_len = 8u * d.offset8 - sizeof(d);
	record->len = body - record->header_len;
	at = copy_out(r, at, record->bytes, body);
	at = (at + VMBUS_TRAILER) % r->size;
	fence();
	__atomic_store_n(&r->hdr->read_index, at, __ATOMIC_RELEASE);
	fence();
	free = r->size - used;
	if (r->hdr->pending_send != 0 && free <= r->hdr->pending_send &&
		free + 8u * d.len8 + VMBUS_TRAILER > r->hdr->pending_send)
		*signal = true;
	return 1;
}
