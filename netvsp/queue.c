/* SPDX-License-Identifier: BSD-3-Clause */
// A channel as a queue: opened, closed, published, and slept upon.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsp.h"

int queue_open(
	struct netvsp *vsp, struct netvsp_queue *q, struct vmbus_channel *channel, bool resume)
{
	struct record_point last;
	int err = 0;

	if (q->segs == NULL)
		q->segs = malloc(SEGS_OF_POLL * sizeof(*q->segs));
	if (q->segs == NULL)
		return -ENOMEM;
	if (record_last_commit(vsp->record, q->index, &last) != 0) {
		if (resume)
			return -EPROTO;
		last.seq = 0; // of no more use: begun anew
	}
	q->last = last;
	if (resume) {
		err = resume_rings(vsp, q, channel);
		if (err != 0)
			return err;
	}
	vmbus_ring_be_reader(&channel->from_guest);
	vmbus_ring_be_writer(&channel->to_guest);
	if (!resume) {
		q->last = (struct record_point){
			.seq = last.seq + 1,
			.read = channel->from_guest.at,
			.write = channel->to_guest.at,
		};
		record_commit(vsp->record, q->index, &q->last);
	}
	vmbus_ring_mask(&channel->from_guest);
	q->channel = channel;
	q->failed = q->polling = q->blocked = false;
	q->max_ranges = q->n_ranges = q->n_segs = 0;
	q->count = (struct netvsp_queue_status){};
	return 0;
}

void queue_close(struct netvsp *vsp, struct netvsp_queue *q)
{
	if (q->channel == NULL)
		return;
	q->max_ranges = q->n_ranges = 0;
	sections_reclaim(vsp, q->index);
	q->channel = NULL;
	free(q->segs);
	q->segs = NULL;
}

// Commits what has been read and written, then lets the guest see it.
static void publish(struct netvsp *vsp, struct netvsp_queue *q)
{
	struct vmbus_channel *channel = q->channel;
	bool state = vsp->dirty && q->index == 0, wake;

	to_guest_close(vsp, q);
	if (q->last.read == channel->from_guest.at && q->last.write == channel->to_guest.at &&
		!state)
		return;
	q->last.seq++;
	q->last.read = channel->from_guest.at;
	q->last.write = channel->to_guest.at;
	if (unlikely(state)) {
		vsp->state.commit = q->last.seq;
		record_put_state(vsp->record, &vsp->state);
		vsp->dirty = false;
	}
	// What the commit names must be in the guest's pages.
	vmbus_ring_flush(&channel->to_guest);
	record_commit(vsp->record, q->index, &q->last);
	wake = vmbus_ring_publish_read(&channel->from_guest);
	netvsp_step();
	if (channel->to_guest.at != channel->to_guest.published) {
		if (vmbus_ring_publish_write(&channel->to_guest))
			wake = true;
		else if (!wake)
			count_up(&q->count.interrupts_spared, 1);
	}
	netvsp_step();
	if (wake) {
		count_up(&q->count.interrupts, 1);
		channel->signal(channel);
	}
	netvsp_step();
}

static void tell_owner(struct netvsp *vsp)
{
	if (vsp->want) {
		vsp->want = false;
		vsp->opt.want_subchannels(vsp->opt.arg, vsp->state.n_granted);
	}
	if (vsp->tell_change) {
		vsp->tell_change = false;
		status_publish(vsp, NULL);
		vsp->opt.changed(vsp->opt.arg);
	}
}

void netvsp_complete(struct netvsp *vsp, uint32_t queue)
{
	struct netvsp_queue *q = &vsp->queue[queue];

	q->polling = false;
	if (likely(q->channel != NULL))
		publish(vsp, q);
	if (unlikely(vsp->want || vsp->tell_change))
		tell_owner(vsp);
}

void netvsp_flush_to_guest(struct netvsp *vsp, uint32_t queue)
{
	struct netvsp_queue *q = &vsp->queue[queue];

	// Between poll and complete the guest's frames are not ours yet.
	if (likely(q->channel != NULL && !q->polling))
		publish(vsp, q);
}

// True: the guest will signal when there is something to do.
static bool arm(struct netvsp_queue *q)
{
	struct vmbus_channel *channel = q->channel;

	if (q->blocked) {
		// The room that a control message and its answer take is enough for any.
		vmbus_ring_want_room(&channel->to_guest, CONTROL_ROOM);
		if (vmbus_ring_room(&channel->to_guest, CONTROL_ROOM) >= CONTROL_ROOM)
			return false;
		vmbus_ring_unmask(&channel->from_guest);
		return true;
	}
	return vmbus_ring_unmask(&channel->from_guest);
}

bool netvsp_arm(struct netvsp *vsp)
{
	bool sleep = !rndis_has_to_tell(vsp);

	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES && sleep; i++)
		if (queue_runs(&vsp->queue[i]))
			sleep = arm(&vsp->queue[i]);
	if (!sleep)
		netvsp_disarm(vsp);
	return sleep;
}

void netvsp_disarm(struct netvsp *vsp)
{
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++) {
		struct netvsp_queue *q = &vsp->queue[i];

		if (!queue_runs(q))
			continue;
		vmbus_ring_mask(&q->channel->from_guest);
		if (q->blocked)
			vmbus_ring_want_room(&q->channel->to_guest, 0);
	}
}
