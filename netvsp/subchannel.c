/* SPDX-License-Identifier: BSD-3-Clause */
// More channels than one: how many a guest gets, and which a frame goes to.
#include "vsp.h"

#define SECTIONS_OF_QUEUE 16u // a channel with less is of no use

enum nvsp_status subchannels_grant(struct netvsp *vsp, uint32_t asked, uint32_t *granted)
{
	uint32_t n = vsp->state.n_receive, most;

	*granted = 0;
	// The guest knows from the RSS capabilities how many there can be.
	if (vsp->receive == NULL || asked >= vsp->opt.max_queues)
		return NVSP_STATUS_FAIL;
	most = n > CONTROL_SECTIONS ? (n - CONTROL_SECTIONS) / SECTIONS_OF_QUEUE : 0;
	if (asked != 0 && asked >= most)
		asked = most == 0 ? 0 : most - 1;
	*granted = asked;
	vsp->state.n_granted = asked;
	// They are offered once the answer is in the guest's ring.
	vsp->want = asked != 0;
	sections_divide(vsp, 1 + asked);
	state_changed(vsp);
	return NVSP_STATUS_SUCCESS;
}

uint32_t netvsp_queue_of(const struct netvsp *vsp, uint32_t hash)
{
	const struct ndis_rss_params *rss = &vsp->state.rss;
	uint32_t queue;

	if (!rss->enabled)
		return 0;
	queue = rss->table[hash & (rss->n_entries - 1u)];
	return likely(queue_runs(&vsp->queue[queue])) ? queue : 0;
}

bool netvsp_hash(const struct netvsp *vsp, const uint8_t *frame, uint32_t len, uint32_t *hash)
{
	return vsp->state.rss.enabled &&
	       toeplitz_frame(vsp->toeplitz, vsp->state.rss.hash_types, frame, len, hash);
}

bool netvsp_takes_large(const struct netvsp *vsp, bool ip6)
{
	return atomic_load_explicit(&vsp->takes_large[ip6], memory_order_relaxed);
}
