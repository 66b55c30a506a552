/* SPDX-License-Identifier: BSD-3-Clause */
// What Linux asks a NIC for and sets, in its order.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/oid.h>

static int query_u32(struct vsc *vsc, uint32_t oid, uint32_t *value, bool *known)
{
	uint32_t len;
	int ret = vsc_rndis_query(vsc, oid, NULL, 0, value, sizeof(*value), &len);

	*known = ret == 0 && len == sizeof(*value);
	return ret;
}

static int query_identity(struct vsc *vsc)
{
	uint8_t name[512];
	uint32_t len, value;
	bool known;
	int ret = query_u32(vsc, OID_GEN_MAXIMUM_FRAME_SIZE, &value, &known);

	vsc->info.mtu = vsc->opt.mtu;
	if (ret == 0 && known && value < vsc->info.mtu)
		vsc->info.mtu = value;
	if (ret == 0)
		ret = vsc_rndis_query(vsc, OID_802_3_PERMANENT_ADDRESS, NULL, 0, vsc->info.mac,
			sizeof(vsc->info.mac), &len);
	if (ret == 0)
		ret = vsc_rndis_query(
			vsc, OID_GEN_FRIENDLY_NAME, NULL, 0, name, sizeof(name), &len);
	return ret;
}

// Newer protocols know more of an NDIS_OFFLOAD.
static uint8_t offload_revision(const struct vsc *vsc)
{
	if (vsc->info.nvsp_version >= NVSP_VERSION_5)
		return 3;
	return vsc->info.nvsp_version >= NVSP_VERSION_4 ? 2 : 1;
}

static uint8_t choice(bool on)
{
	return on ? NDIS_OFFLOAD_ON : NDIS_OFFLOAD_OFF;
}

static int set_offloads(struct vsc *vsc)
{
	struct ndis_offload_caps *caps = &vsc->info.offloads;
	uint8_t request[160], data[256], udp;
	struct ndis_offload_params p;
	uint32_t len = ndis_offload_build_request(request, offload_revision(vsc));
	int ret = vsc_rndis_query(
		vsc, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, request, len, data, sizeof(data), &len);

	if (ret < 0)
		return ret;
	if (ndis_offload_parse(data, len, caps) < 0)
		return -EBADMSG;
	if (vsc->opt.no_offloads)
		*caps = (struct ndis_offload_caps){};
	// No UDP before version 5.
	vsc->info.udp_csum = caps->tx_csum && vsc->info.nvsp_version >= NVSP_VERSION_5;
	udp = vsc->info.nvsp_version < NVSP_VERSION_5 ? NDIS_OFFLOAD_KEEP : choice(caps->tx_csum);
	if (vsc->opt.no_rsc || vsc->info.nvsp_version < NVSP_VERSION_6_1)
		caps->rsc = false;
	p = (struct ndis_offload_params){
		.udp4_tx = udp,
		.udp6_tx = udp,
		.udp4_rx = udp,
		.udp6_rx = udp,
		.tcp4_tx = choice(caps->tx_csum),
		.tcp6_tx = choice(caps->tx_csum),
		.tcp4_rx = choice(caps->rx_csum),
		.tcp6_rx = choice(caps->rx_csum),
		.lso4 = choice(caps->lso4),
		.lso6 = choice(caps->lso6),
		.rsc4 = choice(caps->rsc),
		.rsc6 = choice(caps->rsc),
	};
	len = ndis_offload_params_build(data, &p, vsc->info.nvsp_version > NVSP_VERSION_4);
	return vsc_rndis_set(vsc, OID_TCP_OFFLOAD_PARAMETERS, data, len);
}

static int query_link(struct vsc *vsc)
{
	uint32_t value;
	bool known;
	int ret = query_u32(vsc, OID_GEN_MEDIA_CONNECT_STATUS, &value, &known);

	if (ret < 0)
		return ret;
	vsc->info.link_up = !known || value == 0;
	if (vsc->info.nvsp_version < NVSP_VERSION_5)
		return 0;
	ret = query_u32(vsc, OID_GEN_LINK_SPEED, &value, &known);
	vsc->info.link_speed = ret == 0 && known ? value * 100ull : 0;
	return ret;
}

int vsc_probe(struct vsc *vsc)
{
	int ret = vsc_rndis_start(vsc);

	if (ret == 0)
		ret = query_identity(vsc);
	if (ret == 0)
		ret = set_offloads(vsc);
	return ret < 0 ? ret : query_link(vsc);
}

int vsc_send_filter(struct vsc *vsc, uint32_t filter)
{
	int ret = vsc_rndis_set(vsc, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));

	// As Linux: what it says of it does not matter.
	return ret == -EREMOTEIO ? 0 : ret;
}

uint32_t vsc_wanted_filter(const struct vsc *vsc)
{
	switch (vsc->filter) {
	case VSC_FILTER_DOWN: return 0;
	case VSC_FILTER_PROMISCUOUS: return NDIS_PACKET_TYPE_PROMISCUOUS;
	default:
		return NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_ALL_MULTICAST |
		       NDIS_PACKET_TYPE_BROADCAST;
	}
}

int vsc_set_filter(struct vsc *vsc, enum vsc_filter filter)
{
	if (filter == vsc->filter)
		return 0;
	vsc->filter = filter;
	return vsc->queue[0].open ? vsc_send_filter(vsc, vsc_wanted_filter(vsc)) : 0;
}

// A name and a string, both in UTF-16.
#define PARAMETER_NAME  "NetworkAddress"
#define PARAMETER_TYPE  2u
#define PARAMETER_CHARS (sizeof(PARAMETER_NAME) - 1)
#define MAC_CHARS       12u

int vsc_set_mac(struct vsc *vsc, const uint8_t mac[6])
{
	struct {
		uint32_t name_offset, name_len, type, value_offset, value_len;
		uint16_t name[PARAMETER_CHARS], value[MAC_CHARS];
	} p = {
		.name_offset = offsetof(typeof(p), name),
		.name_len = sizeof(p.name),
		.type = PARAMETER_TYPE,
		.value_offset = offsetof(typeof(p), value),
		.value_len = sizeof(p.value),
	};
	static const char digits[] = "0123456789ABCDEF";
	int ret;

	for (unsigned i = 0; i < PARAMETER_CHARS; i++)
		p.name[i] = PARAMETER_NAME[i];
	for (unsigned i = 0; i < MAC_CHARS; i++)
		p.value[i] = digits[mac[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	ret = vsc_rndis_set(vsc, OID_GEN_RNDIS_CONFIG_PARAMETER, &p, sizeof(p));
	if (ret == 0)
		memcpy(vsc->info.mac, mac, sizeof(vsc->info.mac));
	return ret;
}

static bool all_offered(const struct vsc *vsc)
{
	for (uint32_t i = 1; i < vsc->info.n_queues; i++)
		if (!vsc->offer[i].present)
			return false;
	return true;
}

static int set_rss(struct vsc *vsc, const struct ndis_rss_caps *caps, bool enabled)
{
	struct ndis_rss_params p = {
		.enabled = enabled,
		.hash_types = NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6,
		.n_entries = caps->n_indirection,
	};
	uint8_t data[1024];
	int len;

	if (p.n_entries == 0 || p.n_entries > NDIS_RSS_TABLE_MAX)
		p.n_entries = NDIS_RSS_TABLE_MAX;
	for (uint32_t i = 0; i < p.n_entries; i++)
		p.table[i] = i % vsc->info.n_queues;
	memcpy(p.key, ndis_rss_default_key, sizeof(p.key));
	len = ndis_rss_params_build(data, sizeof(data), &p);
	if (len < 0)
		return len;
	// Refused or not, the channels stay open.
	len = vsc_rndis_set(vsc, OID_GEN_RECEIVE_SCALE_PARAMETERS, data, len);
	return len == -EREMOTEIO ? 0 : len;
}

static int query_rss(struct vsc *vsc, struct ndis_rss_caps *caps)
{
	uint8_t data[64];
	uint32_t len;
	int ret;

	*caps = (struct ndis_rss_caps){.n_queues = 1};
	if (vsc->info.nvsp_version < NVSP_VERSION_5)
		return 0;
	ret = vsc_rndis_query(
		vsc, OID_GEN_RECEIVE_SCALE_CAPABILITIES, NULL, 0, data, sizeof(data), &len);
	if (ret == 0 && ndis_rss_caps_parse(data, len, caps) < 0)
		*caps = (struct ndis_rss_caps){.n_queues = 1};
	return ret;
}

int vsc_start_queues(struct vsc *vsc)
{
	struct ndis_rss_caps caps;
	uint32_t wanted, granted;
	int ret = query_rss(vsc, &caps);

	vsc->info.n_queues = 1;
	if (ret < 0)
		return ret;
	wanted = vsc->opt.n_queues < caps.n_queues ? vsc->opt.n_queues : caps.n_queues;
	if (wanted < 2)
		return 0;
	ret = vsc_ask_subchannels(vsc, wanted - 1, &granted);
	if (ret < 0)
		return ret;
	vsc->info.n_queues = 1 + granted;
	ret = vsc_wait(vsc, all_offered);
	for (uint32_t i = 1; i <= granted && ret == 0; i++)
		ret = vsc_open_queue(vsc, i);
	if (ret == 0)
		ret = set_rss(vsc, &caps, false);
	return ret < 0 ? ret : set_rss(vsc, &caps, true);
}
