/* SPDX-License-Identifier: BSD-3-Clause */
// Channels of a NIC: opened, closed, moved to another processor.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "attachment_parts.h"

static void close_one(struct attachment *a, uint32_t index)
{
	struct attachment_channel *c = &a->channel[index];
	struct gpadl *g;

	if (!c->open)
		return;
	if (a->vsp != NULL)
		netvsp_close(a->vsp, index);
	vmbus_ring_unmap(&c->vmbus.from_guest);
	vmbus_ring_unmap(&c->vmbus.to_guest);
	// What still waits to be sent goes without it.
	for (unsigned i = 0; i < a->n_out; i++)
		if (a->out[i].fd == c->vmbus.call_fd)
			a->out[i].fd = -1;
	close(c->vmbus.call_fd);
	g = attachment_find_gpadl(a, c->ring_gpadl);
	if (g != NULL)
		g->in_use--;
	*c = (struct attachment_channel){};
}

void attachment_close_channels(struct attachment *a)
{
	// The primary last, as guests do.
	for (uint32_t i = HANDOVER_MAX_CHANNELS; i-- > 0;)
		close_one(a, i);
}

static int result(struct attachment *a, uint32_t index, int status, int fd, const char *reason)
{
	struct handover_open_result msg = {
		.hdr = {HANDOVER_OPEN_RESULT, sizeof(msg)},
		.index = index,
		.status = status,
	};

	snprintf(msg.reason, sizeof(msg.reason), "%s", reason);
	return attachment_reply(a, &msg, sizeof(msg), fd);
}

// Maps both rings of the list: pages before `downstream` are the guest's to write.
static int map_rings(
	struct attachment *a, struct vmbus_channel *c, const struct gpadl *g, uint32_t downstream)
{
	int ret;

	if (downstream < VMBUS_RING_MIN_PAGES || downstream >= g->n_pages)
		return -EINVAL;
	ret = vmbus_ring_map(&c->from_guest, &a->mem, g, 0, downstream);
	if (ret < 0)
		return ret;
	ret = vmbus_ring_map(&c->to_guest, &a->mem, g, downstream, g->n_pages - downstream);
	if (ret < 0) {
		vmbus_ring_unmap(&c->from_guest);
		return ret;
	}
	vmbus_ring_be_reader(&c->from_guest);
	vmbus_ring_be_writer(&c->to_guest);
	return 0;
}

static const char *open_error(int err)
{
	switch (err) {
	case -EINVAL: return "out of turn, or its ring is not two rings of whole pages";
	case -E2BIG: return "its ring's pages are too scattered";
	case -EPROTO: return "its ring holds garbage";
	default: return strerror(-err);
	}
}

// 0 and the channel open, or -errno.
static int open_one(struct attachment *a, const struct handover_open *o, struct gpadl *g)
{
	struct attachment_channel *c = &a->channel[o->index];
	const struct vmbus_event_place *places = a->record;
	int ret;

	*c = (struct attachment_channel){
		.ring_gpadl = g->id,
		.vmbus =
			{
				.index = o->index,
				.mem = &a->mem,
				.call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
				.place = &places[o->index],
				.signal = vmbus_channel_interrupt,
			},
	};
	if (c->vmbus.call_fd < 0)
		return -errno;
	ret = map_rings(a, &c->vmbus, g, o->downstream_page);
	if (ret < 0)
		goto err_rings;
	attachment_pause(a);
	ret = netvsp_open(a->vsp, o->index, &c->vmbus, o->flags & HANDOVER_RESUME);
	if (ret == 0) {
		c->open = true;
		g->in_use++;
	}
	attachment_resume(a);
	if (ret == 0)
		return 0;
	vmbus_ring_unmap(&c->vmbus.from_guest);
	vmbus_ring_unmap(&c->vmbus.to_guest);
err_rings:
	close(c->vmbus.call_fd);
	*c = (struct attachment_channel){};
	return ret;
}

int attachment_take_open(struct attachment *a, const void *msg, size_t, int)
{
	struct handover_open o;
	struct gpadl *g;
	int ret;

	memcpy(&o, msg, sizeof(o));
	// A guest keeps what it was granted, even if the port may have fewer by now.
	if (o.index >= HANDOVER_MAX_CHANNELS ||
		(o.index >= a->terms.max_queues && (o.flags & HANDOVER_RESUME) == 0))
		return result(a, o.index, -ENOSPC, -1, "more channels than the NIC may have");
	if (a->channel[o.index].open)
		return result(a, o.index, -EBUSY, -1, "it is open already");
	if (o.flags & HANDOVER_RESUME && !a->info.resumed)
		return result(a, o.index, -EINVAL, -1, "the record knows of nothing to take up");
	g = attachment_find_gpadl(a, o.ring_gpadl);
	if (g == NULL || g->in_use > 0)
		return result(a, o.index, -EINVAL, -1,
			g == NULL ? "its ring's page list was not told"
				  : "its ring's page list is in use");
	ret = open_one(a, &o, g);
	if (ret < 0)
		return result(a, o.index, ret, -1, open_error(ret));
	a->info.hello.vmbus_version = o.vmbus_version;
	atomic_store(&a->changed, true);
	return result(a, o.index, 0, a->channel[o.index].vmbus.call_fd, "");
}

int attachment_take_close(struct attachment *a, const void *msg, size_t, int)
{
	struct handover_id id;

	memcpy(&id, msg, sizeof(id));
	if (id.id < HANDOVER_MAX_CHANNELS && a->channel[id.id].open) {
		attachment_pause(a);
		if (id.id == 0)
			attachment_close_channels(a);
		else
			close_one(a, id.id);
		attachment_resume(a);
		atomic_store(&a->changed, true);
	}
	return attachment_reply_id(a, HANDOVER_CLOSE_DONE, id.id);
}

// The new place stands in the record; who was about to signal the old one has done so when the
// polling thread has stood still once.
int attachment_take_modify(struct attachment *a, const void *msg, size_t, int)
{
	struct handover_modify m;

	memcpy(&m, msg, sizeof(m));
	attachment_pause(a);
	attachment_resume(a);
	return attachment_reply_id(a, HANDOVER_MODIFY_DONE, m.index);
}
