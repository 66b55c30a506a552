/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's packet is one string of bytes, in three encodings: a section of the send buffer,
// ranges of guest memory, or a section followed by ranges.
#include <errno.h>
#include <string.h>

#include "vsp.h"

#define MAX_RANGES 32u
#define PFN_END    (1ull << (52 - GUEST_PAGE_SHIFT))

// False: too many pieces.
static bool append(struct guest_bytes *b, uint8_t *base, uint32_t len)
{
	struct iovec *last = b->n == 0 ? NULL : &b->seg[b->n - 1];

	b->len += len;
	if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == base) {
		last->iov_len += len;
		return true;
	}
	if (b->n == SEGS_OF_PACKET)
		return false;
	b->seg[b->n++] = (struct iovec){.iov_base = base, .iov_len = len};
	return true;
}

static int map_section(
	const struct netvsp *vsp, uint32_t section, uint32_t len, struct guest_bytes *b)
{
	uint32_t at, run;

	if (vsp->send == NULL || section >= vsp->state.n_send || len > SEND_SECTION)
		return -EINVAL;
	at = section * SEND_SECTION;
	for (uint32_t end = at + len; at < end; at += run) {
		uint8_t *base = gpadl_at(vsp->send, at, end - at, &run);

		if (!append(b, base, run))
			return -EINVAL;
	}
	return 0;
}

// One range: its page numbers follow it.
static int map_range(const struct guest_mem *mem, uint32_t len, uint32_t offset,
	const uint64_t *pfn, struct guest_bytes *b)
{
	pfn += offset / GUEST_PAGE_SIZE;
	offset %= GUEST_PAGE_SIZE;
	while (len != 0) {
		uint64_t page = __atomic_load_n(pfn++, __ATOMIC_RELAXED);
		uint32_t part = GUEST_PAGE_SIZE - offset;
		uint8_t *base;

		if (part > len)
			part = len;
		if (page >= PFN_END)
			return -EINVAL;
		base = guest_mem_at(mem, (page << GUEST_PAGE_SHIFT) + offset, part);
		if (base == NULL || !append(b, base, part))
			return -EINVAL;
		len -= part;
		offset = 0;
	}
	return 0;
}

static int map_ranges(
	const struct guest_mem *mem, const struct vmbus_packet *p, struct guest_bytes *b)
{
	const uint64_t *word = (const uint64_t *)p->header;
	uint32_t n_words = p->header_len / 8, at = 1;
	uint32_t n = __atomic_load_n(&word[0], __ATOMIC_RELAXED) >> 32;

	if (n == 0 || n > MAX_RANGES)
		return -EINVAL;
	for (; n > 0; n--) {
		uint64_t range, n_pages;
		uint32_t len, offset;

		if (at >= n_words)
			return -EINVAL;
		range = __atomic_load_n(&word[at++], __ATOMIC_RELAXED);
		len = range;
		offset = range >> 32;
		n_pages = ((uint64_t)len + offset + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
		if (n_pages > n_words - at || len > GUEST_PACKET_MAX - b->len ||
			map_range(mem, len, offset, word + at, b) != 0)
			return -EINVAL;
		at += n_pages;
	}
	return 0;
}

int guest_bytes_map(struct netvsp *vsp, const struct vmbus_channel *channel,
	const struct vmbus_packet *p, uint32_t section, uint32_t section_len,
	struct guest_bytes *bytes)
{
	bytes->n = bytes->len = 0;
	if (section != NVSP_NO_SECTION && map_section(vsp, section, section_len, bytes) != 0)
		return -EINVAL;
	if (p->type == VMBUS_PACKET_GPA_DIRECT)
		return map_ranges(channel->mem, p, bytes);
	return section != NVSP_NO_SECTION ? 0 : -EINVAL;
}

void guest_bytes_copy(const struct guest_bytes *bytes, uint8_t *to)
{
	for (uint32_t i = 0; i < bytes->n; i++) {
		memcpy(to, bytes->seg[i].iov_base, bytes->seg[i].iov_len);
		to += bytes->seg[i].iov_len;
	}
}
