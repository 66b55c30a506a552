/* SPDX-License-Identifier: BSD-3-Clause */
// Hypercalls: any code, any address, any message, any connection.
#include "hostile.h"

#include <hypervisor/vmbus/proto.h>

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "text.h"

#define CALLS 0x180u // codes that there are, and more

static void random_calls(uint32_t times)
{
	while (times-- > 0) {
		uint64_t input = chance_of(CALLS) | (chance_of(2) ? HV_FAST : 0);

		if (chance_of(4) == 0)
			input |= chance_number() << 17;
		hyperv_call(input, chance_address(), chance_address());
	}
}

static void post_anywhere(uint32_t times)
{
	while (times-- > 0) {
		uint64_t at = chance_address();

		hyperv_call(HV_POST_MESSAGE | (chance_of(8) == 0 ? HV_FAST : 0), at, 0);
	}
}

// The 256 bytes may cross into a page that is none.
static void post_at_edges(uint32_t times)
{
	while (times-- > 0) {
		uint64_t end = chance_of(2) ? memory_end() : gpa_of(hostile_pages()) + PAGE;

		hyperv_call(HV_POST_MESSAGE, end - 8 * chance_of(40), 0);
		hyperv_call(HV_POST_MESSAGE, end - chance_of(300), 0);
	}
}

static void post_garbage(uint32_t times)
{
	uint32_t *in = (uint32_t *)hostile_pages();

	while (times-- > 0) {
		chance_fill(in, 256);
		in[0] = chance_of(3) == 0 ? (uint32_t)chance_number() : bus_connection_id;
		in[1] = 0;
		in[2] = chance_of(8) == 0 ? (uint32_t)chance_number() : 1;
		in[3] = chance_of(4) == 0 ? (uint32_t)chance_number() : chance_of(241);
		in[4] = chance_of(40);
		if (chance_of(16) != 0 && (in[4] == VMBUS_UNLOAD))
			in[4] = VMBUS_OPENCHANNEL;
		hyperv_call(HV_POST_MESSAGE, gpa_of(in), 0);
		bus_poll();
	}
}

// As fast as it goes, and what is answered is never taken.
static void post_flood(uint32_t times)
{
	const struct vmbus_header m = {.type = VMBUS_REQUESTOFFERS};

	for (uint32_t i = 0; i < 10 * times; i++)
		bus_post_once(bus_connection_id, &m, sizeof(m));
}

static void contact_flood(uint32_t times)
{
	struct vmbus_initiate_contact m = {.hdr.type = VMBUS_INITIATE_CONTACT};

	while (times-- > 0) {
		m.version = chance_of(2) ? VMBUS_VERSION_5_3 : (uint32_t)chance_number();
		m.target_vp = chance_of(2) ? 0 : (uint32_t)chance_number();
		m.sint = chance_of(2) ? VMBUS_SINT : (uint8_t)chance();
		m.vtl = chance_of(4) == 0;
		m.monitor_page1 = chance_address();
		m.monitor_page2 = chance_address();
		bus_post_once(
			chance_of(2) ? VMBUS_CONNECTION_NEW : VMBUS_CONNECTION_OLD, &m, sizeof(m));
	}
}

static void signal_storm(uint32_t times)
{
	for (uint32_t i = 0; i < 10 * times; i++)
		hyperv_signal(0x2000 + chance_of(0x40));
	for (uint32_t i = 0; i < times; i++)
		hyperv_call(HV_SIGNAL_EVENT | HV_FAST, chance_number(), 0);
	for (uint32_t i = 0; i < times; i++)
		hyperv_call(HV_SIGNAL_EVENT, chance_address(), 0);
}

const struct hostile hostile_calls[] = {
	{.name = "random_calls", .run = random_calls},
	{.name = "post_anywhere", .run = post_anywhere},
	{.name = "post_at_edges", .run = post_at_edges},
	{.name = "post_garbage", .run = post_garbage},
	{.name = "post_flood", .run = post_flood},
	{.name = "contact_flood", .run = contact_flood},
	{.name = "signal_storm", .run = signal_storm, .anywhere = true},
	{},
};
