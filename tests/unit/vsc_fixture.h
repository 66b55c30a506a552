/* SPDX-License-Identifier: BSD-3-Clause */
// The model guest and the real provider in one thread: hvsoft's driver, the bus between, netvsp
// on the other side. What the guest waits for happens while it waits.
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hypervisor/soft/vsc.h>
#include <hypervisor/soft/vsc_state.h>
#include <hypervisor/vmbus/bus.h>
#include <hypervisor/vmbus/handover.h>
#include <netvsp/netvsp.h>

#define N_QUEUES  4u
#define MAX_LISTS 64
#define MAX_LOG   512
#define PATIENCE  20000 // rounds without an answer

struct logged {
	uint32_t queue, len;
	struct ndis_packet_info info;
	uint8_t bytes[70000];
};

static struct guest_pages pages;
static struct synic *synic;
static struct vmbus_bus *bus;
static struct vmbus_device *device;
static struct netvsp *vsp;
static struct vsc *vsc;
static uint8_t record[HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP]
	__attribute__((aligned(GUEST_PAGE_SIZE)));
static struct vmbus_event_place place[N_QUEUES];
static struct vmbus_channel channel[N_QUEUES];
static bool channel_open[N_QUEUES];
static const struct gpadl *lists[MAX_LISTS];
static uint32_t wanted;        // sub-channels to be offered
static int refuse_open;        // status of the next open
static bool host_stands_still; // takes nothing
static bool released;
static struct logged *from_guest, *to_guest;
static unsigned n_from_guest, n_to_guest, n_links, waits;
static bool link_is_up;

// ---- the host

static const struct gpadl *find_list(void *, uint32_t id)
{
	for (unsigned i = 0; i < MAX_LISTS; i++)
		if (lists[i] != NULL && lists[i]->id == id)
			return lists[i];
	errno = ENOENT;
	return NULL;
}

static int on_gpadl_created(void *, const struct gpadl *g)
{
	for (unsigned i = 0; i < MAX_LISTS; i++) {
		if (lists[i] != NULL)
			continue;
		lists[i] = g;
		return 0;
	}
	return -ENOSPC;
}

static void on_gpadl_teardown(void *, uint32_t id)
{
	netvsp_forget_gpadl(vsp, id);
	for (unsigned i = 0; i < MAX_LISTS; i++)
		if (lists[i] != NULL && lists[i]->id == id)
			lists[i] = NULL;
	vmbus_gpadl_torndown_done(device, id);
}

static int open_rings(struct vmbus_channel *ch, const struct vmbus_open_params *params)
{
	const struct gpadl *g = find_list(NULL, params->ring_gpadl);
	uint32_t down = params->downstream_page;
	int ret;

	if (g == NULL)
		return -ENOENT;
	ret = vmbus_ring_map(&ch->from_guest, &pages.mem, g, 0, down);
	if (ret == 0)
		ret = vmbus_ring_map(&ch->to_guest, &pages.mem, g, down, g->n_pages - down);
	if (ret < 0)
		return ret;
	vmbus_ring_be_reader(&ch->from_guest);
	vmbus_ring_be_writer(&ch->to_guest);
	return 0;
}

static void on_open(void *, uint32_t index, const struct vmbus_open_params *params)
{
	struct vmbus_channel *ch = &channel[index];
	int ret = refuse_open;

	assert_true(index < N_QUEUES && !channel_open[index]);
	*ch = (struct vmbus_channel){.index = index,
		.mem = &pages.mem,
		.call_fd = eventfd(0, EFD_NONBLOCK),
		.place = &place[index],
		.signal = vmbus_channel_interrupt};
	place[index].flag = params->relid;
	if (ret == 0)
		ret = open_rings(ch, params);
	if (ret == 0) {
		hv_synic_ops.bind_interrupt(
			synic_hv(synic), params->target_vp, ch->call_fd, &place[index]);
		ret = netvsp_open(vsp, index, ch, false);
	}
	channel_open[index] = ret == 0;
	vmbus_open_done(device, index, ret);
}

static void on_close(void *, uint32_t index)
{
	if (channel_open[index]) {
		netvsp_close(vsp, index);
		vmbus_ring_unmap(&channel[index].from_guest);
		vmbus_ring_unmap(&channel[index].to_guest);
		hv_synic_ops.bind_interrupt(
			synic_hv(synic), UINT32_MAX, channel[index].call_fd, NULL);
		close(channel[index].call_fd);
		channel_open[index] = false;
	}
	vmbus_close_done(device, index);
}

static void on_modify(void *, uint32_t index, uint32_t)
{
	vmbus_modify_done(device, index, 0);
}

static void on_released(void *, bool)
{
	released = true;
}

static const struct vmbus_device_ops device_ops = {
	.gpadl_created = on_gpadl_created,
	.gpadl_teardown = on_gpadl_teardown,
	.open = on_open,
	.close = on_close,
	.modify = on_modify,
	.released = on_released,
};

static void want_subchannels(void *, uint32_t total)
{
	wanted = total;
}

static void on_changed(void *)
{
}

static void log_frame(const struct netvsp_frame *f, uint32_t queue)
{
	struct logged *l = &from_guest[n_from_guest++ % MAX_LOG];
	uint32_t at = 0;

	l->queue = queue;
	l->len = f->len;
	l->info = f->info;
	for (uint32_t i = 0; i < f->n_segs; i++) {
		memcpy(l->bytes + at, f->seg[i].iov_base, f->seg[i].iov_len);
		at += f->seg[i].iov_len;
	}
	assert_int_equal(at, f->len);
}

static void host_run(void)
{
	static struct netvsp_frame frames[NETVSP_BURST];

	if (host_stands_still)
		return;
	for (uint32_t q = 0; q < N_QUEUES; q++) {
		int n;

		if (!channel_open[q])
			continue;
		n = netvsp_poll_from_guest(vsp, q, frames, NETVSP_BURST);
		for (int i = 0; i < n; i++)
			log_frame(&frames[i], q);
		netvsp_complete(vsp, q);
		netvsp_flush_to_guest(vsp, q);
	}
	if (wanted > 0)
		assert_int_equal(vmbus_offer_subchannels(device, wanted), 0);
	wanted = 0;
	vmbus_bus_flush(bus);
}

// ---- the guest

static int guest_post(void *, uint32_t connection_id, const void *msg, size_t len)
{
	return vmbus_bus_message(bus, connection_id, msg, len);
}

static int guest_wait(void *, int)
{
	host_run();
	return ++waits < PATIENCE ? 0 : -ETIMEDOUT;
}

static void guest_receive(void *, uint32_t queue, struct vsc_frame *f)
{
	struct logged *l = &to_guest[n_to_guest++ % MAX_LOG];
	uint32_t at = 0;

	l->queue = queue;
	l->len = f->len;
	l->info = f->info;
	for (unsigned i = 0; i < f->n_segs; i++) {
		memcpy(l->bytes + at, f->seg[i].iov_base, f->seg[i].iov_len);
		at += f->seg[i].iov_len;
	}
	assert_int_equal(at, f->len);
}

static void guest_link(void *, bool up)
{
	link_is_up = up;
	n_links++;
}

static void guest_nothing(void *)
{
}

static void guest_resume(void *, uint32_t)
{
}

static const struct vsc_ops guest_ops = {
	.post = guest_post,
	.wait = guest_wait,
	.receive = guest_receive,
	.link = guest_link,
	.resume = guest_resume,
	.pause = guest_nothing,
};

// All of both until nothing moves any more.
static void run_all(void)
{
	for (unsigned idle = 0; idle < 4; idle++) {
		unsigned n = 0;

		host_run();
		for (uint32_t q = 0; q < N_QUEUES; q++) {
			if (!vsc->queue[q].open)
				continue;
			n += vsc_poll(&vsc->queue[q]);
			vsc_flush(&vsc->queue[q]);
		}
		if (n > 0)
			idle = 0;
	}
}

static uint64_t faults(void)
{
	uint64_t n = 0;

	for (uint32_t q = 0; q < N_QUEUES; q++) {
		const struct vsc_stats *s = vsc_get_stats(vsc, q);

		n += s->bad_completions + s->lost + s->bad_ranges + s->bad_packets;
	}
	if (n > 0)
		print_message("fault: %s\n", vsc_fault(vsc));
	return n;
}

static void offer_nic(void)
{
	static const struct vmbus_guid instance = {{1, 2, 3}};

	device = vmbus_offer(bus, &vmbus_nic_class, &instance, &device_ops, NULL);
	assert_non_null(device);
}

static void host_begin(uint16_t max_mtu)
{
	struct netvsp_options options = {
		.mac = {2, 0, 0, 0, 0, 7},
		.max_mtu = max_mtu,
		.max_queues = N_QUEUES,
		.friendly_name = "port",
		.record = record,
		.record_size = sizeof(record),
		.find_gpadl = find_list,
		.want_subchannels = want_subchannels,
		.changed = on_changed,
	};
	char reason[128];

	assert_int_equal(guest_pages_create(&pages, 160 << 20), 0);
	synic = synic_create(&pages.mem, N_QUEUES);
	assert_non_null(synic);
	bus = vmbus_bus_create(&hv_synic_ops, synic_hv(synic), &pages.mem, N_QUEUES);
	assert_non_null(bus);
	memset(record, 0, sizeof(record));
	vsp = netvsp_create(&options, reason, sizeof(reason));
	assert_non_null(vsp);
	netvsp_set_link(vsp, true, 10000);
	offer_nic();
}

static void guest_begin(const struct vsc_options *given)
{
	struct vsc_options options = *given;

	options.pages = &pages;
	options.synic = synic;
	options.ops = &guest_ops;
	if (options.n_queues == 0)
		options.n_queues = 1;
	if (options.mtu == 0)
		options.mtu = 1500;
	vsc = vsc_create(&options);
	assert_non_null(vsc);
	waits = 0;
}

static void begin(const struct vsc_options *given)
{
	host_begin(9000);
	guest_begin(given);
	assert_int_equal(vsc_connect(vsc), 0);
	assert_int_equal(vsc_attach(vsc), 0);
}

static void end(void)
{
	waits = 0;
	if (vsc->queue[0].open)
		vsc_detach(vsc, true);
	vsc_disconnect(vsc);
	for (unsigned i = 0; i < MAX_LISTS; i++)
		assert_null(lists[i]); // all pages are the guest's again
}

static int setup(void **)
{
	n_from_guest = n_to_guest = n_links = waits = wanted = 0;
	refuse_open = 0;
	host_stands_still = released = link_is_up = false;
	memset(lists, 0, sizeof(lists));
	memset(place, 0, sizeof(place));
	from_guest = calloc(MAX_LOG, sizeof(*from_guest));
	to_guest = calloc(MAX_LOG, sizeof(*to_guest));
	return from_guest != NULL && to_guest != NULL ? 0 : -1;
}

static int teardown(void **)
{
	for (uint32_t q = 0; q < N_QUEUES; q++)
		if (channel_open[q])
			on_close(NULL, q);
	vsc_destroy(vsc);
	netvsp_destroy(vsp);
	vmbus_bus_destroy(bus);
	synic_destroy(synic);
	guest_pages_destroy(&pages);
	free(from_guest);
	free(to_guest);
	return 0;
}
