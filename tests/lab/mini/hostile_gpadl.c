/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists that are none.
#include "hostile.h"

#include "bus.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define PFNS 26u

struct list {
	struct vmbus_gpadl_header head;
	uint32_t byte_count, byte_offset;
	uint64_t pfn[PFNS];
} __attribute__((packed));

struct body {
	struct vmbus_gpadl_body head;
	uint64_t pfn[PFNS];
} __attribute__((packed));

static uint32_t relid(void)
{
	const struct bus_offer *o = bus_find_nic(0, 0);

	return o != NULL && chance_of(4) != 0 ? o->relid : (uint32_t)chance_number();
}

static uint32_t name(void)
{
	return 0x77000 + chance_of(8);
}

static void post(const void *m, uint32_t len)
{
	bus_post_once(bus_connection_id, m, len);
	bus_poll();
}

static struct list fair(uint32_t n)
{
	struct list m = {
		.head.hdr.type = VMBUS_GPADL_HEADER,
		.head.relid = relid(),
		.head.gpadl = name(),
		.head.range_buflen = 8 + 8 * n,
		.head.range_count = 1,
		.byte_count = n * PAGE,
	};

	for (uint32_t i = 0; i < PFNS; i++)
		m.pfn[i] = gpa_of(hostile_pages()) / PAGE + i;
	return m;
}

static void random_lists(uint32_t times)
{
	while (times-- > 0) {
		struct list m = fair(chance_of(PFNS));

		switch (chance_of(8)) {
		case 0: m.head.range_count = chance_number(); break;
		case 1: m.head.range_buflen = chance_number(); break;
		case 2: m.byte_count = chance_number(); break;
		case 3: m.byte_offset = chance_number(); break;
		case 4: m.pfn[chance_of(PFNS)] = chance_address() / PAGE; break;
		case 5: m.pfn[0] = chance_number(); break;
		case 6: chance_fill(&m.head.range_buflen, 4); break;
		default: break;
		}
		post(&m, chance_of(4) == 0 ? chance_of(sizeof(m)) : sizeof(m));
	}
}

// None of them is ever whole.
static void halves(uint32_t times)
{
	for (uint32_t i = 0; i < 4 * times; i++) {
		struct list m = fair(8190);

		m.head.gpadl = i;
		post(&m, sizeof(m));
	}
}

static void bodies(uint32_t times)
{
	while (times-- > 0) {
		struct body m = {.head.hdr.type = VMBUS_GPADL_BODY,
			.head.number = chance_number(),
			.head.gpadl = chance_of(2) ? name() : (uint32_t)chance_number()};

		for (uint32_t i = 0; i < PFNS; i++)
			m.pfn[i] = chance_address() / PAGE;
		post(&m, chance_of(4) == 0 ? chance_of(sizeof(m)) : sizeof(m));
	}
}

static void same_name(uint32_t times)
{
	while (times-- > 0) {
		struct list m = fair(chance_of(2) ? 4 : 100);

		post(&m, sizeof(m));
		post(&m, sizeof(m));
	}
}

// Of what is open or lent, and of what never was.
static void take_back(uint32_t times)
{
	const uint32_t lent[] = {nic.queue[0].gpadl, nic.receive_gpadl, nic.send_gpadl, name()};

	while (times-- > 0) {
		struct vmbus_gpadl_teardown m = {.hdr.type = VMBUS_GPADL_TEARDOWN,
			.relid = chance_of(2) ? nic.queue[0].relid : relid(),
			.gpadl = lent[chance_of(4)]};

		post(&m, sizeof(m));
		clock_sleep(clock_us() + 1000);
	}
}

const struct hostile hostile_gpadl[] = {
	{.name = "random_lists", .run = random_lists},
	{.name = "half_lists", .run = halves},
	{.name = "bodies", .run = bodies},
	{.name = "same_name", .run = same_name},
	{.name = "take_back_open", .run = take_back, .needs_nic = true},
	{},
};
