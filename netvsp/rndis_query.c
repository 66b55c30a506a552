/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest may ask of the NIC. Only what is listed here has an answer.
#include <string.h>

#include <ndis_compat/ndis_status.h>
#include <ndis_compat/oid.h>

#include "vsp.h"

#define VENDOR_ID          0x00ffffffu // none of the registered ones
#define VENDOR_DESCRIPTION "Virtual switch network adapter"
#define NDIS_VERSION       0x061eu // 6.30
#define DRIVER_VERSION     0x00010000u
#define MEDIUM_802_3       0u
#define HARDWARE_READY     0u
// Copies what it looks ahead, no loopback, full duplex, tags by priority and VLAN.
#define MAC_OPTIONS         0x000000cdu
#define MULTICAST_ADDRESSES 32u
#define LSO_MAX             0xf53cu
#define MAX_SEND_PACKETS    1u

struct value {
	uint8_t *to;
	uint32_t size, len;
};

static ndis_status put(struct value *v, const void *bytes, uint32_t len)
{
	if (len > v->size)
		return NDIS_STATUS_BUFFER_TOO_SHORT;
	memcpy(v->to, bytes, len);
	v->len = len;
	return NDIS_STATUS_SUCCESS;
}

static ndis_status put_u32(struct value *v, uint32_t number)
{
	return put(v, &number, sizeof(number));
}

static uint32_t sum(const struct netvsp *vsp, size_t member, uint64_t *wide)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++) {
		uint64_t one;

		memcpy(&one, (const uint8_t *)&vsp->queue[i].count + member, sizeof(one));
		n += one;
	}
	if (wide != NULL)
		*wide = n;
	return n;
}
#define SUM(vsp, member, wide) sum(vsp, offsetof(struct netvsp_queue_status, member), wide)

// ---- values of their own shape

static ndis_status friendly_name(struct netvsp *vsp, const struct rndis_control *, struct value *v)
{
	const uint8_t *from = (const uint8_t *)(vsp->friendly_name ? vsp->friendly_name : "");
	uint16_t name[256];
	uint32_t n = 0;

	// UTF-16 of what is UTF-8; beyond the basic plane, and broken ones: a question mark.
	while (*from != 0 && n < sizeof(name) / sizeof(name[0]) - 1) {
		uint32_t more = *from >= 0xf0 ? 3 : *from >= 0xe0 ? 2 : *from >= 0xc0 ? 1 : 0;
		uint32_t c = more == 0 ? *from : *from & (0x3fu >> more);

		from++;
		if (more == 0 && c >= 0x80)
			c = '?';
		for (; more > 0 && (*from & 0xc0) == 0x80; more--)
			c = c << 6 | (*from++ & 0x3fu);
		name[n++] = more != 0 || c > 0xffff || (c >= 0xd800 && c < 0xe000) ? '?' : c;
	}
	return put(v, name, n * sizeof(name[0]));
}

static ndis_status offload_caps(
	struct netvsp *vsp, const struct rndis_control *request, struct value *v)
{
	struct ndis_offload_caps caps;
	int len;

	rndis_offload_caps(vsp, &caps);
	len = ndis_offload_build(v->to, v->size, request->data, request->data_len, &caps);
	if (len < 0)
		return NDIS_STATUS_INVALID_DATA;
	v->len = len;
	return NDIS_STATUS_SUCCESS;
}

static ndis_status rss_caps(struct netvsp *vsp, const struct rndis_control *, struct value *v)
{
	const struct ndis_rss_caps caps = {
		.n_queues = vsp->state.nvsp_version >= NVSP_VERSION_5 ? vsp->opt.max_queues : 1,
		.n_indirection = NDIS_RSS_TABLE_MAX,
	};
	int len = ndis_rss_caps_build(v->to, v->size, &caps);

	if (len < 0)
		return NDIS_STATUS_BUFFER_TOO_SHORT;
	v->len = len;
	return NDIS_STATUS_SUCCESS;
}

// What is told by asking need not be indicated.
static ndis_status media_connect(struct netvsp *vsp, const struct rndis_control *, struct value *v)
{
	bool up = atomic_load_explicit(&vsp->link, memory_order_acquire) & 1;

	vsp->state.told_link = (vsp->state.told_link & ~3u) | (up ? LINK_TOLD_UP : LINK_TOLD_DOWN);
	state_changed(vsp);
	return put_u32(v, up ? 0 : 1);
}

static ndis_status link_speed(struct netvsp *vsp, const struct rndis_control *, struct value *v)
{
	uint64_t mbps =
		atomic_load_explicit(&vsp->link, memory_order_acquire) >> 1 & (UINT32_MAX >> 2);

	vsp->state.told_link = (vsp->state.told_link & 3) | (uint32_t)mbps << 2;
	state_changed(vsp);
	return put_u32(v, mbps * 10000 > UINT32_MAX ? UINT32_MAX : mbps * 10000);
}

// NDIS_STATISTICS_INFO. Frames are not told apart by their addresses.
static ndis_status statistics(struct netvsp *vsp, const struct rndis_control *, struct value *v)
{
	struct {
		uint8_t type, revision;
		uint16_t size;
		uint32_t valid;
		uint64_t in_discards, in_errors, in_bytes, in_unicast, in_multicast, in_broadcast;
		uint64_t out_bytes, out_unicast, out_multicast, out_broadcast;
		uint64_t out_errors, out_discards, bytes_by_kind[6];
	} s = {.type = 0x80, .revision = 1, .size = sizeof(s), .valid = 0x863b};

	static_assert(sizeof(s) == 152);
	SUM(vsp, to_guest_bytes, &s.in_bytes);
	SUM(vsp, to_guest_frames, &s.in_unicast);
	SUM(vsp, no_section, &s.in_discards);
	SUM(vsp, from_guest_bytes, &s.out_bytes);
	SUM(vsp, from_guest_frames, &s.out_unicast);
	s.valid |= 0x40 | 0x1;
	s.out_errors = vsp->n_bad_frames;
	return put(v, &s, sizeof(s));
}

static ndis_status supported_list(struct netvsp *, const struct rndis_control *, struct value *v);

// ---- plain numbers

enum number {
	OWN_SHAPE,
	CONSTANT,
	FRAME_SIZE,
	TOTAL_SIZE,
	RECEIVE_SPACE,
	SEND_SPACE,
	FILTER,
	PERMANENT_MAC,
	CURRENT_MAC,
	FRAMES_OUT,
	FRAMES_IN,
	ERRORS_OUT,
	NO_BUFFER,
	TEXT,
	NOTHING, // only SET has a use for it
};

static const struct row {
	uint32_t oid;
	uint8_t what; // enum number
	uint32_t constant;
	ndis_status (*get)(
		struct netvsp *vsp, const struct rndis_control *request, struct value *v);
} rows[] = {
	{OID_GEN_SUPPORTED_LIST, OWN_SHAPE, 0, supported_list},
	{OID_GEN_HARDWARE_STATUS, CONSTANT, HARDWARE_READY, NULL},
	{OID_GEN_MEDIA_SUPPORTED, CONSTANT, MEDIUM_802_3, NULL},
	{OID_GEN_MEDIA_IN_USE, CONSTANT, MEDIUM_802_3, NULL},
	{OID_GEN_PHYSICAL_MEDIUM, CONSTANT, 0, NULL},
	{OID_GEN_MAXIMUM_LOOKAHEAD, FRAME_SIZE, 0, NULL},
	{OID_GEN_CURRENT_LOOKAHEAD, FRAME_SIZE, 0, NULL},
	{OID_GEN_MAXIMUM_FRAME_SIZE, FRAME_SIZE, 0, NULL},
	{OID_GEN_MAXIMUM_TOTAL_SIZE, TOTAL_SIZE, 0, NULL},
	{OID_GEN_TRANSMIT_BLOCK_SIZE, TOTAL_SIZE, 0, NULL},
	{OID_GEN_RECEIVE_BLOCK_SIZE, TOTAL_SIZE, 0, NULL},
	{OID_GEN_TRANSMIT_BUFFER_SPACE, SEND_SPACE, 0, NULL},
	{OID_GEN_RECEIVE_BUFFER_SPACE, RECEIVE_SPACE, 0, NULL},
	{OID_GEN_LINK_SPEED, OWN_SHAPE, 0, link_speed},
	{OID_GEN_VENDOR_ID, CONSTANT, VENDOR_ID, NULL},
	{OID_GEN_VENDOR_DESCRIPTION, TEXT, 0, NULL},
	{OID_GEN_VENDOR_DRIVER_VERSION, CONSTANT, DRIVER_VERSION, NULL},
	{OID_GEN_DRIVER_VERSION, CONSTANT, NDIS_VERSION, NULL},
	{OID_GEN_CURRENT_PACKET_FILTER, FILTER, 0, NULL},
	{OID_GEN_MAC_OPTIONS, CONSTANT, MAC_OPTIONS, NULL},
	{OID_GEN_MEDIA_CONNECT_STATUS, OWN_SHAPE, 0, media_connect},
	{OID_GEN_MAXIMUM_SEND_PACKETS, CONSTANT, MAX_SEND_PACKETS, NULL},
	{OID_GEN_RECEIVE_SCALE_CAPABILITIES, OWN_SHAPE, 0, rss_caps},
	{OID_GEN_RECEIVE_SCALE_PARAMETERS, NOTHING, 0, NULL},
	{OID_GEN_RNDIS_CONFIG_PARAMETER, NOTHING, 0, NULL},
	{OID_GEN_PROTOCOL_OPTIONS, NOTHING, 0, NULL},
	{OID_GEN_NETWORK_LAYER_ADDRESSES, NOTHING, 0, NULL},
	{OID_GEN_TRANSPORT_HEADER_OFFSET, NOTHING, 0, NULL},
	{OID_GEN_FRIENDLY_NAME, OWN_SHAPE, 0, friendly_name},
	{OID_GEN_XMIT_OK, FRAMES_OUT, 0, NULL},
	{OID_GEN_RCV_OK, FRAMES_IN, 0, NULL},
	{OID_GEN_XMIT_ERROR, ERRORS_OUT, 0, NULL},
	{OID_GEN_RCV_ERROR, CONSTANT, 0, NULL},
	{OID_GEN_RCV_NO_BUFFER, NO_BUFFER, 0, NULL},
	{OID_GEN_STATISTICS, OWN_SHAPE, 0, statistics},
	{OID_802_3_PERMANENT_ADDRESS, PERMANENT_MAC, 0, NULL},
	{OID_802_3_CURRENT_ADDRESS, CURRENT_MAC, 0, NULL},
	{OID_802_3_MULTICAST_LIST, NOTHING, 0, NULL},
	{OID_802_3_MAXIMUM_LIST_SIZE, CONSTANT, MULTICAST_ADDRESSES, NULL},
	{OID_802_3_MAC_OPTIONS, CONSTANT, 0, NULL},
	{OID_802_3_RCV_ERROR_ALIGNMENT, CONSTANT, 0, NULL},
	{OID_802_3_XMIT_ONE_COLLISION, CONSTANT, 0, NULL},
	{OID_802_3_XMIT_MORE_COLLISIONS, CONSTANT, 0, NULL},
	{OID_TCP_OFFLOAD_PARAMETERS, NOTHING, 0, NULL},
	{OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, OWN_SHAPE, 0, offload_caps},
	{OID_OFFLOAD_ENCAPSULATION, NOTHING, 0, NULL},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static ndis_status supported_list(struct netvsp *, const struct rndis_control *, struct value *v)
{
	uint32_t list[N_ROWS];

	for (size_t i = 0; i < N_ROWS; i++)
		list[i] = rows[i].oid;
	return put(v, list, sizeof(list));
}

static uint32_t max_mtu(const struct netvsp *vsp)
{
	return atomic_load_explicit(&vsp->max_mtu, memory_order_relaxed);
}

static ndis_status put_row(const struct netvsp *vsp, const struct row *row, struct value *v)
{
	const struct netvsp_state *s = &vsp->state;

	switch ((enum number)row->what) {
	case CONSTANT: return put_u32(v, row->constant);
	case FRAME_SIZE: return put_u32(v, max_mtu(vsp));
	case TOTAL_SIZE: return put_u32(v, max_mtu(vsp) + 14u);
	case RECEIVE_SPACE: return put_u32(v, s->n_receive * s->receive_section);
	case SEND_SPACE: return put_u32(v, s->n_send * s->send_section);
	case FILTER: return put_u32(v, s->filter);
	case PERMANENT_MAC: return put(v, vsp->opt.mac, sizeof(vsp->opt.mac));
	case CURRENT_MAC: return put(v, s->mac, sizeof(s->mac));
	case FRAMES_OUT: return put_u32(v, SUM(vsp, from_guest_frames, NULL));
	case FRAMES_IN: return put_u32(v, SUM(vsp, to_guest_frames, NULL));
	case ERRORS_OUT: return put_u32(v, vsp->n_bad_frames);
	case NO_BUFFER: return put_u32(v, SUM(vsp, no_section, NULL));
	case TEXT: return put(v, VENDOR_DESCRIPTION, sizeof(VENDOR_DESCRIPTION));
	case OWN_SHAPE:
	case NOTHING: break;
	}
	return NDIS_STATUS_NOT_SUPPORTED;
}

ndis_status rndis_query(struct netvsp *vsp, const struct rndis_control *request, uint8_t *to,
	uint32_t size, uint32_t *len)
{
	struct value v = {.to = to, .size = size};
	ndis_status status = NDIS_STATUS_NOT_SUPPORTED;

	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].oid != request->oid)
			continue;
		status = rows[i].get != NULL ? rows[i].get(vsp, request, &v)
		                             : put_row(vsp, &rows[i], &v);
		break;
	}
	*len = v.len;
	return status;
}

void rndis_offload_caps(const struct netvsp *vsp, struct ndis_offload_caps *caps)
{
	*caps = (struct ndis_offload_caps){
		.tx_csum = true,
		.rx_csum = true,
		.lso4 = true,
		.lso6 = true,
		.lso_max = LSO_MAX,
		.rsc = vsp->state.nvsp_version >= NVSP_VERSION_6_1 &&
	               (vsp->state.capabilities & NVSP_CAP_RSC) != 0,
	};
}
