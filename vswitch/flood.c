/* SPDX-License-Identifier: BSD-3-Clause */
// Broadcast, multicast and unknown destinations: references where the frame leaves as it came,
// one copy for all ports that want it with (or without) the tag.
#include "datapath.h"
#include "ext_vlan.h"

// How a port would get the frame; NONE also for ports that must not have it.
static enum vlan_form form_for(
	const struct vsw_port *port, const struct vsw_port *src, uint16_t vid)
{
	const struct vsw_policy *policy;

	if (port == src)
		return VLAN_FORM_NONE;
	policy = atomic_load_explicit(&port->policy, memory_order_acquire);
	return policy->link_down ? VLAN_FORM_NONE : vlan_form_of(&policy->vlan, vid);
}

static void send_form(
	struct worker *w, enum vlan_form form, uint16_t n, struct rte_mbuf *m, vlan_meta meta)
{
	if (n > 1)
		rte_pktmbuf_refcnt_update(m, n - 1);
	for (uint16_t i = 0; i < n; i++)
		stage_add(w, w->flood_to[form][i], m, meta, n > 1);
}

void flood(struct worker *w, struct rx_burst *rx, struct rte_mbuf *m, vlan_meta meta)
{
	const struct flood_list *list = atomic_load_explicit(&rx->sw->flood, memory_order_acquire);
	const bool tagged = meta & META_TAGGED;
	uint16_t n[2] = {0, 0}; // ports that want it untagged, tagged: a policy is asked once
	vlan_meta other_meta = meta;
	struct rte_mbuf *other;

	if (unlikely((rte_pktmbuf_mtod(m, const uint8_t *)[0] & 1) != 0))
		snoop(w, rx->src, m, meta);
	for (uint16_t i = 0; i < list->n; i++) {
		enum vlan_form form = form_for(list->port[i], rx->src, META_VID(meta));

		if (form != VLAN_FORM_NONE)
			w->flood_to[form][n[form]++] = list->port[i];
	}
	if (n[0] + n[1] == 0) {
		drop(rx->ctr, DROP_NO_DESTINATION, m);
		return;
	}
	rx->ctr->copies += n[0] + n[1] - 1;
	if (n[!tagged] != 0) {
		other = m;
		if (n[tagged] != 0)
			other = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
		if (other != NULL)
			other = vlan_convert(other, &other_meta, !tagged, w->pool);
		if (other == NULL)
			rx->ctr->drops[DROP_NO_MBUF] += n[!tagged];
		else
			send_form(w, !tagged, n[!tagged], other, other_meta);
	}
	if (n[tagged] != 0)
		send_form(w, tagged, n[tagged], m, meta);
}
