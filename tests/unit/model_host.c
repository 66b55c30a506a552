/* SPDX-License-Identifier: BSD-3-Clause */
// The other end of a model guest: a netvsp over a mapping of its own.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <netvsp/record.h>

#include "model_guest.h"

static const uint8_t model_mac[6] = {0x02, 0x15, 0x5d, 0, 0, 1};

static const struct gpadl *find_gpadl(void *arg, uint32_t id)
{
	struct model_host *h = arg;

	errno = h->late ? EAGAIN : ENOENT;
	if (h->late)
		return NULL;
	return id == MODEL_RECEIVE ? &h->receive : id == MODEL_SEND ? &h->send : NULL;
}

static void want_subchannels(void *arg, uint32_t total)
{
	struct model_host *h = arg;

	atomic_store(&h->g->shared->wanted, total);
}

static void changed(void *arg)
{
	((struct model_host *)arg)->n_changes++;
}

static void signal_guest(struct vmbus_channel *channel)
{
	channel->n_signals++;
}

static void keep_frame(struct model_host *h, uint32_t queue, const struct netvsp_frame *f)
{
	struct model_frame *to;
	uint32_t at = 0;

	if (h->n_frames == h->max_frames) {
		h->max_frames = h->max_frames * 2 + 64;
		h->frames = realloc(h->frames, h->max_frames * sizeof(*h->frames));
		assert_non_null(h->frames);
	}
	to = &h->frames[h->n_frames++];
	*to = (struct model_frame){
		.channel = queue,
		.len = f->len,
		.n_parts = f->n_segs,
		.info = f->info,
		.bytes = malloc(f->len),
	};
	assert_non_null(to->bytes);
	for (uint32_t i = 0; i < f->n_segs; i++) {
		assert_true(at + f->seg[i].iov_len <= f->len);
		memcpy(to->bytes + at, f->seg[i].iov_base, f->seg[i].iov_len);
		at += f->seg[i].iov_len;
	}
	assert_int_equal(at, f->len);
}

static int open_channel(struct model_host *h, uint32_t i, bool resume)
{
	uint32_t n = 2 * (h->g->o.ring_pages + 1);
	uint64_t *pfn = malloc(n * sizeof(*pfn));
	struct vmbus_channel *c = &h->channel[i];
	int rc;

	*c = (struct vmbus_channel){.index = i, .mem = &h->mem, .signal = signal_guest};
	for (uint32_t k = 0; k < n; k++)
		pfn[k] = model_ring_page(h->g, i, k);
	rc = gpadl_init(&h->ring[i], &h->mem, 1 + i, 0, n * GUEST_PAGE_SIZE, pfn, n);
	free(pfn);
	if (rc == 0)
		rc = vmbus_ring_map(&c->from_guest, &h->mem, &h->ring[i], 0, n / 2);
	if (rc == 0)
		rc = vmbus_ring_map(&c->to_guest, &h->mem, &h->ring[i], n / 2, n / 2);
	if (rc == 0)
		rc = netvsp_open(h->vsp, i, c, resume);
	if (rc == 0)
		atomic_fetch_or(&h->g->shared->opened, 1ull << i);
	return rc;
}

static void unmap_channel(struct model_host *h, uint32_t i)
{
	vmbus_ring_unmap(&h->channel[i].from_guest);
	vmbus_ring_unmap(&h->channel[i].to_guest);
	gpadl_fini(&h->ring[i]);
	h->n_signals[i] += h->channel[i].n_signals;
	h->channel[i] = (struct vmbus_channel){};
}

static void close_channel(struct model_host *h, uint32_t i)
{
	netvsp_close(h->vsp, i);
	unmap_channel(h, i);
	atomic_fetch_and(&h->g->shared->opened, ~(1ull << i));
}

int model_host_start(struct model_host *h, struct model_guest *g, bool resume)
{
	struct netvsp_options o = {
		.max_mtu = g->o.max_mtu,
		.max_queues = g->o.max_queues,
		.friendly_name = g->o.friendly_name,
		.record_size = HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP,
		.resume = resume,
		.find_gpadl = find_gpadl,
		.want_subchannels = want_subchannels,
		.changed = changed,
		.arg = h,
	};
	char reason[128] = "";
	int rc = 0;

	*h = (struct model_host){.g = g, .take = keep_frame};
	assert_int_equal(guest_mem_add(&h->mem, 0, g->mem_size, g->memfd, 0), 0);
	assert_int_equal(gpadl_init(&h->receive, &h->mem, MODEL_RECEIVE, 0, g->receive.byte_count,
				 g->receive.pfn, g->receive.n_pages),
		0);
	assert_int_equal(gpadl_init(&h->send, &h->mem, MODEL_SEND, 0, g->send.byte_count,
				 g->send.pfn, g->send.n_pages),
		0);
	h->record = mmap(
		NULL, HANDOVER_RECORD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g->record_fd, 0);
	assert_ptr_not_equal(h->record, MAP_FAILED);
	memcpy(o.mac, model_mac, sizeof(o.mac));
	o.record = h->record + HANDOVER_RECORD_VSP;
	h->vsp = netvsp_create(&o, reason, sizeof(reason));
	if (h->vsp == NULL)
		return -errno;
	netvsp_set_link(h->vsp, true, 10000);
	for (uint32_t i = 0; i < MODEL_CHANNELS && rc == 0 && resume; i++)
		if (atomic_load(&g->shared->opened) >> i & 1)
			rc = open_channel(h, i, true);
	return rc;
}

static void follow_guest(struct model_host *h)
{
	uint64_t open = atomic_load(&h->g->shared->open),
		 opened = atomic_load(&h->g->shared->opened);

	for (uint32_t i = MODEL_CHANNELS; i-- > 0 && open != opened;)
		if ((opened & ~open) >> i & 1)
			close_channel(h, i);
	for (uint32_t i = 0; i < MODEL_CHANNELS && open != opened; i++)
		if ((open & ~opened) >> i & 1)
			assert_int_equal(open_channel(h, i, false), 0);
}

void model_host_run(void *arg)
{
	struct netvsp_frame frames[NETVSP_BURST];
	struct model_host *h = arg;
	int n;

	follow_guest(h);
	for (uint32_t q = 0; q < h->g->o.max_queues; q++) {
		n = netvsp_poll_from_guest(h->vsp, q, frames, NETVSP_BURST);
		for (int i = 0; i < n; i++)
			h->take(h, q, &frames[i]);
		if (n < 0)
			h->poll_error = n;
		netvsp_complete(h->vsp, q);
	}
}

static void let_go(struct model_host *h)
{
	for (uint32_t i = 0; i < h->n_frames; i++)
		free(h->frames[i].bytes);
	free(h->frames);
	netvsp_destroy(h->vsp);
	gpadl_fini(&h->receive);
	gpadl_fini(&h->send);
	guest_mem_clear(&h->mem);
	munmap(h->record, HANDOVER_RECORD_SIZE);
}

void model_host_stop(struct model_host *h)
{
	for (uint32_t i = MODEL_CHANNELS; i-- > 0;)
		if (h->channel[i].mem != NULL)
			close_channel(h, i);
	let_go(h);
}

void model_host_abandon(struct model_host *h)
{
	for (uint32_t i = 0; i < MODEL_CHANNELS; i++)
		if (h->channel[i].mem != NULL)
			unmap_channel(h, i);
	let_go(h);
}

int model_host_send(struct model_host *h, uint32_t queue, const uint8_t *frame, uint32_t len,
	const struct ndis_packet_info *info)
{
	const struct ndis_packet_info nothing = {};
	const struct iovec seg = {.iov_base = (void *)frame, .iov_len = len};
	int rc = netvsp_send_to_guest(h->vsp, queue, &seg, 1, len, info != NULL ? info : &nothing);

	netvsp_flush_to_guest(h->vsp, queue);
	return rc;
}

void model_pair(struct model_guest *g, struct model_host *h, const struct model_options *o)
{
	model_guest_init(g, o);
	g->pump = model_host_run;
	g->pump_arg = h;
	assert_int_equal(model_host_start(h, g, false), 0);
	model_connect(g);
}

void model_part(struct model_guest *g, struct model_host *h)
{
	model_host_stop(h);
	model_guest_fini(g);
}
