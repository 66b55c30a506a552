/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest may set. Every body is hostile bytes.
#include <string.h>

#include <ndis_compat/ndis_status.h>
#include <ndis_compat/oid.h>

#include "vsp.h"

#define FILTER_BITS \
	(NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST | \
		NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_PROMISCUOUS)

static ndis_status set_filter(struct netvsp *vsp, const struct rndis_control *request)
{
	uint32_t filter;

	if (request->data_len < sizeof(filter))
		return NDIS_STATUS_INVALID_LENGTH;
	memcpy(&filter, request->data, sizeof(filter));
	// Other bits (functional, SMT, source routing) mean nothing on Ethernet.
	vsp->state.filter = filter & FILTER_BITS;
	state_changed(vsp);
	vsp_derive(vsp);
	return NDIS_STATUS_SUCCESS;
}

// Asking for what we cannot do leaves it off; off is off.
static void choose(uint8_t *chosen, uint8_t choice, bool able)
{
	if (choice != NDIS_OFFLOAD_KEEP)
		*chosen = choice == NDIS_OFFLOAD_ON && able;
}

static ndis_status set_offloads(struct netvsp *vsp, const struct rndis_control *request)
{
	uint8_t *o = vsp->state.offloads;
	struct ndis_offload_params p;
	struct ndis_offload_caps caps;

	if (ndis_offload_params_parse(request->data, request->data_len, &p) != 0)
		return NDIS_STATUS_INVALID_DATA;
	rndis_offload_caps(vsp, &caps);
	choose(&o[OFFLOAD_CSUM], p.tcp4_tx, caps.tx_csum);
	choose(&o[OFFLOAD_LSO4], p.lso4, caps.lso4);
	choose(&o[OFFLOAD_LSO6], p.lso6, caps.lso6);
	choose(&o[OFFLOAD_RSC4], p.rsc4, caps.rsc);
	choose(&o[OFFLOAD_RSC6], p.rsc6, caps.rsc);
	vsp->state.flags |= TELL_OFFLOADS;
	state_changed(vsp);
	vsp_derive(vsp);
	return NDIS_STATUS_SUCCESS;
}

static ndis_status set_rss(struct netvsp *vsp, const struct rndis_control *request)
{
	struct ndis_rss_params p = vsp->state.rss;

	if (ndis_rss_params_parse(request->data, request->data_len, 1 + vsp->state.n_granted, &p) !=
		0)
		return NDIS_STATUS_INVALID_DATA;
	// Made anew only when the key changes.
	if (p.enabled &&
		(!vsp->state.rss.enabled || memcmp(p.key, vsp->state.rss.key, sizeof(p.key)) != 0))
		toeplitz_init(vsp->toeplitz, p.key);
	vsp->state.rss = p;
	state_changed(vsp);
	return NDIS_STATUS_SUCCESS;
}

// ---- RNDIS_CONFIG_PARAMETER: a name and a value in UTF-16

struct config_parameter {
	uint32_t name_offset, name_len; // bytes, from this struct's start
	uint32_t type;                  // 2: a string
	uint32_t value_offset, value_len;
};
#define CONFIG_STRING 2u
#define CONFIG_MOST   255u // bytes of either

// ASCII of what is ASCII; its length, or -1.
static int get_ascii(
	const struct rndis_control *request, uint32_t offset, uint32_t len, char to[CONFIG_MOST])
{
	if (len > CONFIG_MOST || len % 2 != 0 || offset > request->data_len ||
		len > request->data_len - offset)
		return -1;
	for (uint32_t i = 0; i < len / 2; i++) {
		uint16_t c;

		memcpy(&c, request->data + offset + 2 * i, sizeof(c));
		if (c >= 0x80)
			return -1;
		to[i] = c;
	}
	return len / 2;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Twelve hexadecimal digits, pairs of them apart by '-' or ':' if so.
static bool parse_mac(const char *text, int len, uint8_t mac[6])
{
	int n = 0;

	for (int at = 0; at < len && n < 6; n++) {
		int high, low;

		if (n > 0 && (text[at] == '-' || text[at] == ':'))
			at++;
		if (len - at < 2)
			return false;
		high = hex_digit(text[at]);
		low = hex_digit(text[at + 1]);
		if (high < 0 || low < 0)
			return false;
		mac[n] = high << 4 | low;
		at += 2;
		if (n == 5 && at != len)
			return false;
	}
	return n == 6;
}

static ndis_status set_mac(struct netvsp *vsp, const uint8_t mac[6])
{
	static const uint8_t zero[6];

	if ((mac[0] & 1) != 0 || memcmp(mac, zero, 6) == 0)
		return NDIS_STATUS_INVALID_DATA;
	memcpy(vsp->state.mac, mac, 6);
	state_changed(vsp);
	vsp_derive(vsp);
	return NDIS_STATUS_SUCCESS;
}

static ndis_status set_config(struct netvsp *vsp, const struct rndis_control *request)
{
	char name[CONFIG_MOST], value[CONFIG_MOST];
	struct config_parameter p;
	int name_len, value_len;
	uint8_t mac[6];

	if (request->data_len < sizeof(p))
		return NDIS_STATUS_INVALID_LENGTH;
	memcpy(&p, request->data, sizeof(p));
	name_len = get_ascii(request, p.name_offset, p.name_len, name);
	value_len = get_ascii(request, p.value_offset, p.value_len, value);
	if (name_len < 0 || value_len < 0 || p.type != CONFIG_STRING)
		return NDIS_STATUS_INVALID_DATA;
	while (value_len > 0 && value[value_len - 1] == '\0')
		value_len--;
	while (name_len > 0 && name[name_len - 1] == '\0')
		name_len--;
	if (name_len != 14 || memcmp(name, "NetworkAddress", 14) != 0)
		return NDIS_STATUS_NOT_SUPPORTED;
	return parse_mac(value, value_len, mac) ? set_mac(vsp, mac) : NDIS_STATUS_INVALID_DATA;
}

// Accepted, as guests insist, and of no consequence here.
static ndis_status take_note(struct netvsp *, const struct rndis_control *)
{
	return NDIS_STATUS_SUCCESS;
}

static const struct {
	uint32_t oid;
	ndis_status (*set)(struct netvsp *vsp, const struct rndis_control *request);
} rows[] = {
	{OID_GEN_CURRENT_PACKET_FILTER, set_filter},
	{OID_TCP_OFFLOAD_PARAMETERS, set_offloads},
	{OID_GEN_RECEIVE_SCALE_PARAMETERS, set_rss},
	{OID_GEN_RNDIS_CONFIG_PARAMETER, set_config},
	{OID_GEN_CURRENT_LOOKAHEAD, take_note},
	{OID_GEN_PROTOCOL_OPTIONS, take_note},
	{OID_GEN_NETWORK_LAYER_ADDRESSES, take_note},
	{OID_GEN_TRANSPORT_HEADER_OFFSET, take_note},
	{OID_802_3_MULTICAST_LIST, take_note}, // all multicast passes
	{OID_OFFLOAD_ENCAPSULATION, take_note},
	{OID_PNP_SET_POWER, take_note},
};

ndis_status rndis_set(struct netvsp *vsp, const struct rndis_control *request)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].oid == request->oid)
			return rows[i].set(vsp, request);
	return NDIS_STATUS_NOT_SUPPORTED;
}
