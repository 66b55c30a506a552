/* SPDX-License-Identifier: BSD-3-Clause */
// A guest lets go of a NIC only when all that it has sent is completed, and would wait for ever
// for a provider that does not come. So what it waits for is completed, as failed: the one place
// of the bus that knows of NVSP, and of no more than this.
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vsp_link_state.h"

#define NVSP_FAILED      2u
#define COMPLETION_BYTES 40u // as long as the longest that guests check for
#define RECORDS_PER_RUN  4096

// Requests and what they are completed with; where the status is in that.
static const struct {
	uint32_t request, completion, status_at;
} completions[] = {
	{1, 2, 12},    // initialise
	{101, 102, 4}, // receive buffer
	{104, 105, 4}, // send buffer
	{107, 108, 4}, // packet
	{133, 133, 4}, // sub-channels
};

// False: there is no room.
static bool complete(struct vmbus_ring *to_guest, const struct vmbus_packet *p)
{
	uint32_t request = 0, failed = NVSP_FAILED;
	uint8_t *at;

	if (p->len >= sizeof(request))
		memcpy(&request, p->body, sizeof(request));
	for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		if (completions[i].request != request)
			continue;
		at = vmbus_ring_put(to_guest, VMBUS_PACKET_COMPLETION, false, p->transaction, 0,
			COMPLETION_BYTES);
		if (at == NULL)
			return false;
		memset(at, 0, COMPLETION_BYTES);
		memcpy(at, &completions[i].completion, sizeof(uint32_t));
		memcpy(at + completions[i].status_at, &failed, sizeof(failed));
		return true;
	}
	// Others may be completed with nothing.
	return vmbus_ring_put(to_guest, VMBUS_PACKET_COMPLETION, false, p->transaction, 0, 0) !=
	       NULL;
}

static void drain_rings(struct vmbus_channel *c)
{
	const uint64_t one = 1;
	struct vmbus_packet p;

	for (int i = 0; i < RECORDS_PER_RUN && vmbus_ring_peek(&c->from_guest, &p) > 0; i++) {
		if (p.wants_completion && !complete(&c->to_guest, &p))
			break;
		vmbus_ring_take(&c->from_guest, &p);
	}
	vmbus_ring_publish_write(&c->to_guest);
	vmbus_ring_publish_read(&c->from_guest);
	// Whatever the provider left unsaid. The flag may be set, and its interrupt lost.
	vmbus_channel_interrupt(c);
	if (c->call_fd >= 0 && write(c->call_fd, &one, sizeof(one)) != sizeof(one))
		return; // full is as good as written
}

static void drain_channel(struct vsp_link *link, uint32_t index, const struct gpadl *g,
	const struct vmbus_open_params *p)
{
	struct vmbus_channel c = {
		.index = index,
		.mem = link->options.mem,
		.call_fd = link->channel[index].call_fd,
		.place = &link->places[index],
	};

	if (vmbus_ring_map(&c.from_guest, c.mem, g, 0, p->downstream_page) < 0)
		return;
	if (vmbus_ring_map(&c.to_guest, c.mem, g, p->downstream_page,
		    g->n_pages - p->downstream_page) == 0) {
		vmbus_ring_be_reader(&c.from_guest);
		vmbus_ring_be_writer(&c.to_guest);
		drain_rings(&c);
		vmbus_ring_unmap(&c.to_guest);
	}
	vmbus_ring_unmap(&c.from_guest);
}

bool vsp_drain(struct vsp_link *link)
{
	struct vmbus_open_params p;
	const struct gpadl *g;
	bool is_open = false;

	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++) {
		if (!link->channel[i].open || !vmbus_channel_is_open(link->device, i, &p))
			continue;
		is_open = true;
		g = NULL;
		while ((g = vmbus_next_gpadl(link->device, g)) != NULL && g->id != p.ring_gpadl)
			;
		if (g != NULL)
			drain_channel(link, i, g, &p);
	}
	return is_open;
}
