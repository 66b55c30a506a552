/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists: put together from messages, made known to the device, torn down.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"

static void tell_created(struct vmbus_bus *bus, uint32_t relid, uint32_t id, uint32_t status)
{
	struct vmbus_gpadl_created r = {
		.hdr.type = VMBUS_GPADL_CREATED,
		.relid = relid,
		.gpadl = id,
		.status = status,
	};

	if (status != BUS_STATUS_OK)
		bus_refuse(bus);
	bus_send(bus, &r, sizeof(r));
}

static void tell_torndown(struct vmbus_bus *bus, uint32_t id)
{
	struct vmbus_gpadl_torndown r = {.hdr.type = VMBUS_GPADL_TORNDOWN, .gpadl = id};

	bus_send(bus, &r, sizeof(r));
}

static struct bus_gpadl *find(const struct vmbus_bus *bus, uint32_t id)
{
	struct bus_gpadl *g;

	TAILQ_FOREACH (g, &bus->gpadls, next)
		if (g->id == id)
			return g;
	return NULL;
}

static bool is_complete(const struct bus_gpadl *g)
{
	return g->pfn == NULL;
}

static uint64_t bytes_of(const struct bus_gpadl *g)
{
	return (uint64_t)g->n_pages << GUEST_PAGE_SHIFT;
}

void bus_gpadl_free(struct vmbus_bus *bus, struct bus_gpadl *g)
{
	if (is_complete(g))
		gpadl_fini(&g->list);
	else
		bus->n_half_built--;
	bus->n_gpadls--;
	bus->gpadl_bytes -= bytes_of(g);
	TAILQ_REMOVE(&bus->gpadls, g, next);
	free(g->pfn);
	free(g);
}

// What a header message says, if it adds up: one range, as all guests send them.
struct range {
	uint32_t byte_count, byte_offset, n_pages;
};

static bool range_is_good(const struct vmbus_gpadl_header *m, struct range *r)
{
	uint64_t end = (uint64_t)r->byte_offset + r->byte_count;

	if (m->range_count != 1 || m->range_buflen < 16 || m->range_buflen % 8 != 0)
		return false;
	r->n_pages = (m->range_buflen - 8u) / 8;
	if (r->byte_count == 0 || r->byte_offset >= GUEST_PAGE_SIZE)
		return false;
	return (end + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT == r->n_pages;
}

static struct bus_gpadl *begin(struct bus_channel *c, uint32_t id, const struct range *r)
{
	struct vmbus_bus *bus = c->device->bus;
	struct bus_gpadl *g;

	if (bus->n_gpadls >= VMBUS_MAX_GPADLS || bus->n_half_built >= BUS_MAX_HALF_BUILT ||
		bus->gpadl_bytes + ((uint64_t)r->n_pages << GUEST_PAGE_SHIFT) >
			VMBUS_MAX_GPADL_BYTES)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->pfn = malloc(r->n_pages * sizeof(*g->pfn));
	if (g->pfn == NULL) {
		free(g);
		return NULL;
	}
	g->channel = c;
	g->id = id;
	g->byte_offset = r->byte_offset;
	g->byte_count = r->byte_count;
	g->n_pages = r->n_pages;
	bus->n_gpadls++;
	bus->n_half_built++;
	bus->gpadl_bytes += bytes_of(g);
	TAILQ_INSERT_TAIL(&bus->gpadls, g, next);
	return g;
}

// 0, or the list is of no use to anybody.
static int complete(struct vmbus_bus *bus, struct bus_gpadl *g)
{
	struct vmbus_device *device = g->channel->device;
	int ret;

	ret = gpadl_init(
		&g->list, bus->mem, g->id, g->byte_offset, g->byte_count, g->pfn, g->n_pages);
	if (ret != 0)
		return ret;
	free(g->pfn);
	g->pfn = NULL;
	bus->n_half_built--;
	ret = device->ops->gpadl_created(device->dev, &g->list);
	g->untold = ret == -EINPROGRESS;
	return g->untold ? 0 : ret;
}

// All pages are there.
static void finish(struct vmbus_bus *bus, struct bus_gpadl *g)
{
	uint32_t relid = g->channel->relid, id = g->id, status = BUS_STATUS_OK;

	if (g->channel->rescinded) {
		bus_gpadl_free(bus, g); // the guest may not know yet, and bears no refusal
	} else if (complete(bus, g) != 0) {
		bus_gpadl_free(bus, g);
		status = BUS_STATUS_FAILURE;
	} else if (g->untold) {
		return;
	}
	tell_created(bus, relid, id, status);
}

static void tell_untold(struct vmbus_bus *bus, struct bus_gpadl *g)
{
	if (g->untold)
		tell_created(bus, g->channel->relid, g->id, BUS_STATUS_OK);
	g->untold = false;
}

void vmbus_gpadls_created_done(struct vmbus_device *device)
{
	struct bus_gpadl *g;

	bus_enter(device->bus);
	TAILQ_FOREACH (g, &device->bus->gpadls, next)
		if (g->channel->device == device)
			tell_untold(device->bus, g);
	bus_leave(device->bus);
}

// Takes page numbers; some clients send more bytes than they announced.
static void add_pages(struct vmbus_bus *bus, struct bus_gpadl *g, const uint8_t *from, size_t len)
{
	uint32_t n = len / sizeof(*g->pfn), room = g->n_pages - g->n_received;

	if (n > room)
		n = room;
	memcpy(g->pfn + g->n_received, from, n * sizeof(*g->pfn));
	g->n_received += n;
	if (g->n_received == g->n_pages)
		finish(bus, g);
}

void bus_gpadl_header(struct vmbus_bus *bus, const void *msg, size_t len)
{
	const uint8_t *from = (const uint8_t *)msg + sizeof(struct vmbus_gpadl_header);
	struct bus_gpadl *g = NULL;
	struct vmbus_gpadl_header m;
	struct bus_channel *c;
	struct range r;

	memcpy(&m, msg, sizeof(m));
	memcpy(&r.byte_count, from, 4);
	memcpy(&r.byte_offset, from + 4, 4);
	c = bus_find(bus, m.relid);
	if (c != NULL && range_is_good(&m, &r) && find(bus, m.gpadl) == NULL)
		g = begin(c, m.gpadl, &r);
	if (g == NULL)
		tell_created(bus, m.relid, m.gpadl, BUS_STATUS_FAILURE);
	else
		add_pages(bus, g, from + 8, len - sizeof(m) - 8);
}

void bus_gpadl_body(struct vmbus_bus *bus, const void *msg, size_t len)
{
	struct vmbus_gpadl_body m;
	struct bus_gpadl *g;

	memcpy(&m, msg, sizeof(m));
	g = find(bus, m.gpadl);
	if (g == NULL || is_complete(g) || len < sizeof(m) + sizeof(*g->pfn))
		bus_refuse(bus);
	else
		add_pages(bus, g, (const uint8_t *)msg + sizeof(m), len - sizeof(m));
}

const struct gpadl *bus_gpadl_of(const struct bus_channel *c, uint32_t id)
{
	const struct bus_gpadl *g = find(c->device->bus, id);

	return g != NULL && g->channel == c && is_complete(g) && !g->leaving ? &g->list : NULL;
}

static bool is_ring(const struct bus_gpadl *g)
{
	return g->channel->state != VMBUS_CHANNEL_OFFERED && g->channel->params.ring_gpadl == g->id;
}

static void leave(struct vmbus_bus *bus, struct bus_gpadl *g)
{
	g->leaving = true;
	bus->unsettled = true;
}

void bus_gpadl_teardown(struct vmbus_bus *bus, const void *msg, size_t)
{
	struct vmbus_gpadl_teardown m;
	struct bus_gpadl *g;

	memcpy(&m, msg, sizeof(m));
	g = find(bus, m.gpadl);
	if (g == NULL || !is_complete(g)) {
		if (g != NULL)
			bus_gpadl_free(bus, g);
		tell_torndown(bus, m.gpadl);
		return;
	}
	if (g->owes_answer) {
		bus_refuse(bus); // asked for already: one answer
		return;
	}
	tell_untold(bus, g);
	// A guest that wants the ring's pages back has done with the channel.
	if (is_ring(g))
		bus_channel_close(g->channel);
	g->owes_answer = true;
	leave(bus, g);
}

bool bus_gpadls_leave(struct vmbus_bus *bus, const struct bus_channel *c)
{
	struct bus_gpadl *g, *next;
	bool left = false;

	for (g = TAILQ_FIRST(&bus->gpadls); g != NULL; g = next) {
		next = TAILQ_NEXT(g, next);
		if (c != NULL && g->channel != c)
			continue;
		if (!is_complete(g)) {
			bus_gpadl_free(bus, g);
			continue;
		}
		left = true;
		g->untold = false;
		if (c == NULL)
			g->owes_answer = false; // whom for?
		if (!g->leaving)
			leave(bus, g);
	}
	return left;
}

bool bus_settle_gpadls(struct vmbus_bus *bus)
{
	struct vmbus_device *device;
	struct bus_gpadl *g;

	TAILQ_FOREACH (g, &bus->gpadls, next) {
		if (!g->leaving || is_ring(g))
			continue;
		if (!g->asked) {
			g->asked = true;
			device = g->channel->device;
			device->ops->gpadl_teardown(device->dev, g->id);
			return true;
		}
		if (g->gone) {
			if (g->owes_answer)
				tell_torndown(bus, g->id);
			bus_gpadl_free(bus, g);
			return true;
		}
	}
	return false;
}

void vmbus_gpadl_torndown_done(struct vmbus_device *device, uint32_t gpadl)
{
	struct bus_gpadl *g = find(device->bus, gpadl);

	if (g == NULL || g->channel->device != device || !g->asked)
		return;
	bus_enter(device->bus);
	g->gone = true;
	device->bus->unsettled = true;
	bus_leave(device->bus);
}

const struct gpadl *vmbus_next_gpadl(const struct vmbus_device *device, const struct gpadl *prev)
{
	const struct bus_gpadl *g;

	if (prev == NULL)
		g = TAILQ_FIRST(&device->bus->gpadls);
	else
		g = TAILQ_NEXT((const struct bus_gpadl *)((const char *)prev -
							  offsetof(struct bus_gpadl, list)),
			next);
	for (; g != NULL; g = TAILQ_NEXT(g, next))
		if (g->channel->device == device && is_complete(g) && !g->asked)
			return &g->list;
	return NULL;
}
