/* SPDX-License-Identifier: BSD-3-Clause */
// VLANs: which one a frame belongs to when it comes in, and how it looks when it leaves.
#pragma once

#include <string.h>

#include "datapath.h"

#define ETHERTYPE_VLAN_LE 0x0081 // 0x8100 as two bytes load on a little-endian machine
#define ETHERTYPE_QINQ_LE 0xa888
#define ETHERTYPE_ARP_LE  0x0608
#define VLAN_TAG_LEN      4

// How a frame of a VLAN leaves a port.
enum vlan_form { VLAN_FORM_NONE = -1, VLAN_FORM_UNTAGGED, VLAN_FORM_TAGGED };

static inline enum vlan_form vlan_form_of(const struct vlan_config *vlan, uint16_t vid)
{
	switch (vlan->mode) {
	case VLAN_UNTAGGED: return vid == 0 ? VLAN_FORM_UNTAGGED : VLAN_FORM_NONE;
	case VLAN_ACCESS: return vid == vlan->access_id ? VLAN_FORM_UNTAGGED : VLAN_FORM_NONE;
	case VLAN_TRUNK: break;
	}
	if (vid == vlan->native_id)
		return VLAN_FORM_UNTAGGED;
	return vid != 0 && vlan_bit(vlan->allowed, vid) ? VLAN_FORM_TAGGED : VLAN_FORM_NONE;
}

// The VLAN of frames that come in without a tag of ours.
static inline uint16_t vlan_untagged_id(const struct vlan_config *vlan)
{
	switch (vlan->mode) {
	case VLAN_ACCESS: return vlan->access_id;
	case VLAN_TRUNK: return vlan->native_id;
	case VLAN_UNTAGGED: break;
	}
	return 0;
}

// Bytes that the frame's tags take beside the MTU: ours, and a service tag (802.1ad), which is
// carried whole.
static inline uint32_t vlan_tag_room(const struct rte_mbuf *m, vlan_meta meta)
{
	const uint32_t ours = meta & META_TAGGED ? VLAN_TAG_LEN : 0;
	uint16_t type;

	memcpy(&type, rte_pktmbuf_mtod_offset(m, const char *, 12 + ours), sizeof(type));
	return type == ETHERTYPE_QINQ_LE ? ours + VLAN_TAG_LEN : ours;
}

// A frame that came in with an 802.1Q tag (and at least 18 bytes): its meta, or -1 with the
// reason. Priority tags (VLAN id 0) are resolved here: rewritten to the port's VLAN, or taken
// off where that is 0.
int vlan_classify_tagged(const struct vlan_config *vlan, struct rte_mbuf *m, enum vsw_drop *why);

// Takes off or puts on the 802.1Q tag. The frame must not be shared. insert: -ENOMEM without
// headroom.
void vlan_strip(struct rte_mbuf *m);
int vlan_insert(struct rte_mbuf *m, uint16_t vid);

// The frame in the wanted form; a shared one is copied first. NULL: no buffer (m freed).
struct rte_mbuf *vlan_convert(
	struct rte_mbuf *m, vlan_meta *meta, enum vlan_form form, struct rte_mempool *pool);
