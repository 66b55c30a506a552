/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndis_offload.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

struct object_header {
	uint8_t type, revision;
	uint16_t size;
};

#define TYPE_OFFLOAD    0xa7
#define TYPE_PARAMETERS 0x80
#define OFFLOAD_NEWEST  3u // a guest that knows a newer revision takes this one
#define PARAMS_REVISION 3u
#define PARAMS_SIZE     28u
#define PARAMS_SIZE_OLD 22u // before RSC; NVSP up to version 4

#define ENCAPSULATION_8023 2u
// Of IPv4 and IPv6 alike; options (IPv6: extension headers) and TCP options are taken too.
#define CSUM_IP_OPTIONS  (1u << 0)
#define CSUM_TCP_OPTIONS (1u << 2)
#define CSUM_TCP         (1u << 4)
#define CSUM_UDP         (1u << 6)
#define CSUM_L4          (CSUM_IP_OPTIONS | CSUM_TCP_OPTIONS | CSUM_TCP | CSUM_UDP)
#define CSUM_IP4_HEADER  (1u << 8)
#define LSO6_OPTIONS     5u // extension headers, TCP options
#define LSO_MIN_SEGMENTS 2u

struct csum {
	uint32_t encapsulation, caps;
};

struct offload {
	struct object_header header;
	struct csum ip4_tx, ip4_rx, ip6_tx, ip6_rx;
	uint32_t lso1[4], ipsec1[7];
	struct {
		uint32_t encapsulation, max, min_segments;
	} lso4, lso6;
	uint32_t lso6_options;
	uint32_t flags;
	uint8_t ipsec2[32];
	uint8_t rsc4, rsc6, pad[2];
	uint32_t gre[2];
};
static_assert(sizeof(struct offload) == 156);
static_assert(offsetof(struct offload, ip4_tx) == 4);
static_assert(offsetof(struct offload, lso4) == 80);
static_assert(offsetof(struct offload, flags) == 108);
static_assert(offsetof(struct offload, rsc4) == 144);

static const uint16_t offload_sizes[OFFLOAD_NEWEST + 1] = {0, 112, 144, 156};

static int read_header(const uint8_t *data, uint32_t len, uint8_t type, struct object_header *h)
{
	if (len < sizeof(*h))
		return -EINVAL;
	memcpy(h, data, sizeof(*h));
	return h->type == type && h->revision >= 1 ? 0 : -EINVAL;
}

int ndis_offload_build(uint8_t *to, uint32_t size, const uint8_t *request, uint32_t request_len,
	const struct ndis_offload_caps *caps)
{
	struct offload o = {};
	struct object_header h;

	if (read_header(request, request_len, TYPE_OFFLOAD, &h) < 0)
		return -EINVAL;
	if (h.revision > OFFLOAD_NEWEST)
		h.revision = OFFLOAD_NEWEST;
	h.size = offload_sizes[h.revision];
	if (h.size > size)
		return -E2BIG;

	o.header = h;
	if (caps->tx_csum) {
		o.ip4_tx = (struct csum){ENCAPSULATION_8023, CSUM_L4 | CSUM_IP4_HEADER};
		o.ip6_tx = (struct csum){ENCAPSULATION_8023, CSUM_L4};
	}
	if (caps->rx_csum) {
		o.ip4_rx = (struct csum){ENCAPSULATION_8023, CSUM_L4 | CSUM_IP4_HEADER};
		o.ip6_rx = (struct csum){ENCAPSULATION_8023, CSUM_L4};
	}
	if (caps->lso4) {
		o.lso4.encapsulation = ENCAPSULATION_8023;
		o.lso4.max = caps->lso_max;
		o.lso4.min_segments = LSO_MIN_SEGMENTS;
	}
	if (caps->lso6) {
		o.lso6.encapsulation = ENCAPSULATION_8023;
		o.lso6.max = caps->lso_max;
		o.lso6.min_segments = LSO_MIN_SEGMENTS;
		o.lso6_options = LSO6_OPTIONS;
	}
	o.rsc4 = o.rsc6 = caps->rsc;
	memcpy(to, &o, h.size);
	return h.size;
}

static bool has_csum(struct csum c, uint32_t wanted)
{
	return c.encapsulation & ENCAPSULATION_8023 && (c.caps & wanted) == wanted;
}

int ndis_offload_parse(const uint8_t *data, uint32_t len, struct ndis_offload_caps *caps)
{
	const uint32_t tcp_udp = CSUM_TCP_OPTIONS | CSUM_TCP | CSUM_UDP;
	struct offload o = {};
	struct object_header h;

	if (read_header(data, len, TYPE_OFFLOAD, &h) < 0)
		return -EINVAL;
	if (h.size < offload_sizes[1] || h.size > len)
		return -EINVAL;
	memcpy(&o, data, h.size < sizeof(o) ? h.size : sizeof(o));

	*caps = (struct ndis_offload_caps){
		.tx_csum = has_csum(o.ip4_tx, tcp_udp) && has_csum(o.ip6_tx, CSUM_L4),
		.rx_csum = has_csum(o.ip4_rx, tcp_udp) && has_csum(o.ip6_rx, CSUM_L4),
		.lso4 = o.lso4.encapsulation & ENCAPSULATION_8023,
		.lso6 = o.lso6.encapsulation & ENCAPSULATION_8023 &&
	                (o.lso6_options & LSO6_OPTIONS) == LSO6_OPTIONS,
		.rsc = o.rsc4 && o.rsc6,
	};
	// What both families allow.
	if (caps->lso4)
		caps->lso_max = o.lso4.max;
	if (caps->lso6 && (!caps->lso4 || o.lso6.max < caps->lso_max))
		caps->lso_max = o.lso6.max;
	return 0;
}

uint32_t ndis_offload_build_request(uint8_t *to, uint8_t revision)
{
	struct object_header h = {TYPE_OFFLOAD, revision, 0};

	if (revision >= 1 && revision <= OFFLOAD_NEWEST)
		h.size = offload_sizes[revision];
	memcpy(to, &h, sizeof(h));
	return sizeof(h);
}

// Where each choice is, from the object's start.
enum {
	IP4 = 4,
	TCP4,
	UDP4,
	TCP6,
	UDP6,
	LSO4 = 11,
	LSO6,
	RSC4 = 22,
	RSC6,
};

// 0: as it is, 1: neither, 2: tx, 3: rx, 4: both
static int read_csum(uint8_t value, uint8_t *tx, uint8_t *rx)
{
	if (value > 4)
		return -EINVAL;
	*tx = *rx = NDIS_OFFLOAD_KEEP;
	if (value > 0) {
		*tx = (value - 1) & 1 ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF;
		*rx = (value - 1) & 2 ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF;
	}
	return 0;
}

static uint8_t csum_value(uint8_t tx, uint8_t rx)
{
	if (tx == NDIS_OFFLOAD_KEEP && rx == NDIS_OFFLOAD_KEEP)
		return 0;
	return 1 + (tx == NDIS_OFFLOAD_ON) + 2 * (rx == NDIS_OFFLOAD_ON);
}

int ndis_offload_params_parse(const uint8_t *data, uint32_t len, struct ndis_offload_params *p)
{
	struct ndis_offload_params found = {};
	struct object_header h;

	if (read_header(data, len, TYPE_PARAMETERS, &h) < 0)
		return -EINVAL;
	if (h.size < PARAMS_SIZE_OLD || h.size > len)
		return -EINVAL;
	if (read_csum(data[IP4], &found.ip4_tx, &found.ip4_rx) < 0 ||
		read_csum(data[TCP4], &found.tcp4_tx, &found.tcp4_rx) < 0 ||
		read_csum(data[UDP4], &found.udp4_tx, &found.udp4_rx) < 0 ||
		read_csum(data[TCP6], &found.tcp6_tx, &found.tcp6_rx) < 0 ||
		read_csum(data[UDP6], &found.udp6_tx, &found.udp6_rx) < 0)
		return -EINVAL;
	// These mean on the wire what enum ndis_offload_choice means.
	found.lso4 = data[LSO4];
	found.lso6 = data[LSO6];
	if (h.size > RSC6) {
		found.rsc4 = data[RSC4];
		found.rsc6 = data[RSC6];
	}
	if (found.lso4 > NDIS_OFFLOAD_ON || found.lso6 > NDIS_OFFLOAD_ON ||
		found.rsc4 > NDIS_OFFLOAD_ON || found.rsc6 > NDIS_OFFLOAD_ON)
		return -EINVAL;
	*p = found;
	return 0;
}

uint32_t ndis_offload_params_build(uint8_t *to, const struct ndis_offload_params *p, bool rsc)
{
	const uint16_t size = rsc ? PARAMS_SIZE : PARAMS_SIZE_OLD;
	const struct object_header h = {TYPE_PARAMETERS, PARAMS_REVISION, size};

	memset(to, 0, size);
	memcpy(to, &h, sizeof(h));
	to[IP4] = csum_value(p->ip4_tx, p->ip4_rx);
	to[TCP4] = csum_value(p->tcp4_tx, p->tcp4_rx);
	to[UDP4] = csum_value(p->udp4_tx, p->udp4_rx);
	to[TCP6] = csum_value(p->tcp6_tx, p->tcp6_rx);
	to[UDP6] = csum_value(p->udp6_tx, p->udp6_rx);
	to[LSO4] = p->lso4;
	to[LSO6] = p->lso6;
	if (rsc) {
		to[RSC4] = p->rsc4;
		to[RSC6] = p->rsc6;
	}
	return size;
}
