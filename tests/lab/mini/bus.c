/* SPDX-License-Identifier: BSD-3-Clause */
// Messages with the bus: contact, offers, channels.
#include "bus.h"

#include <hypervisor/hyperv/hypercall.h>

#include "console.h"
#include "hyperv.h"
#include "machine.h"
#include "text.h"

#define MESSAGE_TYPE 1u
#define TRIES        200
#define QUIET_US     20000u

struct post_input {
	uint32_t connection_id, reserved, type, size;
	uint8_t payload[VMBUS_MESSAGE_MAX];
} __attribute__((aligned(256)));

struct bus_offer bus_offers[BUS_MAX_OFFERS];
uint32_t bus_connection_id = VMBUS_CONNECTION_NEW;
uint32_t bus_version;

static struct post_input inputs[MAX_CPUS];
static uint8_t monitor_pages[3 * PAGE] __attribute__((aligned(PAGE)));
static struct {
	uint32_t type, id, value, value2;
	bool here;
} answer;

// Class of network adapters.
static const uint8_t nic_class[16] = {0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46, 0x91, 0x3f,
	0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e};

uint32_t bus_post_once(uint32_t connection_id, const void *message, size_t size)
{
	struct post_input *in = &inputs[this_cpu()->index];

	in->connection_id = connection_id;
	in->reserved = 0;
	in->type = MESSAGE_TYPE;
	in->size = size;
	memcpy(in->payload, message, size);
	return hyperv_call(HV_POST_MESSAGE, gpa_of(in), 0) & 0xffff;
}

const char *bus_post(const void *message, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t status = bus_post_once(bus_connection_id, message, size);

		if (status == HV_STATUS_SUCCESS)
			return NULL;
		if (status != HV_STATUS_INSUFFICIENT_BUFFERS &&
			status != HV_STATUS_INSUFFICIENT_MEMORY)
			return "the host does not take the message";
		bus_poll();
		clock_sleep(clock_us() + 1000 * (i + 1));
	}
	return "the host has no room for the message";
}

static void on_offer(const struct vmbus_offer_channel *m)
{
	for (unsigned i = 0; i < BUS_MAX_OFFERS; i++) {
		struct bus_offer *o = &bus_offers[i];

		if (o->here)
			continue;
		*o = (struct bus_offer){.here = true,
			.nic = memcmp(&m->interface, nic_class, sizeof(nic_class)) == 0,
			.relid = m->relid,
			.connection_id = m->connection_id,
			.index = m->sub_channel_index};
		memcpy(o->instance, &m->instance, sizeof(o->instance));
		return;
	}
}

static void on_rescind(uint32_t relid)
{
	for (unsigned i = 0; i < BUS_MAX_OFFERS; i++)
		if (bus_offers[i].here && bus_offers[i].relid == relid)
			bus_offers[i].rescinded = true;
}

static void on_answer(uint32_t type, uint32_t id, uint32_t value, uint32_t value2)
{
	if (answer.type != type || answer.id != id || answer.here)
		return;
	answer.here = true;
	answer.value = value;
	answer.value2 = value2;
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

bool bus_poll(void)
{
	union any_message m = {};
	bool any = false;

	while (synic_take(m.bytes) > 0) {
		uint32_t type = m.hdr.type;

		any = true;
		switch (type) {
		case VMBUS_OFFERCHANNEL: on_offer(&m.offer); break;
		case VMBUS_RESCIND_CHANNELOFFER: on_rescind(m.rescind.relid); break;
		case VMBUS_OPENCHANNEL_RESULT:
			on_answer(type, m.open.relid, m.open.status, 0);
			break;
		case VMBUS_GPADL_CREATED:
			on_answer(type, m.created.gpadl, m.created.status, 0);
			break;
		case VMBUS_GPADL_TORNDOWN: on_answer(type, m.torndown.gpadl, 0, 0); break;
		case VMBUS_VERSION_RESPONSE:
			on_answer(type, 0, m.version.supported, m.version.connection_id);
			break;
		case VMBUS_MODIFYCHANNEL_RESPONSE:
			on_answer(type, m.modify.relid, m.modify.status, 0);
			break;
		default: on_answer(type, 0, 0, 0); break;
		}
	}
	return any;
}

void bus_expect(uint32_t type, uint32_t id)
{
	answer = (typeof(answer)){.type = type, .id = id};
}

const char *bus_wait(uint32_t *value, uint32_t *value2)
{
	uint64_t until = clock_us() + BUS_PATIENCE;

	for (;;) {
		bus_poll();
		if (answer.here)
			break;
		if (clock_us() >= until)
			return "no answer";
		clock_sleep(until);
	}
	if (value != NULL)
		*value = answer.value;
	if (value2 != NULL)
		*value2 = answer.value2;
	return NULL;
}

// What was asked for before, in vain or in plenty, is none of ours any more: answers to contact
// bear no name.
static void drain(void)
{
	uint64_t quiet = clock_us();

	while (clock_us() - quiet < QUIET_US) {
		if (bus_poll())
			quiet = clock_us();
		clock_sleep(quiet + QUIET_US);
	}
}

const char *bus_contact(uint32_t version)
{
	struct vmbus_initiate_contact m = {
		.hdr.type = VMBUS_INITIATE_CONTACT,
		.version = version,
		.monitor_page1 = gpa_of(monitor_pages),
		.monitor_page2 = gpa_of(monitor_pages) + PAGE,
	};
	uint32_t supported, connection_id;
	const char *why = synic_on();

	if (why != NULL)
		return why;
	drain();
	bus_version = 0;
	memset(bus_offers, 0, sizeof(bus_offers));
	bus_connection_id = VMBUS_CONNECTION_OLD;
	if (version >= VMBUS_VERSION_5_0) {
		m.sint = VMBUS_SINT;
		bus_connection_id = VMBUS_CONNECTION_NEW;
	} else {
		m.interrupt_page = gpa_of(monitor_pages) + 2 * PAGE;
	}
	bus_expect(VMBUS_VERSION_RESPONSE, 0);
	why = bus_post(&m, sizeof(m));
	if (why == NULL)
		why = bus_wait(&supported, &connection_id);
	if (why != NULL)
		return why;
	if (!supported)
		return "not this version";
	if (version >= VMBUS_VERSION_5_0)
		bus_connection_id = connection_id;
	bus_version = version;
	return NULL;
}

const char *bus_ask_offers(void)
{
	const struct vmbus_header m = {.type = VMBUS_REQUESTOFFERS};
	const char *why;

	bus_expect(VMBUS_ALLOFFERS_DELIVERED, 0);
	why = bus_post(&m, sizeof(m));
	return why != NULL ? why : bus_wait(NULL, NULL);
}

const char *bus_unload(void)
{
	const struct vmbus_header m = {.type = VMBUS_UNLOAD};
	const char *why;

	bus_expect(VMBUS_UNLOAD_RESPONSE, 0);
	why = bus_post(&m, sizeof(m));
	if (why == NULL)
		why = bus_wait(NULL, NULL);
	synic_off();
	bus_version = 0;
	memset(bus_offers, 0, sizeof(bus_offers));
	return why;
}

const char *bus_start(void)
{
	static const uint32_t versions[] = {
		VMBUS_VERSION_5_3, VMBUS_VERSION_4_1, VMBUS_VERSION_4_0, VMBUS_VERSION_3_0};
	const char *why = NULL;

	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		why = bus_contact(versions[i]);
		if (why == NULL)
			return bus_ask_offers();
	}
	return why;
}
