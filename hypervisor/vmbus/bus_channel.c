/* SPDX-License-Identifier: BSD-3-Clause */
// Open, close and retarget channels.
#include <string.h>

#include "bus_state.h"

static void tell_open(const struct bus_channel *c, uint32_t open_id, uint32_t status)
{
	struct vmbus_open_result r = {
		.hdr.type = VMBUS_OPENCHANNEL_RESULT,
		.relid = c->relid,
		.open_id = open_id,
		.status = status,
	};

	if (c->told)
		bus_send(c->device->bus, &r, sizeof(r));
}

// Before 5.3 nobody waits for it.
static void tell_modified(struct vmbus_bus *bus, uint32_t relid, uint32_t status)
{
	struct vmbus_modify_response r = {
		.hdr.type = VMBUS_MODIFYCHANNEL_RESPONSE,
		.relid = relid,
		.status = status,
	};

	if (bus->version >= VMBUS_VERSION_5_3)
		bus_send(bus, &r, sizeof(r));
}

static void tell_all_modified(struct bus_channel *c, uint32_t status)
{
	c->modify_again = false;
	for (; c->n_modify > 0; c->n_modify--)
		tell_modified(c->device->bus, c->relid, status);
}

// Two rings of at least two pages each, which nobody else uses.
static bool open_is_good(const struct bus_channel *c, const struct vmbus_open_channel *m)
{
	const struct gpadl *ring = bus_gpadl_of(c, m->ring_gpadl);

	if (ring == NULL || ring->byte_offset != 0 || ring->byte_count % GUEST_PAGE_SIZE != 0)
		return false;
	if (m->downstream_page < 2 || ring->n_pages < 4 || m->downstream_page > ring->n_pages - 2)
		return false;
	return m->target_vp < c->device->bus->n_vps || m->target_vp == BUS_NO_INTERRUPTS;
}

static void open_channel(struct bus_channel *c, const struct vmbus_open_channel *m)
{
	struct vmbus_device *device = c->device;
	struct vmbus_open_params params;

	if (!open_is_good(c, m)) {
		bus_refuse(device->bus);
		tell_open(c, m->open_id, BUS_STATUS_FAILURE);
		return;
	}
	c->state = VMBUS_CHANNEL_OPENING;
	c->open_id = m->open_id;
	c->params = (struct vmbus_open_params){
		.ring_gpadl = m->ring_gpadl,
		.downstream_page = m->downstream_page,
		.target_vp = m->target_vp,
		.relid = c->relid,
		.connection_id = bus_connection_of(c->relid),
	};
	params = c->params;
	device->ops->open(device->dev, c->index, &params);
}

void bus_open(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_open_channel m;
	struct bus_channel *c;

	memcpy(&m, msg, sizeof(m));
	c = bus_find(bus, m.relid);
	if (c == NULL) {
		struct bus_channel nobody = {
			.device = &(struct vmbus_device){.bus = bus},
			.relid = m.relid,
			.told = true,
		};

		bus_refuse(bus);
		tell_open(&nobody, m.open_id, BUS_STATUS_FAILURE);
	} else if (c->rescinded) {
		bus_refuse(bus); // sent before the guest had read of it; it does not wait
	} else if (c->state == VMBUS_CHANNEL_OFFERED) {
		open_channel(c, &m);
	} else if (c->state == VMBUS_CHANNEL_CLOSING && !c->reopen) {
		c->reopen = true;
		c->next_open = m;
	} else {
		bus_refuse(bus);
		tell_open(c, m.open_id, BUS_STATUS_FAILURE);
	}
}

void vmbus_open_done(struct vmbus_device *device, uint32_t index, int status)
{
	struct bus_channel *c = device->channel[index];

	if (c == NULL || c->state != VMBUS_CHANNEL_OPENING)
		return;
	bus_enter(device->bus);
	c->state = status == 0 ? VMBUS_CHANNEL_OPEN : VMBUS_CHANNEL_OFFERED;
	tell_open(c, c->open_id, status == 0 ? BUS_STATUS_OK : BUS_STATUS_FAILURE);
	device->bus->unsettled = true;
	bus_leave(device->bus);
}

void bus_channel_close(struct bus_channel *c)
{
	struct vmbus_device *device = c->device;

	if (c->reopen) {
		c->reopen = false;
		tell_open(c, c->next_open.open_id, BUS_STATUS_FAILURE);
	}
	if (c->state != VMBUS_CHANNEL_OPENING && c->state != VMBUS_CHANNEL_OPEN)
		return;
	if (c->state == VMBUS_CHANNEL_OPENING)
		tell_open(c, c->open_id, BUS_STATUS_FAILURE);
	tell_all_modified(c, BUS_STATUS_FAILURE);
	c->state = VMBUS_CHANNEL_CLOSING;
	c->close_done = false;
	device->bus->unsettled = true;
	if (c->index == 0)
		bus_rescind_subchannels(device, true);
	device->ops->close(device->dev, c->index);
}

void bus_close(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_close_channel m;
	struct bus_channel *c;

	memcpy(&m, msg, sizeof(m));
	c = bus_find(bus, m.relid);
	if (c == NULL || c->state == VMBUS_CHANNEL_OFFERED ||
		(c->state == VMBUS_CHANNEL_CLOSING && !c->reopen)) {
		bus_refuse(bus);
		return;
	}
	bus_channel_close(c);
}

void vmbus_close_done(struct vmbus_device *device, uint32_t index)
{
	struct bus_channel *c = device->channel[index];

	if (c == NULL || c->state != VMBUS_CHANNEL_CLOSING)
		return;
	bus_enter(device->bus);
	c->close_done = true;
	device->bus->unsettled = true;
	bus_leave(device->bus);
}

// A device that closes its primary has no sub-channels any more.
static bool subchannels_are_closed(const struct vmbus_device *device)
{
	for (uint32_t i = 1; i <= VMBUS_MAX_SUBCHANNELS; i++)
		if (device->channel[i] != NULL &&
			device->channel[i]->state != VMBUS_CHANNEL_OFFERED)
			return false;
	return true;
}

bool bus_settle_channels(struct vmbus_bus *bus)
{
	struct bus_channel *c;

	TAILQ_FOREACH (c, &bus->channels, next) {
		if (c->state != VMBUS_CHANNEL_CLOSING || !c->close_done ||
			(c->index == 0 && !subchannels_are_closed(c->device)))
			continue;
		c->state = VMBUS_CHANNEL_OFFERED;
		if (c->reopen) {
			c->reopen = false;
			open_channel(c, &c->next_open);
		}
		return true;
	}
	return false;
}

// 0, or why not.
static uint32_t modify(struct bus_channel *c, uint32_t target_vp)
{
	struct vmbus_device *device = c->device;

	// Interrupts can be moved, but neither turned on nor off.
	if (c->state != VMBUS_CHANNEL_OPEN || target_vp >= device->bus->n_vps ||
		c->params.target_vp == BUS_NO_INTERRUPTS)
		return BUS_STATUS_FAILURE;
	// Before 5.3 guests do not wait, and the last one counts.
	if (c->n_modify >= BUS_MAX_MODIFY && device->bus->version >= VMBUS_VERSION_5_3)
		return BUS_STATUS_FAILURE;
	c->params.target_vp = target_vp;
	if (c->n_modify == 0) {
		c->n_modify = 1;
		device->ops->modify(device->dev, c->index, target_vp);
		return BUS_STATUS_OK;
	}
	if (c->n_modify < BUS_MAX_MODIFY)
		c->n_modify++;
	c->modify_again = true;
	c->next_vp = target_vp;
	return BUS_STATUS_OK;
}

void bus_modify(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_modify_channel m;
	struct bus_channel *c;
	uint32_t status = BUS_STATUS_FAILURE;

	memcpy(&m, msg, sizeof(m));
	c = bus_find(bus, m.relid);
	if (c != NULL && bus->version >= VMBUS_VERSION_4_1)
		status = modify(c, m.target_vp);
	if (status != BUS_STATUS_OK) {
		bus_refuse(bus);
		tell_modified(bus, m.relid, status);
	}
}

void vmbus_modify_done(struct vmbus_device *device, uint32_t index, int status)
{
	struct bus_channel *c = device->channel[index];

	if (c == NULL || c->n_modify == 0)
		return;
	bus_enter(device->bus);
	if (c->modify_again) {
		c->modify_again = false;
		device->ops->modify(device->dev, index, c->next_vp);
	} else {
		tell_all_modified(c, status == 0 ? BUS_STATUS_OK : BUS_STATUS_FAILURE);
	}
	bus_leave(device->bus);
}

bool vmbus_channel_is_open(
	const struct vmbus_device *device, uint32_t index, struct vmbus_open_params *params)
{
	const struct bus_channel *c =
		index <= VMBUS_MAX_SUBCHANNELS ? device->channel[index] : NULL;

	if (c == NULL || (c->state != VMBUS_CHANNEL_OPENING && c->state != VMBUS_CHANNEL_OPEN))
		return false;
	*params = c->params;
	return true;
}

enum vmbus_channel_state vmbus_channel_state(const struct vmbus_device *device, uint32_t index)
{
	const struct bus_channel *c =
		index <= VMBUS_MAX_SUBCHANNELS ? device->channel[index] : NULL;

	if (c == NULL)
		return VMBUS_CHANNEL_NONE;
	return c->rescinded ? VMBUS_CHANNEL_RESCINDED : c->state;
}
