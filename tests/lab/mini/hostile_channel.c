/* SPDX-License-Identifier: BSD-3-Clause */
// Channels opened, closed and moved as no guest would.
#include "hostile.h"

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

static void post(const void *m, uint32_t len)
{
	bus_post_once(bus_connection_id, m, len);
	bus_poll();
}

static uint32_t some_relid(void)
{
	const struct bus_offer *o = bus_find_nic(0, 0);

	return o != NULL && chance_of(4) != 0 ? o->relid : (uint32_t)chance_number();
}

static void random_opens(uint32_t times)
{
	uint32_t n = 2 + chance_of(14), relid = some_relid();
	uint32_t gpadl = bus_lend(relid, hostile_pages(), n);

	while (times-- > 0) {
		struct vmbus_open_channel m = {
			.hdr.type = VMBUS_OPENCHANNEL,
			.relid = chance_of(3) ? relid : some_relid(),
			.open_id = chance(),
			.ring_gpadl = chance_of(4) ? gpadl : (uint32_t)chance_number(),
			.target_vp = chance_of(3) ? 0 : (uint32_t)chance_number(),
			.downstream_page =
				chance_of(2) ? chance_of(n + 2) : (uint32_t)chance_number(),
		};

		chance_fill(m.user_data, sizeof(m.user_data));
		if (chance_of(4) == 0)
			chance_fill(hostile_pages(), 128);
		post(&m, chance_of(8) == 0 ? chance_of(sizeof(m)) : sizeof(m));
		if (chance_of(4) == 0)
			bus_close(relid);
	}
}

static void close_storm(uint32_t times)
{
	while (times-- > 0) {
		bus_close(some_relid());
		bus_close(chance_of(2048));
		bus_poll();
	}
}

static void modify_storm(uint32_t times)
{
	while (times-- > 0) {
		const struct vmbus_modify_channel m = {.hdr.type = VMBUS_MODIFYCHANNEL,
			.relid = some_relid(),
			.target_vp = chance_of(2) ? chance_of(4) : (uint32_t)chance_number()};
		const struct vmbus_relid_released gone = {
			.hdr.type = VMBUS_RELID_RELEASED, .relid = some_relid()};

		post(&m, sizeof(m));
		post(&gone, sizeof(gone));
	}
}

// Opened and dropped by a new contact, over and over.
static void open_and_leave(uint32_t times)
{
	for (uint32_t i = 0; i < 1 + times / 50; i++) {
		nic_forget();
		if (bus_start() != NULL || nic_open(0, 1) != NULL)
			return;
	}
}

static void unload_open(uint32_t times)
{
	const struct vmbus_header m = {.type = VMBUS_UNLOAD};

	while (times-- > 0) {
		post(&m, sizeof(m));
		hyperv_signal(nic.queue[0].connection_id);
	}
}

const struct hostile hostile_channel[] = {
	{.name = "random_opens", .run = random_opens},
	{.name = "close_storm", .run = close_storm},
	{.name = "modify_storm", .run = modify_storm},
	{.name = "open_and_leave", .run = open_and_leave, .needs_nic = true},
	{.name = "unload_open", .run = unload_open, .needs_nic = true},
	{},
};
