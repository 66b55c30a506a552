/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists and channels.
#include "bus.h"

#include "machine.h"
#include "text.h"

#define PFNS_IN_HEADER 26u
#define PFNS_IN_BODY   28u

static uint32_t next_gpadl = 0xe1e10;

static const char *post_header(uint32_t relid, uint32_t gpadl, uint64_t pfn, uint32_t n)
{
	struct {
		struct vmbus_gpadl_header head;
		uint32_t byte_count, byte_offset;
		uint64_t pfn[PFNS_IN_HEADER];
	} __attribute__((packed)) m = {
		.head.hdr.type = VMBUS_GPADL_HEADER,
		.head.relid = relid,
		.head.gpadl = gpadl,
		.head.range_buflen = 8 + 8 * n,
		.head.range_count = 1,
		.byte_count = n * PAGE,
	};
	uint32_t here = n < PFNS_IN_HEADER ? n : PFNS_IN_HEADER;

	for (uint32_t i = 0; i < here; i++)
		m.pfn[i] = pfn + i;
	return bus_post(&m, sizeof(m) - sizeof(m.pfn) + 8 * here);
}

static const char *post_body(uint32_t gpadl, uint64_t pfn, uint32_t n)
{
	struct {
		struct vmbus_gpadl_body head;
		uint64_t pfn[PFNS_IN_BODY];
	} __attribute__((packed)) m = {.head.hdr.type = VMBUS_GPADL_BODY, .head.gpadl = gpadl};

	for (uint32_t i = 0; i < n; i++)
		m.pfn[i] = pfn + i;
	return bus_post(&m, sizeof(m.head) + 8 * n);
}

uint32_t bus_lend(uint32_t relid, const uint8_t *at, uint32_t n)
{
	uint32_t gpadl = next_gpadl++, status;
	uint64_t pfn = gpa_of(at) / PAGE;
	const char *why;

	bus_expect(VMBUS_GPADL_CREATED, gpadl);
	why = post_header(relid, gpadl, pfn, n);
	for (uint32_t i = PFNS_IN_HEADER; i < n && why == NULL; i += PFNS_IN_BODY)
		why = post_body(gpadl, pfn + i, n - i < PFNS_IN_BODY ? n - i : PFNS_IN_BODY);
	if (why == NULL)
		why = bus_wait(&status, NULL);
	return why == NULL && status == 0 ? gpadl : 0;
}

const char *bus_take_back(uint32_t relid, uint32_t gpadl)
{
	const struct vmbus_gpadl_teardown m = {
		.hdr.type = VMBUS_GPADL_TEARDOWN, .relid = relid, .gpadl = gpadl};
	const char *why;

	bus_expect(VMBUS_GPADL_TORNDOWN, gpadl);
	why = bus_post(&m, sizeof(m));
	return why != NULL ? why : bus_wait(NULL, NULL);
}

const char *bus_open(uint32_t relid, uint32_t gpadl, uint32_t half, uint32_t target_vp)
{
	const struct vmbus_open_channel m = {
		.hdr.type = VMBUS_OPENCHANNEL,
		.relid = relid,
		.open_id = relid,
		.ring_gpadl = gpadl,
		.target_vp = target_vp,
		.downstream_page = half,
	};
	uint32_t status;
	const char *why;

	bus_expect(VMBUS_OPENCHANNEL_RESULT, relid);
	why = bus_post(&m, sizeof(m));
	if (why == NULL)
		why = bus_wait(&status, NULL);
	if (why == NULL && status != 0)
		why = "the host refuses to open the channel";
	return why;
}

const char *bus_close(uint32_t relid)
{
	const struct vmbus_close_channel m = {.hdr.type = VMBUS_CLOSECHANNEL, .relid = relid};

	return bus_post(&m, sizeof(m));
}

struct bus_offer *bus_find_nic(unsigned number, uint32_t index)
{
	const uint8_t *instance = NULL;

	for (unsigned i = 0; i < BUS_MAX_OFFERS; i++) {
		struct bus_offer *o = &bus_offers[i];

		if (!o->here || !o->nic || o->rescinded || o->index != 0)
			continue;
		if (number-- > 0)
			continue;
		if (index == 0)
			return o;
		instance = o->instance;
		break;
	}
	for (unsigned i = 0; i < BUS_MAX_OFFERS && instance != NULL; i++) {
		struct bus_offer *o = &bus_offers[i];

		if (o->here && o->index == index && memcmp(o->instance, instance, 16) == 0)
			return o;
	}
	return NULL;
}
