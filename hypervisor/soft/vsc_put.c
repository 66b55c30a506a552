/* SPDX-License-Identifier: BSD-3-Clause */
// Records of the ring to the host, each with the id of what is to be completed.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

int vsc_put_in_band(struct vsc_queue *q, const struct nvsp_message *m, uint64_t cookie)
{
	uint64_t id = cookie != 0 ? requestor_get(&q->requests, cookie) : 0;
	uint8_t *at;

	if (cookie != 0 && id == 0)
		return -EAGAIN;
	at = vmbus_ring_put(&q->out, VMBUS_PACKET_IN_BAND, id != 0, id, 0, sizeof(*m));
	if (at == NULL) {
		if (id != 0)
			requestor_put(&q->requests, id, &cookie);
		return -EAGAIN;
	}
	memcpy(at, m, sizeof(*m));
	return 0;
}

int vsc_put_pieces(struct vsc_queue *q, const struct piece *piece, uint32_t n,
	const struct nvsp_message *m, uint64_t cookie)
{
	const struct vmbus_gpa_header header = {.n_ranges = n};
	uint32_t len = sizeof(header), pages;
	uint64_t id = requestor_get(&q->requests, cookie), pfn;
	uint8_t *at;

	for (uint32_t i = 0; i < n; i++)
		len += sizeof(struct vmbus_gpa_range) +
		       8 * ((piece[i].gpa % GUEST_PAGE_SIZE + piece[i].len + GUEST_PAGE_SIZE - 1) /
				   GUEST_PAGE_SIZE);
	at = id == 0 ? NULL
	             : vmbus_ring_put(&q->out, VMBUS_PACKET_GPA_DIRECT, true, id, len, sizeof(*m));
	if (at == NULL) {
		requestor_put(&q->requests, id, &cookie);
		return -EAGAIN;
	}
	memcpy(at, &header, sizeof(header));
	at += sizeof(header);
	for (uint32_t i = 0; i < n; i++) {
		const struct vmbus_gpa_range range = {
			.len = piece[i].len, .offset = piece[i].gpa % GUEST_PAGE_SIZE};

		memcpy(at, &range, sizeof(range));
		at += sizeof(range);
		pages = (range.offset + range.len + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
		pfn = piece[i].gpa >> GUEST_PAGE_SHIFT;
		for (uint32_t p = 0; p < pages; p++, pfn++, at += 8)
			memcpy(at, &pfn, 8);
	}
	memcpy(at, m, sizeof(*m));
	return 0;
}

int vsc_put_control(struct vsc_queue *q, uint64_t gpa, uint32_t len, uint64_t cookie)
{
	const struct piece piece = {.gpa = gpa, .len = len};
	const struct nvsp_message m = {.type = NVSP_RNDIS_PACKET,
		.rndis.channel_type = NVSP_CHANNEL_CONTROL,
		.rndis.section = NVSP_NO_SECTION};

	return vsc_put_pieces(q, &piece, 1, &m, cookie);
}
