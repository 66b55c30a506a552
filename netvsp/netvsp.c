/* SPDX-License-Identifier: BSD-3-Clause */
#include "netvsp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/oid.h>
#include <ndis_compat/rndis_packet.h>

#include "vsp.h"

struct netvsp *netvsp_create(const struct netvsp_options *options, char *reason, size_t size)
{
	struct netvsp *vsp;

	if (options->record_size < sizeof(struct netvsp_record)) {
		snprintf(reason, size, "the record has %zu bytes instead of %zu",
			options->record_size, sizeof(struct netvsp_record));
		errno = EILSEQ;
		return NULL;
	}
	vsp = calloc(1, sizeof(*vsp));
	if (vsp == NULL)
		return NULL;
	vsp->opt = *options;
	vsp->record = (struct netvsp_record *)options->record;
	vsp->friendly_name = options->friendly_name ? strdup(options->friendly_name) : NULL;
	vsp->opt.friendly_name = vsp->friendly_name;
	vsp->sections = calloc(NETVSP_MAX_SECTIONS, sizeof(*vsp->sections));
	vsp->free_slots = calloc(NETVSP_MAX_SECTIONS, sizeof(*vsp->free_slots));
	vsp->toeplitz = calloc(1, sizeof(*vsp->toeplitz));
	errno = ENOMEM;
	if (vsp->sections == NULL || vsp->free_slots == NULL || vsp->toeplitz == NULL ||
		(options->friendly_name != NULL && vsp->friendly_name == NULL))
		goto fail;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		vsp->queue[i].index = i;
	if (!options->resume) {
		record_format(vsp->record);
	} else if (record_check(vsp->record, options->record_size, reason, size) != 0) {
		errno = EILSEQ;
		goto fail;
	}
	netvsp_set_max_mtu(vsp, options->max_mtu);
	// A primary that is opened with `resume` takes up what the record says.
	memcpy(vsp->state.mac, options->mac, sizeof(vsp->state.mac));
	vsp_derive(vsp);
	status_publish(vsp, NULL);
	return vsp;
fail:
	netvsp_destroy(vsp);
	return NULL;
}

void netvsp_destroy(struct netvsp *vsp)
{
	if (vsp == NULL)
		return;
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		free(vsp->queue[i].segs);
	free(vsp->toeplitz);
	free(vsp->free_slots);
	free(vsp->sections);
	free(vsp->friendly_name);
	free(vsp);
}

void vsp_derive(struct netvsp *vsp)
{
	const struct netvsp_state *s = &vsp->state;

	vsp->wire_size = s->nvsp_version >= NVSP_VERSION_6_1 ? NVSP_SIZE : NVSP_SIZE_OLD + 4;
	vsp->usable = s->n_receive != 0 ? s->receive_section - SECTION_TAIL : 0;
	vsp->piece = s->n_receive != 0 ? vsp->usable - RNDIS_PACKET_BUILD_MAX : 0;
	vsp->pass = s->filter & NDIS_PACKET_TYPE_PROMISCUOUS ? UINT8_MAX : s->filter;
	vsp->mac48 = 0;
	memcpy(&vsp->mac48, s->mac, sizeof(s->mac));
	vsp->delivering = s->n_receive != 0 && s->rndis_initialized && s->filter != 0;
	for (int i = 0; i < 2; i++)
		atomic_store_explicit(&vsp->takes_large[i],
			vsp->delivering && s->offloads[i == 0 ? OFFLOAD_RSC4 : OFFLOAD_RSC6],
			memory_order_relaxed);
}

void vsp_fail(struct netvsp *vsp, struct netvsp_queue *q, const char *reason)
{
	char text[128];

	snprintf(text, sizeof(text), "channel %u: %s", q->index, reason);
	q->failed = true;
	vsp->tell_change = true;
	status_publish(vsp, text);
}

// Everything the guest had told is forgotten; true from the last commit on.
void vsp_reset_state(struct netvsp *vsp)
{
	struct record_point last;

	memset(&vsp->state, 0, sizeof(vsp->state));
	memcpy(vsp->state.mac, vsp->opt.mac, sizeof(vsp->state.mac));
	if (record_last_commit(vsp->record, 0, &last) == 0)
		vsp->state.commit = last.seq;
	record_put_state(vsp->record, &vsp->state);
	vsp->receive = vsp->send = NULL;
	vsp->dirty = vsp->want = false;
	vsp->garbage_after = 0;
	sections_divide(vsp, 1);
	vsp_derive(vsp);
}

static int open_primary(struct netvsp *vsp, struct vmbus_channel *channel, bool resume)
{
	int err;

	if (resume) {
		err = resume_primary(vsp, channel);
		if (err != 0)
			return err;
	} else {
		vsp_reset_state(vsp);
	}
	return queue_open(vsp, &vsp->queue[0], channel, resume);
}

static int open_subchannel(
	struct netvsp *vsp, uint32_t index, struct vmbus_channel *channel, bool resume)
{
	if (vsp->queue[0].channel == NULL || index > vsp->state.n_granted)
		return -EINVAL;
	// One that was open already may have lost the buffer meanwhile.
	if (vsp->receive == NULL && !resume)
		return -EINVAL;
	// What an earlier life of this channel was lent never comes back.
	if (!resume)
		sections_reclaim(vsp, index);
	return queue_open(vsp, &vsp->queue[index], channel, resume);
}

int netvsp_open(struct netvsp *vsp, uint32_t index, struct vmbus_channel *channel, bool resume)
{
	uint32_t most = resume ? NETVSP_MAX_QUEUES : vsp->opt.max_queues;
	int err;

	if (index >= most || vsp->queue[index].channel != NULL)
		return -EINVAL;
	err = index == 0 ? open_primary(vsp, channel, resume)
	                 : open_subchannel(vsp, index, channel, resume);
	if (err != 0)
		return err;
	status_publish(vsp, NULL);
	if (resume)
		channel->signal(channel);
	return 0;
}

void netvsp_close(struct netvsp *vsp, uint32_t index)
{
	if (index >= NETVSP_MAX_QUEUES || vsp->queue[index].channel == NULL)
		return;
	queue_close(vsp, &vsp->queue[index]);
	if (index == 0)
		vsp_reset_state(vsp);
	status_publish(vsp, NULL);
}

void netvsp_forget_gpadl(struct netvsp *vsp, uint32_t id)
{
	if (vsp->receive != NULL && vsp->receive->id == id)
		receive_buffer_forget(vsp);
	if (vsp->send != NULL && vsp->send->id == id)
		send_buffer_forget(vsp);
	if (!vsp->dirty)
		return;
	// At once: a successor will not find the list any more.
	vsp->dirty = false;
	vsp->state.commit = vsp->queue[0].last.seq;
	record_put_state(vsp->record, &vsp->state);
	status_publish(vsp, NULL);
}

void netvsp_set_max_mtu(struct netvsp *vsp, uint16_t max_mtu)
{
	atomic_store_explicit(&vsp->max_mtu, max_mtu, memory_order_relaxed);
}

void netvsp_set_link(struct netvsp *vsp, bool up, uint32_t speed_mbps)
{
	atomic_store_explicit(&vsp->link, (uint64_t)speed_mbps << 1 | up, memory_order_release);
}
