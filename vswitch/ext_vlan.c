/* SPDX-License-Identifier: BSD-3-Clause */
#include "ext_vlan.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

static uint16_t *tci_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint16_t *, 14);
}

int vlan_classify_tagged(const struct vlan_config *vlan, struct rte_mbuf *m, enum vsw_drop *why)
{
	uint16_t tci = rte_be_to_cpu_16(*tci_of(m));
	uint16_t vid = tci & 0xfff;

	if (vid == 0) {
		vid = vlan_untagged_id(vlan);
		if (vid == 0) {
			vlan_strip(m);
			return 0;
		}
		*tci_of(m) = rte_cpu_to_be_16((tci & 0xf000) | vid);
		return vid | META_TAGGED;
	}
	if (vlan->mode != VLAN_TRUNK) {
		*why = DROP_VLAN_TAGGED;
		return -1;
	}
	if (vid == 0xfff || (vid != vlan->native_id && !vlan_bit(vlan->allowed, vid))) {
		*why = DROP_VLAN_RX;
		return -1;
	}
	return vid | META_TAGGED;
}

void vlan_strip(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	memmove(p + VLAN_TAG_LEN, p, 2 * RTE_ETHER_ADDR_LEN);
	rte_pktmbuf_adj(m, VLAN_TAG_LEN);
	if (m->l2_len >= VLAN_TAG_LEN)
		m->l2_len -= VLAN_TAG_LEN;
}

int vlan_insert(struct rte_mbuf *m, uint16_t vid)
{
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, VLAN_TAG_LEN);

	if (p == NULL)
		return -ENOMEM;
	memmove(p, p + VLAN_TAG_LEN, 2 * RTE_ETHER_ADDR_LEN);
	p[12] = 0x81;
	p[13] = 0x00;
	p[14] = vid >> 8;
	p[15] = vid & 0xff;
	if (m->l2_len != 0)
		m->l2_len += VLAN_TAG_LEN;
	return 0;
}

static bool may_write(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m);
}

struct rte_mbuf *vlan_convert(
	struct rte_mbuf *m, vlan_meta *meta, enum vlan_form form, struct rte_mempool *pool)
{
	bool tagged = *meta & META_TAGGED;
	struct rte_mbuf *copy;

	if (tagged == (form == VLAN_FORM_TAGGED))
		return m;
	if (!may_write(m) || (!tagged && rte_pktmbuf_headroom(m) < VLAN_TAG_LEN)) {
		copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
		rte_pktmbuf_free(m);
		if (copy == NULL)
			return NULL;
		m = copy;
	}
	if (tagged) {
		vlan_strip(m);
		*meta &= ~META_TAGGED;
	} else {
		if (vlan_insert(m, META_VID(*meta)) < 0) {
			rte_pktmbuf_free(m);
			return NULL;
		}
		*meta |= META_TAGGED;
	}
	return m;
}
