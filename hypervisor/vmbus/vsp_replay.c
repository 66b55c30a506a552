/* SPDX-License-Identifier: BSD-3-Clause */
// All that a provider must know of a NIC, told in one go: what changes later comes behind it.
#include <string.h>

#include "vsp_link_state.h"

static void send_hello(struct vsp_link *link, bool resume)
{
	const struct vsp_link_options *o = &link->options;
	struct handover_hello m = {
		.hdr = {HANDOVER_HELLO, sizeof(m)},
		.magic = HANDOVER_MAGIC,
		.version_min = HANDOVER_VERSION,
		.version_max = HANDOVER_VERSION,
		.flags = resume ? HANDOVER_RESUME : 0,
		.vmbus_version = vmbus_bus_version(o->bus),
		.n_regions = o->mem->n,
		.n_vps = o->n_vps,
		.instance = o->instance,
		.max_queues = o->max_queues,
		.record_size = HANDOVER_RECORD_SIZE,
	};

	memcpy(m.mac, o->mac, sizeof(m.mac));
	// Their lengths were checked.
	strcpy(m.partition, link->partition);
	strcpy(m.nic, link->nic);
	strcpy(m.port, link->port);
	strcpy(m.software, link->software);
	vsp_send(link, &m, sizeof(m), link->record_fd);
}

static void send_memory(struct vsp_link *link)
{
	const struct guest_mem *mem = link->options.mem;

	for (unsigned i = 0; i < mem->n; i++) {
		struct handover_region m = {
			.hdr = {HANDOVER_REGION, sizeof(m)},
			.gpa = mem->region[i].gpa,
			.size = mem->region[i].size,
			.offset = mem->region[i].offset,
		};

		vsp_send(link, &m, sizeof(m), mem->region[i].fd);
	}
}

static void send_device(struct vsp_link *link)
{
	const struct gpadl *g = NULL;
	struct vmbus_open_params p;

	while ((g = vmbus_next_gpadl(link->device, g)) != NULL)
		vsp_send_gpadl(link, g);
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++)
		if (vmbus_channel_is_open(link->device, i, &p))
			vsp_send_open(link, i, &p, link->channel[i].open);
}

int vsp_replay(struct vsp_link *link)
{
	// With nothing to take up, nothing of the past may be in the way.
	bool resume = link->channel[0].open;
	int ret;

	if (link->record_used && !resume) {
		ret = vsp_record_create(link);
		if (ret < 0)
			return ret;
	}
	send_hello(link, resume);
	send_memory(link);
	if (link->device != NULL)
		send_device(link);
	vsp_send_plain(link, HANDOVER_READY);
	return 0;
}
