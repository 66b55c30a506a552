/* SPDX-License-Identifier: BSD-3-Clause */
// The RNDIS device: control messages in, completions and indications out.
#include <string.h>

#include <ndis_compat/ndis_status.h>

#include "vsp.h"

#define MAX_PACKETS  8u // of one guest packet, as told
#define ALIGN_FACTOR 3u
#define MAX_TRANSFER 0xefffffffu
#define FOR_ANSWERS  8u // control sections that indications leave alone

// ---- answers

bool rndis_can_answer(const struct netvsp *vsp)
{
	return vsp->receive == NULL || vsp->control_pool.n_free != 0 ||
	       vsp->queue[0].pool.n_free != 0;
}

// The reply buffer begins with room for a header; values are written behind it.
#define VALUE_AT 64u

static void answer(struct netvsp *vsp, const struct rndis_control *c)
{
	uint8_t *msg = vsp->reply;
	int len = rndis_control_build(msg, VALUE_AT, c);

	if (len > 0)
		to_guest_control(vsp, msg, len, 0);
}

static void answer_query(struct netvsp *vsp, const struct rndis_control *request)
{
	struct rndis_control c = {
		.type = RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETION,
		.request_id = request->request_id,
	};
	uint8_t value[1024];
	uint32_t size =
		vsp->usable < sizeof(value) + VALUE_AT ? vsp->usable - VALUE_AT : sizeof(value);
	int len;

	c.status = vsp->state.rndis_initialized
	                   ? rndis_query(vsp, request, value, size, &c.data_len)
	                   : NDIS_STATUS_FAILURE;
	if (c.status != NDIS_STATUS_SUCCESS)
		c.data_len = 0;
	c.data = value;
	len = rndis_control_build(vsp->reply, sizeof(vsp->reply), &c);
	if (len > 0)
		to_guest_control(vsp, vsp->reply, len, 0);
}

static void answer_set(struct netvsp *vsp, const struct rndis_control *request)
{
	const struct rndis_control c = {
		.type = RNDIS_MSG_SET | RNDIS_MSG_COMPLETION,
		.request_id = request->request_id,
		.status = vsp->state.rndis_initialized ? rndis_set(vsp, request)
	                                               : NDIS_STATUS_FAILURE,
	};

	answer(vsp, &c);
}

static void initialize(struct netvsp *vsp, const struct rndis_control *request)
{
	struct rndis_control c = {
		.type = RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETION,
		.request_id = request->request_id,
		.major = RNDIS_MAJOR,
		.minor = RNDIS_MINOR,
		.max_packets = MAX_PACKETS,
		.max_transfer = MAX_TRANSFER,
		.align_factor = ALIGN_FACTOR,
	};

	// A device that was halted stays so until its channel is opened again.
	if (vsp->state.flags & DID_HALT) {
		c.status = NDIS_STATUS_FAILURE;
	} else {
		vsp->state.rndis_initialized = 1;
		vsp->state.told_link = LINK_TOLD_UP; // so a guest takes it to be until told
		state_changed(vsp);
		vsp_derive(vsp);
	}
	answer(vsp, &c);
}

static void halt(struct netvsp *vsp)
{
	vsp->state.flags |= DID_HALT;
	vsp->state.rndis_initialized = 0;
	vsp->state.filter = 0;
	state_changed(vsp);
	vsp_derive(vsp);
}

bool rndis_handle(struct netvsp *vsp, const uint8_t *msg, uint32_t len)
{
	struct rndis_control request, c = {};

	if (rndis_control_parse(msg, len, &request) != 0)
		return false;
	c.type = request.type | RNDIS_MSG_COMPLETION;
	c.request_id = request.request_id;
	switch (request.type) {
	case RNDIS_MSG_INITIALIZE: initialize(vsp, &request); return true;
	case RNDIS_MSG_HALT: halt(vsp); return true;
	case RNDIS_MSG_QUERY: answer_query(vsp, &request); return true;
	case RNDIS_MSG_SET: answer_set(vsp, &request); return true;
	case RNDIS_MSG_RESET: // nothing of ours gets stuck; addresses and filter stay
	case RNDIS_MSG_KEEPALIVE: answer(vsp, &c); return true;
	default: return false;
	}
}

// ---- indications

struct link {
	bool up;
	uint32_t mbps;
};

static struct link link_now(const struct netvsp *vsp)
{
	uint64_t word = atomic_load_explicit(&vsp->link, memory_order_acquire);

	return (struct link){.up = word & 1, .mbps = (uint32_t)(word >> 1) & (UINT32_MAX >> 2)};
}

// Guests listen once they take frames; a driver that still probes forgets what it is told.
static bool listens(const struct netvsp *vsp)
{
	return vsp->state.rndis_initialized && vsp->state.filter != 0 && vsp->receive != NULL;
}

bool rndis_has_to_tell(const struct netvsp *vsp)
{
	struct link link = link_now(vsp);
	uint32_t told = vsp->state.told_link;

	if (!listens(vsp) || vsp->control_pool.n_free <= FOR_ANSWERS)
		return false;
	return (vsp->state.flags & TELL_OFFLOADS) != 0 || link.up != ((told & 3) == LINK_TOLD_UP) ||
	       (link.up && link.mbps != told >> 2);
}

static bool indicate(struct netvsp *vsp, ndis_status status, const void *data, uint32_t len)
{
	const struct rndis_control c = {
		.type = RNDIS_MSG_INDICATE,
		.status = status,
		.data = data,
		.data_len = len,
	};
	int size = rndis_control_build(vsp->reply, sizeof(vsp->reply), &c);

	return size > 0 && to_guest_control(vsp, vsp->reply, size, FOR_ANSWERS) == 0;
}

static bool tell_link(struct netvsp *vsp, struct link link)
{
	bool told_up = (vsp->state.told_link & 3) == LINK_TOLD_UP;
	uint32_t speed = link.mbps * 10000ull > UINT32_MAX ? UINT32_MAX : link.mbps * 10000u;

	if (link.up && link.mbps != vsp->state.told_link >> 2) {
		if (!indicate(vsp, NDIS_STATUS_LINK_SPEED_CHANGE, &speed, sizeof(speed)))
			return false;
		vsp->state.told_link = (vsp->state.told_link & 3) | link.mbps << 2;
		return true;
	}
	if (link.up == told_up)
		return false;
	if (!indicate(vsp, link.up ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT, NULL,
		    0))
		return false;
	vsp->state.told_link =
		(vsp->state.told_link & ~3u) | (link.up ? LINK_TOLD_UP : LINK_TOLD_DOWN);
	return true;
}

static bool tell_offloads(struct netvsp *vsp)
{
	struct ndis_offload_caps caps;
	uint8_t request[16], value[256];
	uint32_t request_len;
	int len;

	rndis_offload_caps(vsp, &caps);
	caps.tx_csum = vsp->state.offloads[OFFLOAD_CSUM];
	caps.lso4 = vsp->state.offloads[OFFLOAD_LSO4];
	caps.lso6 = vsp->state.offloads[OFFLOAD_LSO6];
	caps.rsc = vsp->state.offloads[OFFLOAD_RSC4] || vsp->state.offloads[OFFLOAD_RSC6];
	request_len = ndis_offload_build_request(request, 3);
	len = ndis_offload_build(value, sizeof(value), request, request_len, &caps);
	if (len > 0 && !indicate(vsp, NDIS_STATUS_OFFLOAD_CONFIG, value, len))
		return false;
	vsp->state.flags &= ~TELL_OFFLOADS;
	return true;
}

// One at a time, with the polls: each is its own commit.
void rndis_tell(struct netvsp *vsp)
{
	bool told;

	if (likely(!rndis_has_to_tell(vsp)))
		return;
	told = vsp->state.flags & TELL_OFFLOADS ? tell_offloads(vsp)
	                                        : tell_link(vsp, link_now(vsp));
	if (told)
		state_changed(vsp);
}
