/* SPDX-License-Identifier: BSD-3-Clause */
// Stands in for a device whose owner has gone, until the guest has let go of it.
#include <errno.h>

#include "bus_state.h"

static int absent_gpadl_created(void *, const struct gpadl *)
{
	return -ENODEV;
}

static void absent_gpadl_teardown(void *device, uint32_t gpadl)
{
	vmbus_gpadl_torndown_done(device, gpadl);
}

static void absent_open(void *device, uint32_t index, const struct vmbus_open_params *)
{
	vmbus_open_done(device, index, -ENODEV);
}

static void absent_close(void *device, uint32_t index)
{
	vmbus_close_done(device, index);
}

static void absent_modify(void *device, uint32_t index, uint32_t)
{
	vmbus_modify_done(device, index, 0);
}

static void absent_released(void *, bool)
{
}

static const struct vmbus_device_ops absent_ops = {
	.gpadl_created = absent_gpadl_created,
	.gpadl_teardown = absent_gpadl_teardown,
	.open = absent_open,
	.close = absent_close,
	.modify = absent_modify,
	.released = absent_released,
};

void vmbus_abandon(struct vmbus_device *device)
{
	struct vmbus_bus *bus = device->bus;
	struct bus_channel *c;
	struct bus_gpadl *g;

	bus_enter(bus);
	device->ops = &absent_ops;
	device->dev = device;
	// What the owner was asked for and has not answered.
	vmbus_gpadls_created_done(device);
	TAILQ_FOREACH (g, &bus->gpadls, next)
		if (g->channel->device == device && g->asked)
			vmbus_gpadl_torndown_done(device, g->id);
	TAILQ_FOREACH (c, &bus->channels, next) {
		if (c->device != device || device->channel[c->index] != c)
			continue;
		if (c->state == VMBUS_CHANNEL_CLOSING)
			vmbus_close_done(device, c->index);
		if (c->n_modify > 0)
			vmbus_modify_done(device, c->index, 0);
	}
	vmbus_rescind(device);
	bus->unsettled = true;
	bus_leave(bus);
}
