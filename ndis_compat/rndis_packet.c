/* SPDX-License-Identifier: BSD-3-Clause */
#include "rndis_packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
static_assert(sizeof(struct ndis_packet_info) == 16);

#define ETHERNET   14u
#define IP4_HEADER 20u
#define IP6_HEADER 40u
#define TCP_HEADER 20u
#define UDP_HEADER 8u

// Checksum record from a guest: what kind it is, and what to do.
#define REQUEST_IP4   (1u << 0)
#define REQUEST_IP6   (1u << 1)
#define REQUEST_TCP   (1u << 2)
#define REQUEST_UDP   (1u << 3)
#define REQUEST_L4(v) ((v) >> 16 & 0x3ff)
// LSO record
#define LSO_MSS(v)    ((v)&0xfffff)
#define LSO_L4(v)     ((v) >> 20 & 0x3ff)
#define LSO_VERSION_2 (1u << 30)
#define LSO_IP6       (1u << 31)
// Packet id record
#define ID_VERSION  1u
#define ID_SUBALLOC (1u << 8)

static inline uint32_t get_word(const uint8_t *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

// Two words at once: a store that the guest, or whoever copies, reads whole.
static inline void put_words(uint8_t *to, uint32_t first, uint32_t second)
{
	const uint64_t words = first | (uint64_t)second << 32;

	memcpy(to, &words, sizeof(words));
}

static inline uint32_t member(const uint8_t *head, size_t offset)
{
	return get_word(head + offset);
}

#define MEMBER(head, name)     member(head, offsetof(struct rndis_packet_msg, name))
#define PPI_MEMBER(head, name) member(head, offsetof(struct rndis_ppi, name))

// What the records say; 0 if there was none: a checksum or packet id record of 0 says nothing,
// and an LSO record of 0 is refused.
struct records {
	uint32_t csum, lso, packet_id;
	uint32_t flags; // VLAN, hash: which of the next two were there
	uint32_t vlan, hash;
};

static inline bool read_value(const uint8_t *at, uint32_t size, uint32_t *value)
{
	const uint32_t offset = PPI_MEMBER(at, offset);

	if (offset < sizeof(struct rndis_ppi) || offset > size - sizeof(*value))
		return false;
	*value = get_word(at + offset);
	return true;
}

static inline int read_records(const uint8_t *at, uint32_t left, struct records *r)
{
	uint32_t size, value;

	do {
		if (left < sizeof(struct rndis_ppi))
			return -EINVAL;
		size = PPI_MEMBER(at, size);
		if (size < sizeof(struct rndis_ppi) || size > left)
			return -EINVAL;
		switch (PPI_MEMBER(at, type)) {
		case RNDIS_PPI_CHECKSUM:
			if (!read_value(at, size, &value))
				return -EINVAL;
			r->csum = value;
			break;
		case RNDIS_PPI_LSO:
			if (!read_value(at, size, &value) || value == 0)
				return -EINVAL;
			r->lso = value;
			break;
		case RNDIS_PPI_8021Q:
			if (!read_value(at, size, &value))
				return -EINVAL;
			r->vlan = value;
			r->flags |= NDIS_INFO_VLAN;
			break;
		case RNDIS_PPI_HASH:
			if (!read_value(at, size, &value))
				return -EINVAL;
			r->hash = value;
			r->flags |= NDIS_INFO_HASH;
			break;
		case RNDIS_PPI_PACKET_ID:
			if (!read_value(at, size, &value))
				return -EINVAL;
			r->packet_id = value;
			break;
		default: break;
		}
		at += size;
		left -= size;
	} while (left > 0);
	return 0;
}

// The message's own lengths and, if it has any, its records.
static inline int parse(const uint8_t *head, uint32_t head_len, uint32_t avail, uint32_t min_len,
	uint32_t *frame_offset, uint32_t *frame_len, struct records *r)
{
	const uint32_t header = sizeof(struct rndis_packet_msg);
	uint32_t len, data_len, ppi_len;
	uint64_t start, end, ppi_start, ppi_end;

	*r = (struct records){};
	if (head_len < header)
		return -EINVAL;
	len = MEMBER(head, len);
	data_len = MEMBER(head, data_len);
	start = (uint64_t)MEMBER(head, data_offset) + RNDIS_PACKET_BODY;
	end = start + data_len;
	if (MEMBER(head, type) != RNDIS_MSG_PACKET || len > avail || end > len || start < header ||
		start > RNDIS_PACKET_HEADER_MAX || data_len < min_len)
		return -EINVAL;
	*frame_offset = (uint32_t)start;
	*frame_len = data_len;
	ppi_len = MEMBER(head, ppi_len);
	if (ppi_len == 0)
		return 0;

	ppi_start = (uint64_t)MEMBER(head, ppi_offset) + RNDIS_PACKET_BODY;
	ppi_end = ppi_start + ppi_len;
	if (ppi_start < header || ppi_end > head_len || ppi_end > len)
		return -EINVAL;
	if (ppi_end > start && ppi_start < end)
		return -EINVAL;
	return read_records(head + ppi_start, ppi_len, r);
}

// PCP, DEI and VID are in another order on the wire.
static inline uint16_t tci_from(uint32_t value)
{
	return (uint16_t)((value & 7) << 13 | (value & 8) << 9 | (value >> 4 & 0xfff));
}

static inline uint32_t tci_to(uint16_t tci)
{
	return (uint32_t)(tci & 0xfff) << 4 | (tci >> 9 & 8) | tci >> 13;
}

static inline void take_tags(const struct records *r, struct ndis_packet_info *info)
{
	info->flags = r->flags;
	info->vlan_tci = tci_from(r->vlan);
	info->hash = r->hash;
}

static inline int take_l4(
	uint32_t offset, uint32_t l4_header, uint32_t frame_len, struct ndis_packet_info *info)
{
	const uint32_t ip = info->flags & NDIS_INFO_IP6 ? IP6_HEADER : IP4_HEADER;

	// Windows leaves it 0 at times. What another record said must suit this one's family, too.
	if (offset == 0)
		offset = info->l4_offset;
	if (offset == 0)
		return 0;
	if (offset < ETHERNET + ip || offset + l4_header > frame_len)
		return -EINVAL;
	if (info->l4_offset != 0 && info->l4_offset != offset)
		return -EINVAL;
	info->l4_offset = (uint16_t)offset;
	return 0;
}

static inline int take_checksum(uint32_t value, uint32_t frame_len, struct ndis_packet_info *info)
{
	const uint32_t families = REQUEST_IP4 | REQUEST_IP6, protocols = REQUEST_TCP | REQUEST_UDP;
	uint32_t flags;

	static_assert(REQUEST_IP4 << 2 == NDIS_INFO_IP4 && REQUEST_IP6 << 2 == NDIS_INFO_IP6);
	static_assert(REQUEST_TCP << 3 == NDIS_INFO_CSUM_TCP);
	static_assert(REQUEST_UDP << 3 == NDIS_INFO_CSUM_UDP);
	// Both of a pair of neighbours.
	static_assert(REQUEST_IP4 == 1 && REQUEST_IP6 == 2 && REQUEST_TCP == 4 && REQUEST_UDP == 8);
	if (value & value >> 1 & (REQUEST_IP4 | REQUEST_TCP))
		return -EINVAL;
	flags = (value & families) << 2 | (value & protocols) << 3 | (value & NDIS_INFO_CSUM_IP);
	// IPv6 has no header checksum.
	flags &= ~((flags & NDIS_INFO_IP6) << 1);
	static_assert(NDIS_INFO_IP6 << 1 == NDIS_INFO_CSUM_IP);
	info->flags |= flags;
	if (!(value & protocols))
		return 0;
	return take_l4(
		REQUEST_L4(value), value & REQUEST_TCP ? TCP_HEADER : UDP_HEADER, frame_len, info);
}

static inline int take_lso(uint32_t value, uint32_t frame_len, struct ndis_packet_info *info)
{
	const uint32_t families = NDIS_INFO_IP4 | NDIS_INFO_IP6;

	if (!(value & LSO_VERSION_2) || LSO_MSS(value) == 0 || LSO_MSS(value) > UINT16_MAX)
		return -EINVAL;
	info->flags |= value & LSO_IP6 ? NDIS_INFO_IP6 : NDIS_INFO_IP4;
	if ((info->flags & families) == families || (info->flags & NDIS_INFO_CSUM_UDP))
		return -EINVAL;
	// The cut frames' checksums are part of the work; nothing is left to ask for.
	info->flags &= ~(NDIS_INFO_CSUM_IP | NDIS_INFO_CSUM_TCP);
	info->flags |= NDIS_INFO_LSO;
	info->mss = (uint16_t)LSO_MSS(value);
	return take_l4(LSO_L4(value), TCP_HEADER, frame_len, info);
}

// In whole words, so that a copy of it need not wait for the parts.
static inline void give(const struct ndis_packet_info *from, struct ndis_packet_info *info)
{
	uint8_t *to = (uint8_t *)info;

	static_assert(offsetof(struct ndis_packet_info, vlan_tci) == 4);
	static_assert(offsetof(struct ndis_packet_info, mss) == 6);
	static_assert(offsetof(struct ndis_packet_info, l4_offset) == 8);
	static_assert(offsetof(struct ndis_packet_info, rsc_id) == 10);
	static_assert(offsetof(struct ndis_packet_info, hash) == 12);
	put_words(to, from->flags, from->vlan_tci | (uint32_t)from->mss << 16);
	put_words(to + 8, from->l4_offset | (uint32_t)from->rsc_id << 16, from->hash);
}

int rndis_packet_parse(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct ndis_packet_info *info)
{
	struct ndis_packet_info found = {};
	struct records r;
	int ret;

	ret = parse(head, head_len, avail, ETHERNET, frame_offset, frame_len, &r);
	if (ret < 0)
		return ret;
	take_tags(&r, &found);
	if (r.csum != 0) {
		ret = take_checksum(r.csum, *frame_len, &found);
		if (ret < 0)
			return ret;
	}
	if (r.lso != 0) {
		ret = take_lso(r.lso, *frame_len, &found);
		if (ret < 0)
			return ret;
	}
	give(&found, info);
	return 0;
}

// Checksum record to a guest. By bit: TCP bad, UDP bad, IP bad, TCP good, UDP good, IP good.
static inline uint32_t verdicts_to(uint32_t flags)
{
	static_assert(NDIS_INFO_TCP_BAD >> 12 == 1 && NDIS_INFO_UDP_BAD >> 12 == 2);
	static_assert(NDIS_INFO_IP_BAD >> 9 == 4 && NDIS_INFO_IP_GOOD >> 3 == 0x20);
	static_assert(NDIS_INFO_TCP_GOOD >> 6 == 8 && NDIS_INFO_UDP_GOOD >> 6 == 0x10);
	return (flags >> 12 & 3) | (flags >> 9 & 4) | (flags >> 6 & 0x18) | (flags >> 3 & 0x20);
}

static inline uint32_t verdicts_from(uint32_t value)
{
	return (value & 3) << 12 | (value & 4) << 9 | (value & 0x18) << 6 | (value & 0x20) << 3;
}

#define VERDICTS \
	(NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD | NDIS_INFO_UDP_GOOD | NDIS_INFO_IP_BAD | \
		NDIS_INFO_TCP_BAD | NDIS_INFO_UDP_BAD)

int rndis_packet_parse_indicated(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct ndis_packet_info *info)
{
	struct ndis_packet_info found = {};
	struct records r;
	int ret;

	ret = parse(head, head_len, avail, 1, frame_offset, frame_len, &r);
	if (ret < 0)
		return ret;
	take_tags(&r, &found);
	if (r.csum & 7 & r.csum >> 3)
		return -EINVAL;
	found.flags |= verdicts_from(r.csum);
	if ((r.packet_id & 0xff) == ID_VERSION && r.packet_id & ID_SUBALLOC) {
		found.flags |= (r.packet_id >> 8 & 7) * NDIS_INFO_RSC;
		found.rsc_id = (uint16_t)(r.packet_id >> 16);
	}
	// Only the first link of a chain begins with the frame's header.
	if (*frame_len < ETHERNET &&
		(found.flags & (NDIS_INFO_RSC | NDIS_INFO_RSC_FIRST)) != NDIS_INFO_RSC)
		return -EINVAL;
	give(&found, info);
	return 0;
}

#define PPI_SIZE 16u // of a record as we write it

static inline uint32_t put(uint8_t *to, uint32_t at, uint32_t type, uint32_t value)
{
	put_words(to + at, PPI_SIZE, type);
	put_words(to + at + 8, sizeof(struct rndis_ppi), value);
	return at + PPI_SIZE;
}

static inline uint32_t finish(uint8_t *to, uint32_t at, uint32_t frame_len)
{
	const uint32_t header = sizeof(struct rndis_packet_msg), ppi_len = at - header;

	put_words(to, RNDIS_MSG_PACKET, at + frame_len);
	put_words(to + 8, at - RNDIS_PACKET_BODY, frame_len);
	put_words(to + 16, 0, 0); // no out-of-band data
	// Linux complains of an offset without a length.
	put_words(to + 24, 0, ppi_len ? header - RNDIS_PACKET_BODY : 0);
	put_words(to + 32, ppi_len, 0);
	memset(to + 40, 0, header - 40);
	return at;
}

uint32_t rndis_packet_build(uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info)
{
	const uint32_t flags = info->flags;
	uint32_t at = sizeof(struct rndis_packet_msg);

	static_assert(sizeof(struct rndis_packet_msg) + 4 * PPI_SIZE <= RNDIS_PACKET_BUILD_MAX);
	if (flags & VERDICTS)
		at = put(to, at, RNDIS_PPI_CHECKSUM, verdicts_to(flags));
	if (flags & NDIS_INFO_VLAN)
		at = put(to, at, RNDIS_PPI_8021Q, tci_to(info->vlan_tci));
	if (flags & NDIS_INFO_HASH)
		at = put(to, at, RNDIS_PPI_HASH, info->hash);
	if (flags & NDIS_INFO_RSC)
		at = put(to, at, RNDIS_PPI_PACKET_ID,
			ID_VERSION | (flags / NDIS_INFO_RSC & 7) << 8 |
				(uint32_t)info->rsc_id << 16);
	return finish(to, at, frame_len);
}

uint32_t rndis_packet_build_request(
	uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info)
{
	const uint32_t work = NDIS_INFO_IP4 | NDIS_INFO_IP6 | NDIS_INFO_CSUM_IP |
	                      NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_UDP;
	const uint32_t flags = info->flags;
	uint32_t at = sizeof(struct rndis_packet_msg);

	if (flags & NDIS_INFO_HASH)
		at = put(to, at, RNDIS_PPI_HASH, info->hash);
	if (flags & NDIS_INFO_VLAN)
		at = put(to, at, RNDIS_PPI_8021Q, tci_to(info->vlan_tci));
	if (flags & NDIS_INFO_LSO)
		at = put(to, at, RNDIS_PPI_LSO,
			info->mss | (info->l4_offset & 0x3ffu) << 20 | LSO_VERSION_2 |
				(flags & NDIS_INFO_IP6 ? LSO_IP6 : 0));
	else if (flags & work)
		at = put(to, at, RNDIS_PPI_CHECKSUM,
			(flags >> 2 & 3) | (flags >> 3 & 0xc) | (flags & NDIS_INFO_CSUM_IP) |
				(info->l4_offset & 0x3ffu) << 16);
	return finish(to, at, frame_len);
}
