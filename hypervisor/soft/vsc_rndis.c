/* SPDX-License-Identifier: BSD-3-Clause */
// RNDIS control: a request at a time, and what the host tells by itself.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

#include <ndis_compat/ndis_status.h>

#define REQUEST_PAGES 2u
#define MAX_TRANSFER  0x4000u

static bool settled(const struct vsc *vsc)
{
	return vsc->sent && vsc->rndis_reply_len > 0;
}

static bool sent(const struct vsc *vsc)
{
	return vsc->sent;
}

// The request's pages are ours again once its packet is completed; the reply comes by itself.
static int request(struct vsc *vsc, struct rndis_control *c, bool reply)
{
	struct vsc_queue *q = &vsc->queue[0];
	int len, ret;

	// One that nobody waited for may still be read: it keeps its pages.
	if (vsc->request == 0 || !vsc->sent)
		vsc->request = guest_pages_alloc(vsc->opt.pages, REQUEST_PAGES, GUEST_PAGES_BUFFER);
	if (vsc->request == 0)
		return -ENOMEM;
	c->request_id = ++vsc->request_id;
	len = rndis_control_build(
		guest_pages_at(vsc->opt.pages, vsc->request), REQUEST_PAGES * GUEST_PAGE_SIZE, c);
	if (len < 0)
		return len;
	ret = vsc_wait_room(vsc);
	if (ret < 0)
		return ret;
	vsc->sent = false;
	vsc->rndis_reply_len = 0;
	ret = vsc_put_control(q, vsc->request, len, COOKIE_CONTROL);
	if (ret < 0)
		return ret;
	vsc_flush(q);
	ret = vsc_wait(vsc, reply ? settled : sent);
	if (ret < 0 && reply && vsc->abandoned == 0)
		vsc->abandoned = c->request_id;
	if (ret == 0 && reply && rndis_control_parse(vsc->rndis_reply, vsc->rndis_reply_len, c) < 0)
		ret = -EBADMSG;
	return ret;
}

static void on_indication(struct vsc_queue *q, const struct rndis_control *c)
{
	struct vsc *vsc = q->vsc;
	uint32_t speed;

	switch (c->status) {
	case NDIS_STATUS_MEDIA_CONNECT:
	case NDIS_STATUS_MEDIA_DISCONNECT:
		vsc->info.link_up = c->status == NDIS_STATUS_MEDIA_CONNECT;
		vsc->opt.ops->link(vsc->opt.arg, vsc->info.link_up);
		break;
	case NDIS_STATUS_LINK_SPEED_CHANGE:
		if (c->data_len < sizeof(speed))
			break;
		memcpy(&speed, c->data, sizeof(speed));
		vsc->info.link_speed = speed * 100ull;
		break;
	default: break; // as Linux: others mean nothing to us
	}
}

void vsc_on_control(struct vsc_queue *q, const uint8_t *msg, uint32_t len)
{
	struct vsc *vsc = q->vsc;
	struct rndis_control c;
	uint8_t copy[RNDIS_CONTROL_MAX];

	if (len > sizeof(copy)) {
		vsc_blame(q, &q->stats.bad_packets, "RNDIS control message too long");
		return;
	}
	memcpy(copy, msg, len);
	if (rndis_control_parse(copy, len, &c) < 0) {
		vsc_blame(q, &q->stats.bad_packets, "RNDIS control message malformed");
		return;
	}
	if (q->index != 0) {
		vsc_blame(q, &q->stats.bad_packets, "RNDIS control on a sub-channel");
		return;
	}
	if (c.type == RNDIS_MSG_INDICATE) {
		on_indication(q, &c);
		return;
	}
	// Who asked was told to stop meanwhile.
	if (c.type & RNDIS_MSG_COMPLETION && vsc->abandoned != 0 &&
		c.request_id - vsc->abandoned < vsc->request_id - vsc->abandoned)
		return;
	// Matched by id alone; an answer to nothing is passed over.
	if (!(c.type & RNDIS_MSG_COMPLETION) || c.request_id != vsc->request_id ||
		vsc->rndis_reply_len != 0) {
		vsc_blame(q, &q->stats.bad_packets, "RNDIS answer to nothing that was asked");
		return;
	}
	memcpy(vsc->rndis_reply, copy, len);
	vsc->rndis_reply_len = len;
}

int vsc_rndis_start(struct vsc *vsc)
{
	struct rndis_control c = {
		.type = RNDIS_MSG_INITIALIZE,
		.major = RNDIS_MAJOR,
		.minor = RNDIS_MINOR,
		.max_transfer = MAX_TRANSFER,
	};
	int ret;

	// The channel has been opened anew: nothing is left of what was asked before.
	vsc->abandoned = 0;
	vsc->sent = true;
	ret = request(vsc, &c, true);
	if (ret < 0)
		return ret;
	if (c.type != (RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETION) ||
		c.status != NDIS_STATUS_SUCCESS || c.align_factor > 7)
		return -EBADMSG;
	vsc->info.max_packets = c.max_packets > 0 ? c.max_packets : 1;
	vsc->info.alignment = 1u << c.align_factor;
	return 0;
}

int vsc_rndis_query(struct vsc *vsc, uint32_t oid, const void *in, uint32_t in_len, void *out,
	uint32_t size, uint32_t *len)
{
	struct rndis_control c = {
		.type = RNDIS_MSG_QUERY, .oid = oid, .data = in, .data_len = in_len};
	int ret = request(vsc, &c, true);

	*len = 0;
	if (ret < 0)
		return ret;
	// As Linux: the status does not matter, what is there does.
	if (c.type != (RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETION) || c.data_len > size)
		return -EBADMSG;
	memcpy(out, c.data, c.data_len);
	*len = c.data_len;
	return 0;
}

int vsc_rndis_set(struct vsc *vsc, uint32_t oid, const void *data, uint32_t len)
{
	struct rndis_control c = {.type = RNDIS_MSG_SET, .oid = oid, .data = data, .data_len = len};
	int ret = request(vsc, &c, true);

	if (ret < 0)
		return ret;
	if (c.type != (RNDIS_MSG_SET | RNDIS_MSG_COMPLETION))
		return -EBADMSG;
	return c.status == NDIS_STATUS_SUCCESS ? 0 : -EREMOTEIO;
}

int vsc_rndis_halt(struct vsc *vsc)
{
	struct rndis_control c = {.type = RNDIS_MSG_HALT};

	return request(vsc, &c, false);
}
