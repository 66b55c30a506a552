/* SPDX-License-Identifier: BSD-3-Clause */
// NVSP: version, configuration, shared buffers, sub-channels.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

#define ETHERNET         14u
#define LEGACY_BUFFER    (15u << 20) // limit of versions 1 and 2
#define SECTION_LEAST    68u         // an RNDIS message with a little in it
#define BUFFER_COMPLETE  28u         // what Linux wants of INIT_COMPLETE and of the buffer's
#define COMPLETE_LEAST   12u
#define NDIS_MINOR_OLD   1u
#define NDIS_MINOR_NEW   30u
#define TRANS_COMPLETION 8u

static bool replied(const struct vsc *vsc)
{
	return vsc->reply_here;
}

// Sends and, if there is to be one, waits for the reply in vsc->reply.
static int transact(struct vsc *vsc, const struct nvsp_message *m, bool reply)
{
	struct vsc_queue *q = &vsc->queue[0];
	int ret = vsc_wait_room(vsc);

	if (ret < 0)
		return ret;
	vsc->reply_here = false;
	ret = vsc_put_in_band(q, m, reply ? COOKIE_CONTROL : 0);
	if (ret < 0)
		return ret;
	vsc_flush(q);
	return reply ? vsc_wait(vsc, replied) : 0;
}

// As Linux: what is shorter than this is dropped, and the guest waits for ever.
static uint32_t least(uint32_t type)
{
	switch (type) {
	case NVSP_INIT_COMPLETE:
	case NVSP_RECEIVE_BUFFER_COMPLETE: return BUFFER_COMPLETE;
	case NVSP_SEND_BUFFER_COMPLETE:
	case NVSP_SUBCHANNEL: return COMPLETE_LEAST;
	case NVSP_RNDIS_PACKET_COMPLETE: return TRANS_COMPLETION;
	default: return UINT32_MAX;
	}
}

void vsc_on_completion(struct vsc_queue *q, const struct vmbus_packet *p)
{
	struct nvsp_message m = {};
	uint64_t cookie;

	memcpy(&m, p->body, p->len < sizeof(m) ? p->len : sizeof(m));
	if (!requestor_put(&q->requests, p->transaction, &cookie)) {
		vsc_blame(q, &q->stats.bad_completions, "completion of nothing that is out");
		return;
	}
	stat_add(&q->stats.completions, 1);
	if (p->len < least(m.type)) {
		vsc_blame(q, &q->stats.bad_packets, "completion too short or of unknown type");
		// Linux drops it and never ends; here it counts as an answer of no type.
		m.type = 0;
	}
	if (cookie != COOKIE_CONTROL) {
		vsc_sent(q, cookie,
			m.type == NVSP_RNDIS_PACKET_COMPLETE ? m.rndis_complete.status
							     : NVSP_STATUS_FAIL);
		return;
	}
	if (m.type == NVSP_RNDIS_PACKET_COMPLETE) {
		q->vsc->sent = true;
		return;
	}
	q->vsc->reply = m;
	q->vsc->reply_here = true;
}

// The host's table of transmit queues is a hint that we, with a thread a queue, do not need.
void vsc_on_in_band(struct vsc_queue *q, const struct vmbus_packet *p)
{
	struct nvsp_message m = {};
	uint32_t len = p->len < sizeof(m) ? p->len : sizeof(m);

	memcpy(&m, p->body, len);
	switch (len >= 12 ? m.type : 0) {
	case NVSP_SEND_INDIRECTION_TABLE:
		if (m.send_table.count != NVSP_SEND_TABLE_SIZE || m.send_table.offset > p->len ||
			4 * NVSP_SEND_TABLE_SIZE > p->len - m.send_table.offset)
			vsc_blame(q, &q->stats.bad_packets, "send table outside of its message");
		break;
	case NVSP_VF_ASSOCIATION: break;
	default: vsc_blame(q, &q->stats.bad_packets, "in-band message of unknown type");
	}
}

static int try_version(struct vsc *vsc, uint32_t version)
{
	const struct nvsp_message m = {.type = NVSP_INIT, .init.min = version, .init.max = version};
	int ret = transact(vsc, &m, true);

	if (ret < 0)
		return ret;
	if (vsc->reply.type != NVSP_INIT_COMPLETE)
		return -EBADMSG;
	if (vsc->reply.init_complete.status != NVSP_STATUS_SUCCESS)
		return -EPROTONOSUPPORT;
	vsc->info.nvsp_version = version;
	return 0;
}

static int configure(struct vsc *vsc)
{
	uint32_t version = vsc->info.nvsp_version;
	struct nvsp_message m = {
		.type = NVSP_SEND_NDIS_CONFIG,
		.ndis_config.mtu = vsc->opt.mtu + ETHERNET,
		.ndis_config.capabilities = NVSP_CAP_8021Q,
	};

	if (version >= NVSP_VERSION_5)
		m.ndis_config.capabilities |= NVSP_CAP_SRIOV | NVSP_CAP_TEAMING;
	if (version >= NVSP_VERSION_6_1)
		m.ndis_config.capabilities |= NVSP_CAP_RSC;
	return transact(vsc, &m, false);
}

int vsc_negotiate(struct vsc *vsc)
{
	static const uint32_t versions[] = {NVSP_VERSION_6_1, NVSP_VERSION_6, NVSP_VERSION_5,
		NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1};
	struct nvsp_message m = {.type = NVSP_SEND_NDIS_VERSION, .ndis_version.major = 6};
	int ret = -EPROTONOSUPPORT;

	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (vsc->opt.nvsp_version != 0 && vsc->opt.nvsp_version != versions[i])
			continue;
		ret = try_version(vsc, versions[i]);
		if (ret != -EPROTONOSUPPORT)
			break;
	}
	if (ret == 0 && vsc->info.nvsp_version >= NVSP_VERSION_2)
		ret = configure(vsc);
	vsc->ndis_minor =
		vsc->info.nvsp_version <= NVSP_VERSION_4 ? NDIS_MINOR_OLD : NDIS_MINOR_NEW;
	m.ndis_version.minor = vsc->ndis_minor;
	return ret < 0 ? ret : transact(vsc, &m, false);
}

static int give_receive_buffer(struct vsc *vsc)
{
	struct nvsp_message m = {
		.type = NVSP_SEND_RECEIVE_BUFFER, .buffer.id = NVSP_RECEIVE_BUFFER_ID};
	const struct nvsp_message *r = &vsc->reply;
	uint32_t size = vsc->opt.receive_buffer;
	int ret;

	if (vsc->info.nvsp_version <= NVSP_VERSION_2 && size > LEGACY_BUFFER)
		size = LEGACY_BUFFER;
	ret = vsc_lend(vsc, &vsc->receive, vsc->offer[0].relid, size / GUEST_PAGE_SIZE,
		GUEST_PAGES_BUFFER);
	if (ret < 0)
		return ret;
	m.buffer.gpadl = vsc->receive.gpadl;
	ret = transact(vsc, &m, true);
	if (ret < 0)
		return ret;
	if (r->type != NVSP_RECEIVE_BUFFER_COMPLETE ||
		r->receive_complete.status != NVSP_STATUS_SUCCESS ||
		r->receive_complete.n_sections != 1 || r->receive_complete.section.offset != 0 ||
		r->receive_complete.section.sub_size < SECTION_LEAST ||
		(uint64_t)r->receive_complete.section.sub_size *
				r->receive_complete.section.n_subs >
			(uint64_t)vsc->receive.n_pages * GUEST_PAGE_SIZE)
		return -EBADMSG;
	vsc->info.receive_section = r->receive_complete.section.sub_size;
	vsc->info.n_receive = r->receive_complete.section.n_subs;
	return 0;
}

static int give_send_buffer(struct vsc *vsc)
{
	struct nvsp_message m = {.type = NVSP_SEND_SEND_BUFFER, .buffer.id = NVSP_SEND_BUFFER_ID};
	const struct nvsp_message *r = &vsc->reply;
	int ret = vsc_lend(vsc, &vsc->send, vsc->offer[0].relid,
		vsc->opt.send_buffer / GUEST_PAGE_SIZE, GUEST_PAGES_BUFFER);

	if (ret < 0)
		return ret;
	m.buffer.gpadl = vsc->send.gpadl;
	ret = transact(vsc, &m, true);
	if (ret < 0)
		return ret;
	if (r->type != NVSP_SEND_BUFFER_COMPLETE ||
		r->send_complete.status != NVSP_STATUS_SUCCESS ||
		r->send_complete.section_size < SECTION_LEAST)
		return -EBADMSG;
	vsc->info.send_section = r->send_complete.section_size;
	vsc->info.n_send = vsc->send.n_pages * GUEST_PAGE_SIZE / vsc->info.send_section;
	return 0;
}

int vsc_give_buffers(struct vsc *vsc)
{
	int ret = give_receive_buffer(vsc);

	return ret < 0 ? ret : give_send_buffer(vsc);
}

void vsc_revoke_buffers(struct vsc *vsc)
{
	struct nvsp_message m = {
		.type = NVSP_REVOKE_RECEIVE_BUFFER, .revoke.id = NVSP_RECEIVE_BUFFER_ID};

	if (vsc->info.n_receive > 0)
		transact(vsc, &m, false);
	m = (struct nvsp_message){
		.type = NVSP_REVOKE_SEND_BUFFER, .revoke.id = NVSP_SEND_BUFFER_ID};
	if (vsc->info.n_send > 0)
		transact(vsc, &m, false);
	vsc->info.n_receive = vsc->info.n_send = 0;
}

int vsc_ask_subchannels(struct vsc *vsc, uint32_t n, uint32_t *granted)
{
	const struct nvsp_message m = {.type = NVSP_SUBCHANNEL,
		.subchannel.operation = NVSP_SUBCHANNEL_ALLOCATE,
		.subchannel.count = n};
	int ret = transact(vsc, &m, true);

	*granted = 0;
	if (ret < 0)
		return ret;
	if (vsc->reply.type != NVSP_SUBCHANNEL)
		return -EBADMSG;
	if (vsc->reply.subchannel_complete.status != NVSP_STATUS_SUCCESS)
		return 0;
	if (vsc->reply.subchannel_complete.count > n) {
		vsc_blame(&vsc->queue[0], &vsc->queue[0].stats.bad_packets,
			"more sub-channels granted than asked for");
		return -EBADMSG;
	}
	*granted = vsc->reply.subchannel_complete.count;
	return 0;
}
