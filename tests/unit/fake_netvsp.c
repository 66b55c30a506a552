/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_netvsp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int netvsp_poll_from_guest(struct netvsp *vsp, uint32_t, struct netvsp_frame *, unsigned)
{
	touch();
	vsp->n_polls++;
	if (vsp->buffer != NULL)
		((struct gpadl *)vsp->buffer)->in_use = 0;
	return 0;
}

void netvsp_complete(struct netvsp *, uint32_t)
{
	touch();
}

void netvsp_get_status(const struct netvsp *vsp, struct netvsp_status *status)
{
	memset(status, 0, sizeof(*status));
	status->failed = vsp->failed;
	if (vsp->failed)
		snprintf(status->error, sizeof(status->error), "a bad ring");
}
