/* SPDX-License-Identifier: BSD-3-Clause */
// Good records with garbage in them: NVSP, RNDIS, frames.
#include "hostile.h"

#include <ndis_compat/oid.h>
#include <ndis_compat/rndis.h>
#include <ndis_compat/rndis_packet.h>

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define RANGES 40u

static void put(uint16_t type, const void *header, uint32_t header_len, const void *m, uint32_t len)
{
	struct nic_queue *q = &nic.queue[0];

	if (!ring_put(&q->out, type, chance_of(4) != 0, chance_of(64), header, header_len, m, len,
		    &q->signal))
		clock_sleep(clock_us() + 1000);
	if (chance_of(4) == 0)
		hyperv_signal(q->connection_id);
	nic_flush(q);
	bus_poll();
	nic_poll();
}

static uint32_t nvsp_type(void)
{
	static const uint8_t known[] = {1, 2, 100, 101, 102, 103, 104, 105, 106, 107, 108, 125, 128,
		129, 131, 133, 134, 135, 136};

	return chance_of(8) ? known[chance_of(sizeof(known))] : (uint32_t)chance_number();
}

static void random_nvsp(uint32_t times)
{
	while (times-- > 0) {
		struct nvsp_message m;

		chance_fill(&m, sizeof(m));
		m.type = nvsp_type();
		if (chance_of(2))
			m.buffer.gpadl = chance_of(2) ? nic.receive_gpadl : nic.queue[0].gpadl;
		put(VMBUS_PACKET_IN_BAND, NULL, 0, &m,
			chance_of(3) ? sizeof(m) : chance_of(sizeof(m)));
	}
}

static void random_sections(uint32_t times)
{
	while (times-- > 0) {
		const struct nvsp_message m = {.type = NVSP_RNDIS_PACKET,
			.rndis.channel_type = chance_of(8) ? NVSP_CHANNEL_DATA : chance_of(4),
			.rndis.section = chance_of(2) ? chance_of(64) : (uint32_t)chance_number(),
			.rndis.section_len =
				chance_of(2) ? chance_of(8192) : (uint32_t)chance_number()};

		chance_fill(nic.send + PAGE * chance_of(NIC_SEND_PAGES), PAGE);
		*(uint32_t *)(nic.send + nic.section_size * chance_of(8)) = RNDIS_MSG_PACKET;
		put(VMBUS_PACKET_IN_BAND, NULL, 0, &m, sizeof(m));
	}
}

static void random_ranges(uint32_t times)
{
	static struct {
		struct vmbus_gpa_header head;
		uint64_t words[RANGES * 3];
	} h;

	while (times-- > 0) {
		const struct nvsp_message m = {.type = NVSP_RNDIS_PACKET,
			.rndis.channel_type = chance_of(4) == 0,
			.rndis.section =
				chance_of(4) ? NVSP_NO_SECTION : (uint32_t)chance_number()};

		h.head.n_ranges = chance_of(4) ? chance_of(RANGES) : (uint32_t)chance_number();
		for (uint32_t i = 0; i < RANGES; i++) {
			h.words[2 * i] = chance_of(2) ? chance_of(4096)
			                              : chance_number() << 32 | chance_of(9000);
			h.words[2 * i + 1] = chance_address() / PAGE;
		}
		put(VMBUS_PACKET_GPA_DIRECT, &h, 8 * (1 + chance_of(RANGES)), &m, sizeof(m));
	}
}

static void random_control(uint32_t times)
{
	static const uint32_t oids[] = {OID_GEN_RECEIVE_SCALE_PARAMETERS,
		OID_TCP_OFFLOAD_PARAMETERS, OID_GEN_RNDIS_CONFIG_PARAMETER,
		OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, OID_GEN_CURRENT_PACKET_FILTER,
		OID_802_3_MULTICAST_LIST, OID_GEN_SUPPORTED_LIST};

	while (times-- > 0) {
		uint32_t m[128];

		chance_fill(m, sizeof(m));
		m[0] = chance_of(8) ? 2 + chance_of(7) : (uint32_t)chance_number();
		m[1] = chance_of(4) ? 28 + chance_of(484) : (uint32_t)chance_number();
		m[3] = chance_of(8) ? oids[chance_of(7)] : (uint32_t)chance_number();
		m[4] = chance_of(2) ? chance_of(512) : (uint32_t)chance_number();
		m[5] = chance_of(2) ? 20 : (uint32_t)chance_number();
		rndis_put(m, sizeof(m));
		bus_poll();
		nic_poll();
	}
}

// Headers that are nearly right, so that what is behind them is looked at.
static void random_packets(uint32_t times)
{
	while (times-- > 0) {
		uint32_t slot, i;
		struct rndis_packet_msg *m;
		struct rndis_ppi *ppi;
		uint8_t *f = frame_alloc(&nic.queue[0], &slot);
		struct nvsp_message nvsp = {
			.type = NVSP_RNDIS_PACKET, .rndis.section = NVSP_NO_SECTION};
		struct {
			struct vmbus_gpa_header head;
			uint32_t len, offset;
			uint64_t pfn;
		} range = {.head.n_ranges = 1, .len = 4096};

		bus_poll();
		nic_poll();
		if (f == NULL) {
			nic.queue[0].busy = 0;
			continue;
		}
		m = (void *)(f - sizeof(*m));
		chance_fill(m, 2048);
		*m = (struct rndis_packet_msg){.type = RNDIS_MSG_PACKET,
			.len = chance_of(4096),
			.data_offset = 36 + chance_of(400),
			.data_len = chance_of(2048),
			.ppi_offset = 36,
			.ppi_len = chance_of(200)};
		i = chance_of(12);
		if (chance_of(2))
			((uint32_t *)m)[i] = chance_number();
		ppi = (void *)f;
		*ppi = (struct rndis_ppi){.size = chance_of(3) ? 16 : chance_of(64),
			.type = chance_of(12),
			.offset = chance_of(4) ? 12 : (uint32_t)chance_number()};
		range.pfn = gpa_of(m) / PAGE;
		put(VMBUS_PACKET_GPA_DIRECT, &range, sizeof(range), &nvsp, sizeof(nvsp));
	}
}

const struct hostile hostile_nvsp[] = {
	{.name = "random_nvsp", .run = random_nvsp, .needs_nic = true},
	{.name = "random_sections", .run = random_sections, .needs_nic = true},
	{.name = "random_ranges", .run = random_ranges, .needs_nic = true},
	{.name = "random_control", .run = random_control, .needs_nic = true},
	{.name = "random_packets", .run = random_packets, .needs_nic = true},
	{},
};
