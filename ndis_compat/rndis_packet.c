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

// Values of the records by type; a type's value is set if its bit in `seen` is.
#define N_TYPES   16u
#define PACKET_ID 15u // slot of the one that is internal

struct records {
	uint32_t seen;
	uint32_t value[N_TYPES];
};

#define SEEN(type) (1u << (type))

#define KNOWN \
	(SEEN(RNDIS_PPI_CHECKSUM) | SEEN(RNDIS_PPI_LSO) | SEEN(RNDIS_PPI_8021Q) | \
		SEEN(RNDIS_PPI_HASH))

static int read_records(const uint8_t *at, uint32_t left, struct records *r)
{
	struct rndis_ppi ppi;
	uint32_t slot;

	while (left > 0) {
		if (left < sizeof(ppi))
			return -EINVAL;
		memcpy(&ppi, at, sizeof(ppi));
		if (ppi.size < sizeof(ppi) || ppi.size > left)
			return -EINVAL;
		slot = ppi.type == RNDIS_PPI_PACKET_ID ? PACKET_ID : ppi.type;
		if (slot == PACKET_ID ? slot != ppi.type : slot < N_TYPES && KNOWN & SEEN(slot)) {
			if (ppi.offset < sizeof(ppi) || ppi.offset > ppi.size - sizeof(uint32_t))
				return -EINVAL;
			memcpy(&r->value[slot], at + ppi.offset, sizeof(uint32_t));
			r->seen |= SEEN(slot);
		}
		at += ppi.size;
		left -= ppi.size;
	}
	return 0;
}

// The message's own lengths and, if it has any, its records.
static inline int parse(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct records *r)
{
	struct rndis_packet_msg m;
	uint64_t start, end, frame_end;

	if (head_len < sizeof(m))
		return -EINVAL;
	memcpy(&m, head, sizeof(m));
	start = (uint64_t)m.data_offset + RNDIS_PACKET_BODY;
	frame_end = start + m.data_len;
	if (m.type != RNDIS_MSG_PACKET || m.len > avail || frame_end > m.len || start < sizeof(m) ||
		start > RNDIS_PACKET_HEADER_MAX || m.data_len < ETHERNET)
		return -EINVAL;
	*frame_offset = (uint32_t)start;
	*frame_len = m.data_len;
	r->seen = 0;
	if (m.ppi_len == 0)
		return 0;

	start = (uint64_t)m.ppi_offset + RNDIS_PACKET_BODY;
	end = start + m.ppi_len;
	if (start < sizeof(m) || end > head_len || end > m.len)
		return -EINVAL;
	if (end > *frame_offset && start < frame_end)
		return -EINVAL;
	return read_records(head + start, m.ppi_len, r);
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
	if (r->seen & SEEN(RNDIS_PPI_8021Q)) {
		info->flags |= NDIS_INFO_VLAN;
		info->vlan_tci = tci_from(r->value[RNDIS_PPI_8021Q]);
	}
	if (r->seen & SEEN(RNDIS_PPI_HASH)) {
		info->flags |= NDIS_INFO_HASH;
		info->hash = r->value[RNDIS_PPI_HASH];
	}
}

static int take_l4(
	uint32_t offset, uint32_t l4_header, uint32_t frame_len, struct ndis_packet_info *info)
{
	const uint32_t ip = info->flags & NDIS_INFO_IP6 ? IP6_HEADER : IP4_HEADER;

	// Windows leaves it 0 at times.
	if (offset == 0)
		return 0;
	if (offset < ETHERNET + ip || offset + l4_header > frame_len)
		return -EINVAL;
	if (info->l4_offset != 0 && info->l4_offset != offset)
		return -EINVAL;
	info->l4_offset = (uint16_t)offset;
	return 0;
}

static int take_checksum(uint32_t value, uint32_t frame_len, struct ndis_packet_info *info)
{
	const uint32_t families = REQUEST_IP4 | REQUEST_IP6, protocols = REQUEST_TCP | REQUEST_UDP;
	uint32_t flags;

	static_assert(REQUEST_IP4 << 2 == NDIS_INFO_IP4 && REQUEST_IP6 << 2 == NDIS_INFO_IP6);
	static_assert(REQUEST_TCP << 3 == NDIS_INFO_CSUM_TCP);
	static_assert(REQUEST_UDP << 3 == NDIS_INFO_CSUM_UDP);
	if ((value & families) == families || (value & protocols) == protocols)
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

static int take_lso(uint32_t value, uint32_t frame_len, struct ndis_packet_info *info)
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

int rndis_packet_parse(const uint8_t *head, uint32_t head_len, uint32_t avail,
	uint32_t *frame_offset, uint32_t *frame_len, struct ndis_packet_info *info)
{
	struct records r;
	int ret = parse(head, head_len, avail, frame_offset, frame_len, &r);

	*info = (struct ndis_packet_info){};
	if (ret < 0 || r.seen == 0)
		return ret;
	take_tags(&r, info);
	if (r.seen & SEEN(RNDIS_PPI_CHECKSUM)) {
		ret = take_checksum(r.value[RNDIS_PPI_CHECKSUM], *frame_len, info);
		if (ret < 0)
			return ret;
	}
	if (r.seen & SEEN(RNDIS_PPI_LSO))
		return take_lso(r.value[RNDIS_PPI_LSO], *frame_len, info);
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
	struct records r;
	int ret = parse(head, head_len, avail, frame_offset, frame_len, &r);
	uint32_t value;

	*info = (struct ndis_packet_info){};
	if (ret < 0 || r.seen == 0)
		return ret;
	take_tags(&r, info);
	if (r.seen & SEEN(RNDIS_PPI_CHECKSUM)) {
		value = r.value[RNDIS_PPI_CHECKSUM];
		if (value & 7 & value >> 3)
			return -EINVAL;
		info->flags |= verdicts_from(value);
	}
	if (r.seen & SEEN(PACKET_ID)) {
		value = r.value[PACKET_ID];
		if ((value & 0xff) != ID_VERSION || !(value & ID_SUBALLOC))
			return 0;
		info->flags |= (value >> 8 & 7) * NDIS_INFO_RSC;
		info->rsc_id = (uint16_t)(value >> 16);
	}
	return 0;
}

#define PPI_SIZE 16u // of a record as we write it

// Writes a record at `at`; the place behind it if `wanted`, else the same: the next overwrites it.
static inline uint32_t put(uint8_t *to, uint32_t at, bool wanted, uint32_t type, uint32_t value)
{
	const uint32_t record[] = {PPI_SIZE, type, sizeof(struct rndis_ppi), value};

	memcpy(to + at, record, sizeof(record));
	return at + wanted * PPI_SIZE;
}

static inline uint32_t finish(uint8_t *to, uint32_t at, uint32_t frame_len)
{
	const uint32_t ppi_len = at - (uint32_t)sizeof(struct rndis_packet_msg);
	const struct rndis_packet_msg m = {
		.type = RNDIS_MSG_PACKET,
		.len = at + frame_len,
		.data_offset = at - RNDIS_PACKET_BODY,
		.data_len = frame_len,
		// Linux complains of an offset without a length.
		.ppi_offset = ppi_len ? sizeof(m) - RNDIS_PACKET_BODY : 0,
		.ppi_len = ppi_len,
	};

	memcpy(to, &m, sizeof(m));
	return at;
}

uint32_t rndis_packet_build(uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info)
{
	const uint32_t flags = info->flags;
	uint32_t at = sizeof(struct rndis_packet_msg);

	static_assert(sizeof(struct rndis_packet_msg) + 4 * PPI_SIZE <= RNDIS_PACKET_BUILD_MAX);
	if (flags & (VERDICTS | NDIS_INFO_VLAN | NDIS_INFO_HASH | NDIS_INFO_RSC)) {
		at = put(to, at, flags & VERDICTS, RNDIS_PPI_CHECKSUM, verdicts_to(flags));
		at = put(to, at, flags & NDIS_INFO_VLAN, RNDIS_PPI_8021Q, tci_to(info->vlan_tci));
		at = put(to, at, flags & NDIS_INFO_HASH, RNDIS_PPI_HASH, info->hash);
		if (flags & NDIS_INFO_RSC)
			at = put(to, at, true, RNDIS_PPI_PACKET_ID,
				ID_VERSION | (flags / NDIS_INFO_RSC & 7) << 8 |
					(uint32_t)info->rsc_id << 16);
	}
	return finish(to, at, frame_len);
}

uint32_t rndis_packet_build_request(
	uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info)
{
	const uint32_t work = NDIS_INFO_IP4 | NDIS_INFO_IP6 | NDIS_INFO_CSUM_IP |
	                      NDIS_INFO_CSUM_TCP | NDIS_INFO_CSUM_UDP;
	const uint32_t flags = info->flags;
	uint32_t at = sizeof(struct rndis_packet_msg);

	at = put(to, at, flags & NDIS_INFO_HASH, RNDIS_PPI_HASH, info->hash);
	at = put(to, at, flags & NDIS_INFO_VLAN, RNDIS_PPI_8021Q, tci_to(info->vlan_tci));
	if (flags & NDIS_INFO_LSO)
		at = put(to, at, true, RNDIS_PPI_LSO,
			info->mss | (info->l4_offset & 0x3ffu) << 20 | LSO_VERSION_2 |
				(flags & NDIS_INFO_IP6 ? LSO_IP6 : 0));
	else
		at = put(to, at, flags & work, RNDIS_PPI_CHECKSUM,
			(flags >> 2 & 3) | (flags >> 3 & 0xc) | (flags & NDIS_INFO_CSUM_IP) |
				(info->l4_offset & 0x3ffu) << 16);
	return finish(to, at, frame_len);
}
