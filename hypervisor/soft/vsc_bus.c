/* SPDX-License-Identifier: BSD-3-Clause */
// Messages with the bus, and waiting for their answers.
#include "vsc_state.h"

#include <errno.h>
#include <string.h>

#define MAX_POSTS    100
#define CONTROL_ROOM 1024u

int vsc_post(struct vsc *vsc, const void *msg, size_t len)
{
	for (int i = 0; i < MAX_POSTS; i++) {
		int ret = vsc->opt.ops->post(vsc->opt.arg, vsc->connection_id, msg, len);

		if (ret != -EAGAIN)
			return ret;
		ret = vsc->opt.ops->wait(vsc->opt.arg, 1 + i);
		if (ret < 0)
			return ret;
	}
	return -EAGAIN;
}

void vsc_expect(struct vsc *vsc, uint32_t type, uint32_t id)
{
	memset(&vsc->answer, 0, sizeof(vsc->answer));
	vsc->answer.type = type;
	vsc->answer.id = id;
}

static void answer(struct vsc *vsc, uint32_t type, uint32_t id, uint32_t value, uint32_t value2)
{
	if (vsc->answer.type != type || vsc->answer.id != id || vsc->answer.here)
		return;
	vsc->answer.here = true;
	vsc->answer.value = value;
	vsc->answer.value2 = value2;
}

static void on_offer(struct vsc *vsc, const struct vmbus_offer_channel *m)
{
	struct offer *o;

	if (memcmp(&m->interface, &vmbus_nic_class, sizeof(vmbus_nic_class)) != 0)
		return;
	if (m->sub_channel_index >= VSC_MAX_QUEUES || m->relid == 0 || m->relid > VMBUS_MAX_RELID) {
		vsc_blame(&vsc->queue[0], &vsc->queue[0].stats.bad_packets, "offer out of range");
		return;
	}
	o = &vsc->offer[m->sub_channel_index];
	if (o->present) {
		vsc_blame(&vsc->queue[0], &vsc->queue[0].stats.bad_packets, "offered twice");
		return;
	}
	*o = (struct offer){.present = true, .relid = m->relid, .connection_id = m->connection_id};
}

static void on_rescind(struct vsc *vsc, const struct vmbus_rescind *m)
{
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++) {
		if (!vsc->offer[i].present || vsc->offer[i].relid != m->relid)
			continue;
		vsc->offer[i].rescinded = true;
		if (!vsc->queue[i].in_use)
			vsc_release(vsc, i);
		return;
	}
}

union any_message {
	struct vmbus_header hdr;
	struct vmbus_offer_channel offer;
	struct vmbus_rescind rescind;
	struct vmbus_open_result open;
	struct vmbus_gpadl_created created;
	struct vmbus_gpadl_torndown torndown;
	struct vmbus_version_response version;
	struct vmbus_modify_response modify;
	uint8_t bytes[VMBUS_MESSAGE_MAX];
};

// What Linux wants of each at least; it drops shorter ones, and waits on.
static size_t least(uint32_t type)
{
	switch (type) {
	case VMBUS_OFFERCHANNEL: return sizeof(struct vmbus_offer_channel);
	case VMBUS_RESCIND_CHANNELOFFER: return sizeof(struct vmbus_rescind);
	case VMBUS_OPENCHANNEL_RESULT: return sizeof(struct vmbus_open_result);
	case VMBUS_GPADL_CREATED: return sizeof(struct vmbus_gpadl_created);
	case VMBUS_GPADL_TORNDOWN: return sizeof(struct vmbus_gpadl_torndown);
	case VMBUS_VERSION_RESPONSE: return sizeof(struct vmbus_version_response);
	case VMBUS_MODIFYCHANNEL_RESPONSE: return sizeof(struct vmbus_modify_response);
	default: return sizeof(struct vmbus_header);
	}
}

static void on_message(struct vsc *vsc, const union any_message *m, size_t len)
{
	struct vsc_queue *q = &vsc->queue[0];

	if (len < sizeof(m->hdr) || len < least(m->hdr.type)) {
		vsc_blame(q, &q->stats.bad_packets, "bus message too short");
		return;
	}
	switch (m->hdr.type) {
	case VMBUS_OFFERCHANNEL: on_offer(vsc, &m->offer); break;
	case VMBUS_RESCIND_CHANNELOFFER: on_rescind(vsc, &m->rescind); break;
	case VMBUS_OPENCHANNEL_RESULT:
		answer(vsc, m->hdr.type, m->open.relid, m->open.status, 0);
		break;
	case VMBUS_GPADL_CREATED:
		answer(vsc, m->hdr.type, m->created.gpadl, m->created.status, 0);
		break;
	case VMBUS_GPADL_TORNDOWN: answer(vsc, m->hdr.type, m->torndown.gpadl, 0, 0); break;
	case VMBUS_VERSION_RESPONSE:
		answer(vsc, m->hdr.type, 0, m->version.supported, m->version.connection_id);
		break;
	case VMBUS_MODIFYCHANNEL_RESPONSE:
		answer(vsc, m->hdr.type, m->modify.relid, m->modify.status, 0);
		break;
	case VMBUS_ALLOFFERS_DELIVERED:
	case VMBUS_UNLOAD_RESPONSE: answer(vsc, m->hdr.type, 0, 0, 0); break;
	default: vsc_blame(q, &q->stats.bad_packets, "bus message of unknown type");
	}
}

void vsc_take_messages(struct vsc *vsc)
{
	union any_message m;
	unsigned len;

	while ((len = synic_take_message(vsc->opt.synic, 0, &m)) > 0)
		on_message(vsc, &m, len);
}

void vsc_work(struct vsc *vsc)
{
	for (uint32_t i = 0; i < (vsc->all_mine ? VSC_MAX_QUEUES : 1); i++) {
		if (!vsc->queue[i].open)
			continue;
		vsc_poll(&vsc->queue[i]);
		vsc_flush(&vsc->queue[i]);
	}
}

// True: nothing to do but to wait.
static bool arm(struct vsc *vsc)
{
	bool idle = true;

	for (uint32_t i = 0; i < (vsc->all_mine ? VSC_MAX_QUEUES : 1); i++)
		if (vsc->queue[i].open && !vsc_arm(&vsc->queue[i]))
			idle = false;
	return idle;
}

static void disarm(struct vsc *vsc)
{
	for (uint32_t i = 0; i < (vsc->all_mine ? VSC_MAX_QUEUES : 1); i++)
		if (vsc->queue[i].open)
			vsc_disarm(&vsc->queue[i]);
	if (!vsc->queue[0].open)
		synic_ack(vsc->opt.synic, 0);
}

// A channel that is open, or about to be, was taken away.
static bool was_rescinded(const struct vsc *vsc)
{
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++)
		if (vsc->offer[i].rescinded && vsc->queue[i].in_use)
			return true;
	return false;
}

int vsc_wait(struct vsc *vsc, bool (*done)(const struct vsc *))
{
	int ret = 0;

	for (;;) {
		vsc_take_messages(vsc);
		vsc_work(vsc);
		if (done(vsc))
			return 0;
		// Nobody answers any more.
		if (was_rescinded(vsc))
			return -ENODEV;
		// Other channels interrupt other VPs than this one.
		if (arm(vsc))
			ret = vsc->opt.ops->wait(vsc->opt.arg, vsc->queue[1].open ? 5 : 1000);
		disarm(vsc);
		if (ret < 0)
			return ret;
	}
}

static bool answered(const struct vsc *vsc)
{
	return vsc->answer.here;
}

int vsc_wait_answer(struct vsc *vsc)
{
	return vsc_wait(vsc, answered);
}

static bool has_room(const struct vsc *vsc)
{
	// Finding out changes only what we know of the host's index.
	return vmbus_ring_room((struct vmbus_ring *)&vsc->queue[0].out, CONTROL_ROOM) >=
	       CONTROL_ROOM;
}

int vsc_wait_room(struct vsc *vsc)
{
	return vsc_wait(vsc, has_room);
}

static int contact(struct vsc *vsc, uint32_t version)
{
	struct vmbus_initiate_contact m = {
		.hdr.type = VMBUS_INITIATE_CONTACT,
		.version = version,
		.monitor_page1 = vsc->pages,
		.monitor_page2 = vsc->pages + GUEST_PAGE_SIZE,
	};
	int ret;

	vsc->connection_id = VMBUS_CONNECTION_OLD;
	if (version >= VMBUS_VERSION_5_0) {
		m.sint = VMBUS_SINT;
		vsc->connection_id = VMBUS_CONNECTION_NEW;
	} else {
		m.interrupt_page = vsc->pages + 2 * GUEST_PAGE_SIZE;
	}
	vsc_expect(vsc, VMBUS_VERSION_RESPONSE, 0);
	ret = vsc_post(vsc, &m, sizeof(m));
	if (ret == 0)
		ret = vsc_wait_answer(vsc);
	if (ret < 0)
		return ret;
	if (vsc->answer.value == 0)
		return -ENXIO;
	if (version >= VMBUS_VERSION_5_0)
		vsc->connection_id = vsc->answer.value2;
	vsc->info.vmbus_version = version;
	return 0;
}

static int enable_synic(struct vsc *vsc)
{
	for (uint32_t i = 0; i < vsc->opt.n_queues; i++) {
		uint64_t at = vsc->pages + (3 + 2 * i) * (uint64_t)GUEST_PAGE_SIZE;
		int ret = synic_enable(vsc->opt.synic, i, at, at + GUEST_PAGE_SIZE);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int vsc_connect(struct vsc *vsc)
{
	static const uint32_t versions[] = {VMBUS_VERSION_5_3, VMBUS_VERSION_5_2, VMBUS_VERSION_5_1,
		VMBUS_VERSION_5_0, VMBUS_VERSION_4_1, VMBUS_VERSION_4_0, VMBUS_VERSION_3_0};
	const struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
	int ret = enable_synic(vsc);

	if (ret < 0)
		return ret;
	ret = -ENXIO;
	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]) && ret == -ENXIO; i++)
		if (vsc->opt.vmbus_version == 0 || vsc->opt.vmbus_version == versions[i])
			ret = contact(vsc, versions[i]);
	if (ret < 0)
		return ret == -ENXIO ? -EPROTO : ret;
	vsc_expect(vsc, VMBUS_ALLOFFERS_DELIVERED, 0);
	ret = vsc_post(vsc, &request, sizeof(request));
	return ret < 0 ? ret : vsc_wait_answer(vsc);
}

void vsc_disconnect(struct vsc *vsc)
{
	const struct vmbus_header unload = {.type = VMBUS_UNLOAD};

	vsc_expect(vsc, VMBUS_UNLOAD_RESPONSE, 0);
	if (vsc_post(vsc, &unload, sizeof(unload)) == 0)
		vsc_wait_answer(vsc);
	for (uint32_t i = 0; i < vsc->opt.n_queues; i++)
		synic_disable(vsc->opt.synic, i);
	memset(vsc->offer, 0, sizeof(vsc->offer));
	vsc->info.vmbus_version = 0;
}

int vsc_run(struct vsc *vsc)
{
	vsc_take_messages(vsc);
	return was_rescinded(vsc) ? -ENODEV : 0;
}
