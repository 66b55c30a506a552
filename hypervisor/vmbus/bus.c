/* SPDX-License-Identifier: BSD-3-Clause */
// The connection of guest and bus: contact, unload, reset, and which message may come when.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"

typedef void (*message_handler)(struct vmbus_bus *bus, const void *msg, size_t len);

static const uint32_t versions[] = {
	VMBUS_VERSION_5_3,
	VMBUS_VERSION_5_2,
	VMBUS_VERSION_5_1,
	VMBUS_VERSION_5_0,
	VMBUS_VERSION_4_1,
	VMBUS_VERSION_4_0,
	VMBUS_VERSION_3_0,
};

static bool version_is_known(uint32_t version)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i] == version)
			return true;
	return false;
}

void bus_refuse(struct vmbus_bus *bus)
{
	bus->stats.refused++;
}

// From here on the guest knows no channel, and the devices let go of its memory; `answer` comes
// when they have.
static void begin_reset(struct vmbus_bus *bus, enum bus_answer answer)
{
	struct bus_channel *c;
	struct vmbus_device *device;

	bus_drop_waiting(bus);
	bus->answer = answer;
	bus->version = 0;
	bus->unsettled = true;
	if (bus->state == BUS_RESETTING)
		return;
	bus->state = BUS_RESETTING;
	TAILQ_FOREACH (device, &bus->devices, next)
		device->reset = true;
	TAILQ_FOREACH (c, &bus->channels, next) {
		c->told = false;
		c->reopen = false;
		c->n_modify = 0;
	}
	TAILQ_FOREACH (c, &bus->channels, next)
		if (c->index == 0)
			bus_channel_close(c);
	TAILQ_FOREACH (device, &bus->devices, next)
		bus_rescind_subchannels(device, true);
	bus_gpadls_leave(bus, NULL);
}

static void initiate_contact(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_initiate_contact contact;

	memcpy(&contact, msg, sizeof(contact));
	bus->wanted_version = contact.version;
	bus->wanted_vp = contact.target_vp;
	begin_reset(bus, BUS_ANSWER_CONTACT);
}

static void answer_contact(struct vmbus_bus *bus)
{
	struct vmbus_version_response r = {.hdr.type = VMBUS_VERSION_RESPONSE};
	bool has_vp = bus->wanted_vp < bus->n_vps;

	bus->target_vp = has_vp ? bus->wanted_vp : 0;
	if (has_vp && version_is_known(bus->wanted_version)) {
		bus->state = BUS_CONNECTED;
		bus->version = bus->wanted_version;
		r.supported = 1;
		r.connection_id =
			bus->version >= VMBUS_VERSION_5_0 ? VMBUS_CONNECTION_NEW : bus->version;
	}
	bus_send(bus, &r, sizeof(r));
}

static void unload(struct vmbus_bus *bus, const void *, size_t)
{
	begin_reset(bus, BUS_ANSWER_UNLOAD);
}

// True if it did something.
static bool finish_reset(struct vmbus_bus *bus)
{
	static const struct vmbus_header unloaded = {.type = VMBUS_UNLOAD_RESPONSE};
	enum bus_answer answer = bus->answer;
	struct vmbus_device *device;
	struct bus_channel *c;

	if (bus->state != BUS_RESETTING || !TAILQ_EMPTY(&bus->gpadls))
		return false;
	TAILQ_FOREACH (c, &bus->channels, next)
		if (c->state != VMBUS_CHANNEL_OFFERED || c->rescinded)
			return false;
	TAILQ_FOREACH (device, &bus->devices, next) {
		if (device->reset) {
			device->reset = false;
			device->ops->released(device->dev, true);
			return true;
		}
	}
	bus->state = BUS_DISCONNECTED;
	bus->answer = BUS_ANSWER_NONE;
	if (answer == BUS_ANSWER_CONTACT)
		answer_contact(bus);
	else if (answer == BUS_ANSWER_UNLOAD)
		bus_send(bus, &unloaded, sizeof(unloaded));
	return true;
}

static void bus_settle(struct vmbus_bus *bus)
{
	while (bus_settle_channels(bus) || bus_settle_gpadls(bus) || bus_settle_releases(bus) ||
		finish_reset(bus))
		;
}

void bus_enter(struct vmbus_bus *bus)
{
	bus->depth++;
}

void bus_leave(struct vmbus_bus *bus)
{
	while (bus->depth == 1 && bus->unsettled) {
		bus->unsettled = false;
		bus_settle(bus);
	}
	bus->depth--;
}

// Refused, but with an answer: nobody connects to a socket of ours.
static void tl_connect(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_tl_connect_result r;

	// Both begin with the same two GUIDs.
	memcpy(&r, msg, offsetof(struct vmbus_tl_connect_result, status));
	r.hdr = (struct vmbus_header){.type = VMBUS_TL_CONNECT_RESULT};
	r.status = BUS_STATUS_REFUSED;
	bus_send(bus, &r, sizeof(r));
}

// In which state which message may come, and how long it is at least. Longer ones are fine.
static const struct {
	size_t min_len;
	message_handler handler[BUS_N_STATES];
} rules[] = {
	[VMBUS_REQUESTOFFERS] = {sizeof(struct vmbus_header),
		{[BUS_CONNECTED] = bus_request_offers, [BUS_OFFERED] = bus_request_offers_again}},
	[VMBUS_OPENCHANNEL] = {sizeof(struct vmbus_open_channel),
		{[BUS_CONNECTED] = bus_open, [BUS_OFFERED] = bus_open}},
	[VMBUS_CLOSECHANNEL] = {sizeof(struct vmbus_close_channel),
		{[BUS_CONNECTED] = bus_close, [BUS_OFFERED] = bus_close}},
	[VMBUS_GPADL_HEADER] = {sizeof(struct vmbus_gpadl_header) + 8,
		{[BUS_CONNECTED] = bus_gpadl_header, [BUS_OFFERED] = bus_gpadl_header}},
	[VMBUS_GPADL_BODY] = {sizeof(struct vmbus_gpadl_body),
		{[BUS_CONNECTED] = bus_gpadl_body, [BUS_OFFERED] = bus_gpadl_body}},
	[VMBUS_GPADL_TEARDOWN] = {sizeof(struct vmbus_gpadl_teardown),
		{[BUS_CONNECTED] = bus_gpadl_teardown, [BUS_OFFERED] = bus_gpadl_teardown}},
	[VMBUS_RELID_RELEASED] = {sizeof(struct vmbus_relid_released),
		{[BUS_CONNECTED] = bus_relid_released, [BUS_OFFERED] = bus_relid_released}},
	[VMBUS_MODIFYCHANNEL] = {sizeof(struct vmbus_modify_channel),
		{[BUS_CONNECTED] = bus_modify, [BUS_OFFERED] = bus_modify}},
	[VMBUS_TL_CONNECT_REQUEST] = {offsetof(struct vmbus_tl_connect_result, status),
		{[BUS_CONNECTED] = tl_connect, [BUS_OFFERED] = tl_connect}},
	[VMBUS_INITIATE_CONTACT] = {sizeof(struct vmbus_initiate_contact),
		{initiate_contact, initiate_contact, initiate_contact, initiate_contact}},
	[VMBUS_UNLOAD] = {sizeof(struct vmbus_header), {unload, unload, unload, unload}},
};

int vmbus_bus_message(struct vmbus_bus *bus, uint32_t connection_id, const void *msg, size_t len)
{
	message_handler handler = NULL;
	struct vmbus_header hdr = {};

	if (connection_id != VMBUS_CONNECTION_OLD && connection_id != VMBUS_CONNECTION_NEW)
		return -ENXIO;
	if (len > VMBUS_MESSAGE_MAX)
		return -EINVAL;
	if (len >= sizeof(hdr))
		memcpy(&hdr, msg, sizeof(hdr));
	if (hdr.type < sizeof(rules) / sizeof(rules[0]) && len >= rules[hdr.type].min_len)
		handler = rules[hdr.type].handler[bus->state];
	// Not for those who start anew: what waits is then of no use to them.
	if (vmbus_bus_flush(bus) && bus->n_waiting >= BUS_MAX_WAITING &&
		handler != initiate_contact && handler != unload)
		return -EAGAIN;
	bus->stats.messages++;
	if (handler == NULL) {
		bus_refuse(bus);
		return 0;
	}
	bus_enter(bus);
	handler(bus, msg, len);
	bus_leave(bus);
	return 0;
}

void vmbus_bus_reset(struct vmbus_bus *bus)
{
	bus_enter(bus);
	begin_reset(bus, BUS_ANSWER_NONE);
	bus_leave(bus);
}

bool vmbus_bus_is_resetting(const struct vmbus_bus *bus)
{
	return bus->state == BUS_RESETTING;
}

uint32_t vmbus_bus_version(const struct vmbus_bus *bus)
{
	return bus->version;
}

void vmbus_bus_get_stats(const struct vmbus_bus *bus, struct vmbus_bus_stats *stats)
{
	*stats = bus->stats;
}

struct vmbus_bus *vmbus_bus_create(
	const struct synic_ops *synic, void *synic_arg, struct guest_mem *mem, uint32_t n_vps)
{
	struct vmbus_bus *bus = calloc(1, sizeof(*bus));

	if (bus == NULL)
		return NULL;
	bus->synic = synic;
	bus->synic_arg = synic_arg;
	bus->mem = mem;
	bus->n_vps = n_vps;
	TAILQ_INIT(&bus->devices);
	TAILQ_INIT(&bus->channels);
	TAILQ_INIT(&bus->gpadls);
	STAILQ_INIT(&bus->waiting);
	return bus;
}

void vmbus_bus_destroy(struct vmbus_bus *bus)
{
	struct vmbus_device *device;
	struct bus_channel *c;

	if (bus == NULL)
		return;
	bus_drop_waiting(bus);
	while (!TAILQ_EMPTY(&bus->gpadls))
		bus_gpadl_free(bus, TAILQ_FIRST(&bus->gpadls));
	while ((c = TAILQ_FIRST(&bus->channels)) != NULL) {
		TAILQ_REMOVE(&bus->channels, c, next);
		free(c);
	}
	while ((device = TAILQ_FIRST(&bus->devices)) != NULL) {
		TAILQ_REMOVE(&bus->devices, device, next);
		free(device);
	}
	free(bus);
}
