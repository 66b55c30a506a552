/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_netvsp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct netvsp *fake_netvsp;
unsigned fake_left_open;
int fake_create_errno;
bool fake_netvsp_may_be_touched = true;

static void touch(void)
{
	if (!fake_netvsp_may_be_touched)
		abort();
}

struct netvsp *netvsp_create(const struct netvsp_options *options, char *reason, size_t size)
{
	if (fake_create_errno != 0) {
		snprintf(reason, size, "made to fail");
		errno = fake_create_errno;
		return NULL;
	}
	fake_netvsp = calloc(1, sizeof(*fake_netvsp));
	fake_netvsp->options = *options;
	return fake_netvsp;
}

void netvsp_destroy(struct netvsp *vsp)
{
	if (vsp == NULL)
		return;
	touch();
	fake_left_open = 0;
	for (unsigned i = 0; i < NETVSP_MAX_QUEUES; i++)
		fake_left_open += vsp->channel[i] != NULL;
	free(vsp);
	fake_netvsp = NULL;
}

int netvsp_open(struct netvsp *vsp, uint32_t index, struct vmbus_channel *channel, bool)
{
	touch();
	if (vsp->open_result != 0)
		return vsp->open_result;
	vsp->channel[index] = channel;
	vsp->n_opened++;
	return 0;
}

void netvsp_close(struct netvsp *vsp, uint32_t index)
{
	touch();
	vsp->channel[index] = NULL;
	vsp->n_closed++;
}

void netvsp_forget_gpadl(struct netvsp *vsp, uint32_t)
{
	touch();
	vsp->buffer = NULL;
}

int netvsp_poll_from_guest(
	struct netvsp *vsp, uint32_t queue, struct netvsp_frame *frames, unsigned max)
{
	unsigned n = queue == vsp->queue ? vsp->n_frames : 0;

	touch();
	vsp->n_polls++;
	if (vsp->poll_usec > 0)
		usleep(vsp->poll_usec);
	if (n > max)
		n = max;
	if (n > 0)
		memcpy(frames, vsp->frame, n * sizeof(*frames));
	if (queue == vsp->queue)
		vsp->n_frames -= n;
	return (int)n;
}

void netvsp_complete(struct netvsp *vsp, uint32_t)
{
	touch();
	vsp->n_completed++;
}

bool netvsp_hash(const struct netvsp *vsp, const uint8_t *frame, uint32_t len, uint32_t *hash)
{
	*hash = len > 13 ? frame[len - 1] : 0;
	return vsp->hashes;
}

uint32_t netvsp_queue_of(const struct netvsp *, uint32_t hash)
{
	return hash % 2;
}

int netvsp_send_to_guest(struct netvsp *vsp, uint32_t queue, const struct iovec *seg,
	unsigned n_segs, uint32_t len, const struct ndis_packet_info *info)
{
	int answer = vsp->answers != NULL ? *vsp->answers++ : 0;

	touch();
	if (answer != 0)
		return answer;
	vsp->sent_len = 0;
	for (unsigned i = 0; i < n_segs; i++) {
		memcpy(vsp->sent + vsp->sent_len, seg[i].iov_base, seg[i].iov_len);
		vsp->sent_len += seg[i].iov_len;
	}
	if (vsp->sent_len != len)
		abort();
	vsp->sent_queue = queue;
	vsp->sent_info = *info;
	vsp->n_sent++;
	return 0;
}

void netvsp_flush_to_guest(struct netvsp *vsp, uint32_t)
{
	touch();
	vsp->n_flushed++;
}

bool netvsp_takes_large(const struct netvsp *vsp, bool)
{
	return vsp->takes_large;
}

bool netvsp_arm(struct netvsp *vsp)
{
	touch();
	vsp->armed = true;
	return vsp->n_frames == 0;
}

void netvsp_disarm(struct netvsp *vsp)
{
	touch();
	vsp->armed = false;
}

void netvsp_set_link(struct netvsp *vsp, bool up, uint32_t)
{
	vsp->link_up = up;
}

void netvsp_set_max_mtu(struct netvsp *vsp, uint16_t max_mtu)
{
	vsp->options.max_mtu = max_mtu;
}

void netvsp_get_status(const struct netvsp *vsp, struct netvsp_status *status)
{
	memset(status, 0, sizeof(*status));
	status->stage = vsp->stage;
	for (unsigned i = 0; i < NETVSP_MAX_QUEUES; i++)
		status->queue[i].open = vsp->channel[i] != NULL;
	status->failed = vsp->failed;
	if (vsp->failed)
		snprintf(status->error, sizeof(status->error), "a bad ring");
}
