/* SPDX-License-Identifier: BSD-3-Clause */
// The NIC's life: up, down, and who is to blame.
#include "vsc_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RING_PAGES     128u
#define RECEIVE_BUFFER (9709u * 1728u)
#define SEND_BUFFER    (170u * 6144u)
#define FIRST_GPADL    0xe1e10u
#define DRAIN_SECONDS  10

static uint32_t whole_pages(uint32_t bytes, uint32_t preset)
{
	if (bytes == 0)
		bytes = preset;
	return (bytes + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE * GUEST_PAGE_SIZE;
}

struct vsc *vsc_create(const struct vsc_options *options)
{
	struct vsc *vsc;

	if (options->n_queues < 1 || options->n_queues > VSC_MAX_QUEUES) {
		errno = EINVAL;
		return NULL;
	}
	vsc = calloc(1, sizeof(*vsc));
	if (vsc == NULL)
		return NULL;
	vsc->opt = *options;
	if (vsc->opt.ring_pages == 0)
		vsc->opt.ring_pages = RING_PAGES;
	vsc->opt.receive_buffer = whole_pages(vsc->opt.receive_buffer, RECEIVE_BUFFER);
	vsc->opt.send_buffer = whole_pages(vsc->opt.send_buffer, SEND_BUFFER);
	vsc->next_gpadl = FIRST_GPADL;
	vsc->all_mine = true;
	vsc->filter = VSC_FILTER_UP;
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++) {
		vsc->queue[i].vsc = vsc;
		vsc->queue[i].index = i;
	}
	// Monitor pages, the interrupt page, two pages a VP.
	vsc->n_pages = 3 + 2 * vsc->opt.n_queues;
	vsc->pages = guest_pages_alloc(vsc->opt.pages, vsc->n_pages, GUEST_PAGES_RING);
	if (vsc->pages == 0) {
		free(vsc);
		errno = ENOMEM;
		return NULL;
	}
	return vsc;
}

void vsc_destroy(struct vsc *vsc)
{
	if (vsc == NULL)
		return;
	guest_pages_free(vsc->opt.pages, vsc->pages, vsc->n_pages);
	free(vsc);
}

static bool is_offered(const struct vsc *vsc)
{
	return vsc->offer[0].present && !vsc->offer[0].rescinded;
}

int vsc_attach(struct vsc *vsc)
{
	uint32_t version = vsc->info.vmbus_version;
	int ret = vsc_wait(vsc, is_offered);

	vsc->info = (struct vsc_info){.vmbus_version = version};
	if (ret < 0)
		return ret;
	ret = vsc_open_queue(vsc, 0);
	if (ret == 0)
		ret = vsc_negotiate(vsc);
	if (ret == 0)
		ret = vsc_give_buffers(vsc);
	if (ret == 0)
		ret = vsc_probe(vsc);
	if (ret == 0)
		ret = vsc_start_queues(vsc);
	if (ret == 0) {
		vsc_share_sections(vsc, vsc->info.n_queues);
		ret = vsc_send_filter(vsc, vsc_wanted_filter(vsc));
	}
	if (ret < 0) {
		vsc_detach(vsc, ret != -ENODEV);
		return ret;
	}
	vsc->all_mine = false;
	vsc->opt.ops->resume(vsc->opt.arg, vsc->info.n_queues);
	vsc->opt.ops->link(vsc->opt.arg, vsc->info.link_up);
	return 0;
}

static bool ring_is_empty(const struct vmbus_ring *r)
{
	return atomic_load(&r->hdr->read_index) == atomic_load(&r->hdr->write_index);
}

// Both have said all: nothing out, nothing owed, nothing in the rings.
static bool is_drained(const struct vsc *vsc)
{
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++) {
		const struct vsc_queue *q = &vsc->queue[i];

		if (q->open && !q->broken &&
			(q->requests.n_out > 0 || q->n_owed > 0 || !ring_is_empty(&q->in) ||
				!ring_is_empty(&q->out)))
			return false;
	}
	return true;
}

// As Linux, but with an end to it.
static int drain(struct vsc *vsc)
{
	time_t end = time(NULL) + DRAIN_SECONDS;

	for (;;) {
		int ret;

		vsc_take_messages(vsc);
		vsc_work(vsc);
		if (is_drained(vsc))
			return 0;
		if (time(NULL) > end)
			return -ETIMEDOUT;
		ret = vsc->opt.ops->wait(vsc->opt.arg, 1);
		for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++)
			if (vsc->queue[i].open)
				vsc_disarm(&vsc->queue[i]);
		if (ret < 0)
			return ret;
	}
}

static void say_goodbye(struct vsc *vsc)
{
	if (vsc->info.max_packets > 0 && vsc_send_filter(vsc, 0) < 0)
		return;
	if (drain(vsc) < 0)
		return;
	if (vsc->info.max_packets > 0 && vsc_rndis_halt(vsc) < 0)
		return;
	if (drain(vsc) == 0)
		vsc_revoke_buffers(vsc);
	drain(vsc);
}

void vsc_detach(struct vsc *vsc, bool orderly)
{
	bool excused = vsc->excused;

	if (!vsc->all_mine)
		vsc->opt.ops->pause(vsc->opt.arg);
	vsc->all_mine = true;
	if (vsc->queue[0].open && orderly)
		say_goodbye(vsc);
	else
		vsc->excused = true;
	for (uint32_t i = VSC_MAX_QUEUES; i-- > 0;)
		vsc_close_queue(&vsc->queue[i]);
	vsc->excused = excused;
	vsc_take_back(vsc, &vsc->receive);
	vsc_take_back(vsc, &vsc->send);
	vsc->info.n_receive = vsc->info.n_send = vsc->info.max_packets = 0;
	if (vsc->info.link_up)
		vsc->opt.ops->link(vsc->opt.arg, false);
	vsc->info.link_up = false;
}

void vsc_set_mtu(struct vsc *vsc, uint32_t mtu)
{
	vsc->opt.mtu = mtu;
}

const struct vsc_info *vsc_get_info(const struct vsc *vsc)
{
	return &vsc->info;
}

const struct vsc_stats *vsc_get_stats(const struct vsc *vsc, uint32_t queue)
{
	return &vsc->queue[queue].stats;
}

struct vsc_queue *vsc_queue(struct vsc *vsc, uint32_t index)
{
	return &vsc->queue[index];
}

void vsc_excuse(struct vsc *vsc, bool excused)
{
	vsc->excused = excused;
}

void vsc_blame(struct vsc_queue *q, _Atomic uint64_t *counter, const char *what)
{
	stat_add(counter, 1);
	if (q->fault == NULL)
		q->fault = what;
}

const char *vsc_fault(const struct vsc *vsc)
{
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++)
		if (vsc->queue[i].fault != NULL)
			return vsc->queue[i].fault;
	return "";
}
