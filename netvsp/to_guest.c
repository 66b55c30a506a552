/* SPDX-License-Identifier: BSD-3-Clause */
// Frames to the guest: each into a section of its receive buffer, many sections in one packet.
#include <errno.h>
#include <string.h>

#include <ndis_compat/oid.h>
#include <ndis_compat/rndis_packet.h>

#include "vsp.h"

#define LOW48        ((1ull << 48) - 1)
#define CACHE_LINE   64u
#define SMALL_FRAME  512u
#define AHEAD        8u  // sections
#define HEADER_PLAIN 44u // of a message without facts

// ---- the packet being put together

// Opens one in the room that the ring has. False: none.
static bool open_packet(struct netvsp *vsp, struct netvsp_queue *q, uint32_t least)
{
	struct vmbus_ring *ring = &q->channel->to_guest;
	uint32_t fixed = vmbus_record_size(sizeof(struct vmbus_xfer_header), vsp->wire_size);
	uint32_t size = fixed + RANGES_OF_PACKET * sizeof(struct vmbus_xfer_range), room;

	room = vmbus_ring_room(ring, size);
	if (room < fixed + least * sizeof(struct vmbus_xfer_range))
		return false;
	q->max_ranges =
		room >= size ? RANGES_OF_PACKET : (room - fixed) / sizeof(struct vmbus_xfer_range);
	q->ranges = ring->data + ring->at + sizeof(struct vmbus_descriptor) +
	            sizeof(struct vmbus_xfer_header);
	q->n_ranges = 0;
	return true;
}

static void close_packet(struct netvsp *vsp, struct netvsp_queue *q, uint32_t channel_type)
{
	const struct vmbus_xfer_header xfer = {
		.pageset = vsp->state.receive_id,
		.n_ranges = q->n_ranges,
	};
	const struct nvsp_message msg = {
		.type = NVSP_RNDIS_PACKET,
		.rndis = {.channel_type = channel_type, .section = NVSP_NO_SECTION},
	};
	uint32_t header_len = sizeof(xfer) + q->n_ranges * sizeof(struct vmbus_xfer_range);
	uint64_t transaction = q->first | (uint64_t)vsp->sections[q->first].stamp << 32;
	uint8_t *to = vmbus_ring_put(&q->channel->to_guest, VMBUS_PACKET_XFER_PAGES, true,
		transaction, header_len, vsp->wire_size);

	memcpy(to, &xfer, sizeof(xfer));
	memcpy(to + header_len, &msg, NVSP_SIZE_OLD + 4);
	if (vsp->wire_size > NVSP_SIZE_OLD + 4)
		memset(to + header_len + NVSP_SIZE_OLD + 4, 0, NVSP_SIZE - NVSP_SIZE_OLD - 4);
	q->max_ranges = q->n_ranges = 0;
}

void to_guest_close(struct netvsp *vsp, struct netvsp_queue *q)
{
	if (q->n_ranges != 0)
		close_packet(vsp, q, NVSP_CHANNEL_DATA);
	q->max_ranges = 0;
}

// Adds a section that holds `len` bytes.
static inline void add_range(
	struct netvsp *vsp, struct netvsp_queue *q, uint32_t section, uint32_t len)
{
	struct section *s = &vsp->sections[section];
	uint64_t seq = q->last.seq + 1;
	const struct vmbus_xfer_range range = {
		.len = len,
		.offset = section * vsp->state.receive_section,
	};

	memcpy(q->ranges + q->n_ranges * sizeof(range), &range, sizeof(range));
	s->next = NONE;
	s->channel = q->index;
	if (q->n_ranges++ == 0) {
		s->use = SECTION_HEAD;
		s->stamp = seq;
		q->first = section;
	} else {
		s->use = SECTION_LENT;
		vsp->sections[q->newest].next = section;
	}
	q->newest = section;
	record_lend(vsp->record, section, q->first, q->index, seq);
}

void to_guest_returned(struct netvsp *vsp, struct netvsp_queue *q, uint64_t transaction)
{
	uint32_t first = transaction, i, next;
	const struct section *head = vsp->sections;

	if (likely(first < vsp->state.n_receive))
		head += first;
	if (unlikely(first >= vsp->state.n_receive || head->use != SECTION_HEAD ||
		     head->channel != q->index || head->stamp != transaction >> 32)) {
		count_up(&vsp->n_bad_messages, 1);
		budget_garbage(vsp);
		return;
	}
	// The first section stands for the packet, so it is the last to be given back.
	for (i = head->next; i != NONE; i = next) {
		next = vsp->sections[i].next;
		section_release(vsp, i);
	}
	section_release(vsp, first);
}

// ---- bytes into a section

// Without a call for what small frames have.
static inline void copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	if (len > 256) {
		memcpy(to, from, len);
		return;
	}
	if (len >= 32) {
		// The last move overlaps the one before.
		for (uint32_t i = 0; i + 32 < len; i += 32)
			memcpy(to + i, from + i, 32);
		memcpy(to + len - 32, from + len - 32, 32);
	} else if (len >= 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else {
		for (uint32_t i = 0; i < len; i++)
			to[i] = from[i];
	}
}

// Where the next bytes of a frame come from.
struct source {
	const struct iovec *seg;
	uint32_t at; // in *seg
};

// Takes `len` bytes of the source to one place.
static inline void take_bytes(struct source *s, uint8_t *to, uint32_t len)
{
	while (len != 0) {
		uint32_t part = s->seg->iov_len - s->at;

		if (part > len)
			part = len;
		copy(to, (const uint8_t *)s->seg->iov_base + s->at, part);
		to += part;
		len -= part;
		s->at += part;
		if (s->at == s->seg->iov_len) {
			s->seg++;
			s->at = 0;
		}
	}
}

// A section with a page's end in it, or one that must not be written past the message.
static void fill_in_pieces(struct netvsp *vsp, uint32_t section, const uint8_t *header,
	uint32_t header_len, struct source *s, uint32_t len)
{
	const struct iovec seg = {.iov_base = (void *)header, .iov_len = header_len};
	struct source h = {.seg = &seg};
	uint32_t end = header_len + len, run;

	for (uint32_t at = 0; at < end; at += run) {
		uint8_t *to = section_at(vsp, section, at, end - at, &run);
		uint32_t of_header = at >= header_len ? 0 : header_len - at;

		if (of_header > run)
			of_header = run;
		take_bytes(&h, to, of_header);
		take_bytes(s, to + of_header, run - of_header);
	}
}

// Writes a message with `len` bytes of the source into a section; its length.
static inline uint32_t fill_section(struct netvsp *vsp, uint32_t section, struct source *s,
	uint32_t len, const struct ndis_packet_info *info)
{
	uint32_t want = RNDIS_PACKET_BUILD_MAX + len, run, header_len;
	uint8_t *to = section_at(vsp, section, 0, want, &run);

	if (likely(run == want)) {
		header_len = rndis_packet_build(to, len, info);
		take_bytes(s, to + header_len, len);
	} else {
		uint8_t header[RNDIS_PACKET_BUILD_MAX];

		header_len = rndis_packet_build(header, len, info);
		fill_in_pieces(vsp, section, header, header_len, s, len);
	}
	return header_len + len;
}

// ---- frames

// The guest's filter, by the first bytes of the frame.
static inline bool filter_passes(const struct netvsp *vsp, const struct iovec *seg)
{
	uint64_t address = 0;

	if (likely(seg->iov_len >= 8))
		memcpy(&address, seg->iov_base, 8);
	else
		take_bytes(&(struct source){.seg = seg}, (uint8_t *)&address, 6);
	address &= LOW48;
	if (likely(address == vsp->mac48))
		return vsp->pass & NDIS_PACKET_TYPE_DIRECTED;
	if (vsp->pass & NDIS_PACKET_TYPE_PROMISCUOUS)
		return true;
	if (address == LOW48)
		return vsp->pass & NDIS_PACKET_TYPE_BROADCAST;
	return (address & 1) != 0 &&
	       vsp->pass & (NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST);
}

// A frame in several sections, which the guest joins again.
static int send_chain(struct netvsp *vsp, struct netvsp_queue *q, const struct iovec *seg,
	uint32_t len, const struct ndis_packet_info *info)
{
	struct ndis_packet_info part = *info;
	struct source s = {.seg = seg};
	uint32_t n = (len + vsp->piece - 1) / vsp->piece, each;
	bool taken = (info->flags & NDIS_INFO_IP4 && vsp->state.offloads[OFFLOAD_RSC4]) ||
	             (info->flags & NDIS_INFO_IP6 && vsp->state.offloads[OFFLOAD_RSC6]);

	if (!taken || len > NETVSP_MAX_FRAME || n > RANGES_OF_PACKET)
		return -EMSGSIZE;
	if (q->pool.n_free < n)
		return -ENOBUFS;
	// All of a chain is in one packet.
	if (q->max_ranges - q->n_ranges < n) {
		to_guest_close(vsp, q);
		if (!open_packet(vsp, q, n))
			return -EAGAIN;
	}
	part.flags |= NDIS_INFO_RSC | NDIS_INFO_RSC_FIRST;
	part.rsc_id = vsp->rsc_id++;
	// In even parts: some guests take nothing shorter than an Ethernet header.
	each = (len + n - 1) / n;
	while (len != 0) {
		uint32_t section = section_take_newest(&q->pool);
		uint32_t bytes = len < each ? len : each;

		if (bytes == len)
			part.flags |= NDIS_INFO_RSC_LAST;
		add_range(vsp, q, section, fill_section(vsp, section, &s, bytes, &part));
		part.flags = NDIS_INFO_RSC;
		len -= bytes;
	}
	count_up(&q->count.rsc_chains, 1);
	return 0;
}

// The beginning of a free section is written soon.
static inline void claim(const struct netvsp *vsp, const struct section_pool *pool,
	uint32_t after_oldest, uint32_t len)
{
	uint32_t run;
	const uint8_t *at =
		section_at(vsp, pool->free[section_slot(pool, after_oldest)], 0, len, &run);

	for (uint32_t i = 0; i < run; i += CACHE_LINE)
		prefetch_to_write(at + i);
}

// There is one. Those whose turn it is later are on their way meanwhile.
static inline uint32_t take_section(struct netvsp *vsp, struct section_pool *pool, uint32_t len)
{
	if (len <= SMALL_FRAME) {
		if (likely(pool->n_free > AHEAD))
			claim(vsp, pool, AHEAD, 2 * CACHE_LINE);
		return section_take_oldest(pool);
	}
	if (likely(pool->n_free > 1))
		claim(vsp, pool, pool->n_free - 2, HEADER_PLAIN + len);
	return section_take_newest(pool);
}

static inline int send_single(struct netvsp *vsp, struct netvsp_queue *q, const struct iovec *seg,
	uint32_t len, const struct ndis_packet_info *info)
{
	struct source s = {.seg = seg};
	uint32_t section;

	if (unlikely(q->pool.n_free == 0))
		return -ENOBUFS;
	if (unlikely(q->n_ranges == q->max_ranges)) {
		to_guest_close(vsp, q);
		if (!open_packet(vsp, q, 1))
			return -EAGAIN;
	}
	section = take_section(vsp, &q->pool, len);
	add_range(vsp, q, section, fill_section(vsp, section, &s, len, info));
	return 0;
}

int netvsp_send_to_guest(struct netvsp *vsp, uint32_t queue, const struct iovec *seg, unsigned,
	uint32_t len, const struct ndis_packet_info *info)
{
	struct netvsp_queue *q = &vsp->queue[queue];
	int rc;

	if (unlikely(!vsp->delivering || !queue_runs(q)))
		return -ENETDOWN;
	if (unlikely(len < 14))
		return -EMSGSIZE;
	if (unlikely(!filter_passes(vsp, seg))) {
		count_up(&vsp->n_filtered, 1);
		return -EADDRNOTAVAIL;
	}
	rc = likely(len <= vsp->piece) ? send_single(vsp, q, seg, len, info)
	                               : send_chain(vsp, q, seg, len, info);
	if (likely(rc == 0)) {
		count_up(&q->count.to_guest_frames, 1);
		count_up(&q->count.to_guest_bytes, len);
	} else if (rc == -ENOBUFS) {
		count_up(&q->count.no_section, 1);
	} else if (rc == -EAGAIN) {
		count_up(&q->count.ring_full, 1);
	}
	return rc;
}

int to_guest_control(struct netvsp *vsp, const uint8_t *msg, uint32_t len, uint32_t spare)
{
	struct netvsp_queue *q = &vsp->queue[0];
	const struct iovec seg = {.iov_base = (void *)msg, .iov_len = len};
	struct source s = {.seg = &seg};
	uint32_t section = NONE;

	to_guest_close(vsp, q);
	if (vsp->receive == NULL || len > vsp->usable)
		return -EAGAIN;
	if (!open_packet(vsp, q, 1))
		return -EAGAIN;
	if (vsp->control_pool.n_free > spare)
		section = section_take_oldest(&vsp->control_pool);
	// The completions that would free some may stand behind a request that wants one.
	if (section == NONE && spare == 0)
		section = section_take_oldest(&q->pool);
	if (section == NONE) {
		q->max_ranges = 0;
		return -EAGAIN;
	}
	fill_in_pieces(vsp, section, NULL, 0, &s, len);
	add_range(vsp, q, section, len);
	close_packet(vsp, q, NVSP_CHANNEL_CONTROL);
	return 0;
}
