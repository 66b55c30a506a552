/* SPDX-License-Identifier: BSD-3-Clause */
// The NIC as the bus sees it: passes on what the guest wants, and what the provider answers.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vsp_link_state.h"

static const uint64_t one = 1;

// Full is as good as written.
static void poke(int fd)
{
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		return;
}

// ---- signals

static void unbind_kick(struct vsp_link *link, struct vsp_channel *c)
{
	if (!c->bound)
		return;
	c->bound = false;
	link->options.synic->bind_connection(link->options.synic_arg, c->connection_id, -1);
}

static void bind_kick(struct vsp_link *link, struct vsp_channel *c, uint32_t connection_id)
{
	int ret;

	unbind_kick(link, c);
	if (link->kick_fd < 0)
		return;
	ret = link->options.synic->bind_connection(
		link->options.synic_arg, connection_id, link->kick_fd);
	if (ret < 0) {
		vsp_tell(link, true, "cannot pass on the guest's signals: %s", strerror(-ret));
		return;
	}
	c->bound = true;
	c->connection_id = connection_id;
}

void vsp_bind_kick(struct vsp_link *link, int kick_fd)
{
	struct vmbus_open_params p;
	int old = link->kick_fd;

	link->kick_fd = kick_fd;
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS && link->device != NULL; i++)
		if (vmbus_channel_is_open(link->device, i, &p))
			bind_kick(link, &link->channel[i], p.connection_id);
	if (old >= 0)
		close(old);
	poke(kick_fd); // for those that came while nobody listened
}

static int bind_call(struct vsp_link *link, uint32_t index, uint32_t vp, int call_fd)
{
	// A guest that wants no interrupts has said so by the VP.
	if (vp == UINT32_MAX)
		return 0;
	return link->options.synic->bind_interrupt(
		link->options.synic_arg, vp, call_fd, &link->places[index]);
}

static void unbind_call(struct vsp_link *link, uint32_t index)
{
	struct vsp_channel *c = &link->channel[index];

	if (c->call_fd < 0)
		return;
	link->options.synic->bind_interrupt(
		link->options.synic_arg, UINT32_MAX, c->call_fd, &link->places[index]);
	close(c->call_fd);
	c->call_fd = -1;
}

void vsp_unbind_all(struct vsp_link *link)
{
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++) {
		unbind_kick(link, &link->channel[i]);
		unbind_call(link, i);
	}
	if (link->kick_fd >= 0)
		close(link->kick_fd);
	link->kick_fd = -1;
}

// ---- what the bus wants

static int on_gpadl_created(void *arg, const struct gpadl *g)
{
	struct vsp_link *link = arg;

	vsp_send_gpadl(link, g);
	// The provider looks for a list it does not know among what is in the socket. One that we
	// drop may still do so.
	return STAILQ_EMPTY(&link->out) && !link->dropping ? 0 : -EINPROGRESS;
}

static void on_gpadl_teardown(void *arg, uint32_t gpadl)
{
	struct vsp_link *link = arg;

	if (link->sock < 0) {
		vmbus_gpadl_torndown_done(link->device, gpadl);
		return;
	}
	link->leaving[link->n_leaving++] = gpadl; // the bus has no more lists than that
	vsp_send_id(link, HANDOVER_GPADL_TEARDOWN, gpadl);
}

static void on_open(void *arg, uint32_t index, const struct vmbus_open_params *p)
{
	struct vsp_link *link = arg;

	// Nobody will ever answer.
	if (link->alone) {
		vmbus_open_done(link->device, index, -ENODEV);
		return;
	}
	// Before the guest can know: it may signal at once.
	bind_kick(link, &link->channel[index], p->connection_id);
	if (link->sock >= 0)
		vsp_send_open(link, index, p, false);
}

// Both sides have let go of the channel.
static void closed(struct vsp_link *link, uint32_t index)
{
	struct vsp_channel *c = &link->channel[index];

	unbind_call(link, index);
	c->open = c->asked_open = c->asked_close = c->asked_modify = false;
	vmbus_close_done(link->device, index);
}

static void on_close(void *arg, uint32_t index)
{
	struct vsp_link *link = arg;

	unbind_kick(link, &link->channel[index]);
	if (link->sock < 0) {
		closed(link, index);
		return;
	}
	link->channel[index].asked_close = true;
	vsp_send_id(link, HANDOVER_CLOSE, index);
}

static void on_modify(void *arg, uint32_t index, uint32_t target_vp)
{
	struct handover_modify m = {
		.hdr = {HANDOVER_MODIFY, sizeof(m)},
		.index = index,
		.target_vp = target_vp,
	};
	struct vsp_link *link = arg;
	struct vsp_channel *c = &link->channel[index];
	int ret = c->call_fd < 0 ? 0 : bind_call(link, index, target_vp, c->call_fd);

	if (ret < 0 || link->sock < 0) {
		vmbus_modify_done(link->device, index, ret);
		return;
	}
	// The guest hears of it when the provider signals nothing to the old one any more.
	c->asked_modify = true;
	vsp_send(link, &m, sizeof(m), -1);
}

static void on_released(void *arg, bool offered)
{
	struct vsp_link *link = arg;

	if (offered)
		return;
	link->device = NULL;
	vsp_link_released(link);
}

const struct vmbus_device_ops vsp_device_ops = {
	.gpadl_created = on_gpadl_created,
	.gpadl_teardown = on_gpadl_teardown,
	.open = on_open,
	.close = on_close,
	.modify = on_modify,
	.released = on_released,
};

// ---- what the provider answers. The caller has checked the index.

static int take_call(struct vsp_link *link, uint32_t index, uint32_t relid, uint32_t vp, int fd)
{
	struct vsp_channel *c = &link->channel[index];
	int ret;

	unbind_call(link, index);
	atomic_store(&link->places[index].flag, relid);
	ret = bind_call(link, index, vp, fd);
	if (ret < 0)
		return ret;
	c->call_fd = fd;
	return 0;
}

static void open_failed(struct vsp_link *link, uint32_t index, int status, const char *reason)
{
	struct vsp_channel *c = &link->channel[index];

	vsp_tell(link, true, "channel %u cannot be opened: %s", index, reason);
	if (c->open) {
		// The guest knows it as open, and it is not.
		vsp_link_renew(link);
		return;
	}
	unbind_kick(link, c);
	vmbus_open_done(link->device, index, status);
}

void vsp_open_result(struct vsp_link *link, const struct handover_open_result *m, int fd)
{
	struct vsp_channel *c = &link->channel[m->index];
	struct vmbus_open_params p;
	int status = m->status;

	if (!c->asked_open || !vmbus_channel_is_open(link->device, m->index, &p)) {
		// Closed meanwhile, which the provider has yet to read.
		c->asked_open = false;
		if (fd >= 0)
			close(fd);
		return;
	}
	c->asked_open = false;
	if (status == 0)
		status = fd < 0 ? -EPROTO : take_call(link, m->index, p.relid, p.target_vp, fd);
	if (status != 0) {
		if (fd >= 0)
			close(fd);
		open_failed(link, m->index, status < 0 ? status : -EPROTO,
			m->reason[0] != '\0' ? m->reason : strerror(status < 0 ? -status : EPROTO));
		return;
	}
	if (c->open) {
		poke(fd); // what the last provider did not get to say
		return;
	}
	c->open = true;
	vmbus_open_done(link->device, m->index, 0);
}

void vsp_close_done(struct vsp_link *link, uint32_t index)
{
	if (link->channel[index].asked_close)
		closed(link, index);
}

void vsp_modify_done(struct vsp_link *link, uint32_t index)
{
	if (!link->channel[index].asked_modify)
		return;
	link->channel[index].asked_modify = false;
	vmbus_modify_done(link->device, index, 0);
}

void vsp_gpadl_gone(struct vsp_link *link, uint32_t id)
{
	for (uint32_t i = 0; i < link->n_leaving; i++) {
		if (link->leaving[i] != id)
			continue;
		link->leaving[i] = link->leaving[--link->n_leaving];
		vmbus_gpadl_torndown_done(link->device, id);
		return;
	}
}

void vsp_answer_all(struct vsp_link *link)
{
	if (link->device != NULL)
		vmbus_gpadls_created_done(link->device);
	// Each answer may have the bus ask for more, which is then answered at once.
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++) {
		link->channel[i].asked_open = false;
		vsp_modify_done(link, i);
		vsp_close_done(link, i);
	}
	while (link->n_leaving > 0)
		vsp_gpadl_gone(link, link->leaving[0]);
}
