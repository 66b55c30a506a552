/* SPDX-License-Identifier: BSD-3-Clause */
// Devices and their channels come and go: offer, rescind, release.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"

// As Hyper-V does for devices, other than pipes and sockets.
#define OFFER_ENUMERATE  1u
#define OFFER_NO_MONITOR 0xffu

struct bus_channel *bus_find(const struct vmbus_bus *bus, uint32_t relid)
{
	struct bus_channel *c = relid <= VMBUS_MAX_RELID ? bus->by_relid[relid] : NULL;

	return c != NULL && c->told && !c->released ? c : NULL;
}

uint32_t bus_connection_of(uint32_t relid)
{
	return relid | VMBUS_SINT << 12;
}

static void tell_offer(struct bus_channel *c)
{
	struct vmbus_device *device = c->device;
	struct vmbus_offer_channel offer = {
		.hdr.type = VMBUS_OFFERCHANNEL,
		.interface = device->class,
		.instance = device->instance,
		.flags = OFFER_ENUMERATE,
		.sub_channel_index = c->index,
		.relid = c->relid,
		.monitor_id = OFFER_NO_MONITOR,
		.is_dedicated_interrupt = 1,
		.connection_id = bus_connection_of(c->relid),
	};

	if (device->bus->state != BUS_OFFERED || c->told || c->rescinded)
		return;
	c->told = true;
	bus_send(device->bus, &offer, sizeof(offer));
}

// Not the one freed last: the guest may still have a message under way for that one.
static uint32_t take_relid(struct vmbus_bus *bus)
{
	do
		bus->last_relid = bus->last_relid % VMBUS_MAX_RELID + 1;
	while (bus->by_relid[bus->last_relid] != NULL);
	return bus->last_relid;
}

static struct bus_channel *channel_create(struct vmbus_device *device, uint32_t index)
{
	struct vmbus_bus *bus = device->bus;
	struct bus_channel *c;

	if (bus->n_channels >= VMBUS_MAX_CHANNELS) {
		errno = ENOSPC;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->device = device;
	c->index = index;
	c->state = VMBUS_CHANNEL_OFFERED;
	c->relid = take_relid(bus);
	bus->by_relid[c->relid] = c;
	bus->n_channels++;
	device->n_channels++;
	device->channel[index] = c;
	TAILQ_INSERT_TAIL(&bus->channels, c, next);
	return c;
}

static void channel_free(struct bus_channel *c)
{
	struct vmbus_device *device = c->device;
	struct vmbus_bus *bus = device->bus;

	if (device->channel[c->index] == c)
		device->channel[c->index] = NULL;
	bus->by_relid[c->relid] = NULL;
	bus->n_channels--;
	device->n_channels--;
	TAILQ_REMOVE(&bus->channels, c, next);
	free(c);
}

struct vmbus_device *vmbus_offer(struct vmbus_bus *bus, const struct vmbus_guid *class,
	const struct vmbus_guid *instance, const struct vmbus_device_ops *ops, void *dev)
{
	struct vmbus_device *device;
	struct bus_channel *c;

	// Guests drop a second offer of an instance that they still hold.
	TAILQ_FOREACH (device, &bus->devices, next) {
		if (memcmp(&device->instance, instance, sizeof(*instance)) == 0) {
			errno = EEXIST;
			return NULL;
		}
	}
	device = calloc(1, sizeof(*device));
	if (device == NULL)
		return NULL;
	device->bus = bus;
	device->class = *class;
	device->instance = *instance;
	device->ops = ops;
	device->dev = dev;
	c = channel_create(device, 0);
	if (c == NULL) {
		free(device);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&bus->devices, device, next);
	bus_enter(bus);
	tell_offer(c);
	bus_leave(bus);
	return device;
}

static int offer_subchannels(struct vmbus_device *device, uint32_t total)
{
	struct bus_channel *c;

	for (uint32_t i = 1; i <= total; i++) {
		c = device->channel[i];
		if (c != NULL && c->rescinded)
			return -EBUSY;
		if (c == NULL)
			c = channel_create(device, i);
		if (c == NULL)
			return -errno;
		tell_offer(c);
	}
	return 0;
}

int vmbus_offer_subchannels(struct vmbus_device *device, uint32_t total)
{
	int ret;

	if (total > VMBUS_MAX_SUBCHANNELS)
		return -EINVAL;
	if (device->rescinded)
		return -ENODEV;
	if (device->channel[0]->state != VMBUS_CHANNEL_OPEN)
		return -ENOTCONN;
	bus_enter(device->bus);
	ret = offer_subchannels(device, total);
	bus_leave(device->bus);
	return ret;
}

uint32_t vmbus_n_subchannels(const struct vmbus_device *device)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= VMBUS_MAX_SUBCHANNELS; i++)
		if (device->channel[i] != NULL && !device->channel[i]->rescinded)
			n++;
	return n;
}

void bus_request_offers(struct vmbus_bus *bus, const void *, size_t)
{
	static const struct vmbus_header delivered = {.type = VMBUS_ALLOFFERS_DELIVERED};
	struct bus_channel *c;

	bus->state = BUS_OFFERED;
	TAILQ_FOREACH (c, &bus->channels, next)
		if (c->index == 0)
			tell_offer(c);
	bus_send(bus, &delivered, sizeof(delivered));
}

// Each offer is made once only; but who asks waits for the end of them.
void bus_request_offers_again(struct vmbus_bus *bus, const void *, size_t)
{
	static const struct vmbus_header delivered = {.type = VMBUS_ALLOFFERS_DELIVERED};

	bus_refuse(bus);
	bus_send(bus, &delivered, sizeof(delivered));
}

static void rescind(struct bus_channel *c)
{
	struct vmbus_rescind r = {.hdr.type = VMBUS_RESCIND_CHANNELOFFER, .relid = c->relid};

	if (c->rescinded)
		return;
	// It will not open any more.
	if (c->state == VMBUS_CHANNEL_OPENING || c->reopen)
		bus_channel_close(c);
	c->rescinded = true;
	c->device->bus->unsettled = true;
	if (c->told)
		bus_send(c->device->bus, &r, sizeof(r));
}

void bus_rescind_subchannels(struct vmbus_device *device, bool close)
{
	for (uint32_t i = 1; i <= VMBUS_MAX_SUBCHANNELS; i++) {
		struct bus_channel *c = device->channel[i];

		if (c == NULL)
			continue;
		if (close)
			bus_channel_close(c);
		rescind(c);
	}
}

void vmbus_rescind(struct vmbus_device *device)
{
	if (device->rescinded)
		return;
	bus_enter(device->bus);
	device->rescinded = true;
	bus_rescind_subchannels(device, false);
	rescind(device->channel[0]);
	bus_leave(device->bus);
}

void bus_relid_released(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_relid_released m;
	struct bus_channel *c;

	memcpy(&m, msg, sizeof(m));
	c = bus_find(bus, m.relid);
	if (c == NULL || !c->rescinded) {
		bus_refuse(bus);
		return;
	}
	c->released = true;
	bus->unsettled = true;
}

static bool settle_channel(struct vmbus_bus *bus, struct bus_channel *c)
{
	if (!c->rescinded)
		return false;
	// Room for the next sub-channel of that index. The guest may hold this one much longer.
	if (c->index > 0 && c->state == VMBUS_CHANNEL_OFFERED && c->device->channel[c->index] == c)
		c->device->channel[c->index] = NULL;
	if (c->told && !c->released)
		return false;
	bus_channel_close(c); // guests need not
	if (c->state != VMBUS_CHANNEL_OFFERED || bus_gpadls_leave(bus, c))
		return false;
	channel_free(c);
	return true;
}

bool bus_settle_releases(struct vmbus_bus *bus)
{
	struct vmbus_device *device;
	struct bus_channel *c;

	TAILQ_FOREACH (c, &bus->channels, next)
		if (settle_channel(bus, c))
			return true;
	TAILQ_FOREACH (device, &bus->devices, next) {
		const struct vmbus_device_ops *ops = device->ops;
		void *dev = device->dev;

		if (!device->rescinded || device->n_channels > 0)
			continue;
		// Gone before it is told: it may offer itself again at once.
		TAILQ_REMOVE(&bus->devices, device, next);
		free(device);
		ops->released(dev, false);
		return true;
	}
	return false;
}
