/* SPDX-License-Identifier: BSD-3-Clause */
// Page lists and channels.
#include "vsc_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PFNS_IN_HEADER 26u
#define PFNS_IN_BODY   28u

static int post_header(struct vsc *vsc, const struct lent_pages *pages)
{
	struct {
		struct vmbus_gpadl_header head;
		uint32_t byte_count, byte_offset;
		uint64_t pfn[PFNS_IN_HEADER];
	} __attribute__((packed)) m = {
		.head.hdr.type = VMBUS_GPADL_HEADER,
		.head.relid = pages->relid,
		.head.gpadl = pages->gpadl,
		.head.range_buflen = 8 + 8 * pages->n_pages,
		.head.range_count = 1,
		.byte_count = pages->n_pages * GUEST_PAGE_SIZE,
	};
	uint32_t n = pages->n_pages < PFNS_IN_HEADER ? pages->n_pages : PFNS_IN_HEADER;

	static_assert(sizeof(m) <= VMBUS_MESSAGE_MAX);
	for (uint32_t i = 0; i < n; i++)
		m.pfn[i] = (pages->gpa >> GUEST_PAGE_SHIFT) + i;
	return vsc_post(vsc, &m, sizeof(m) - sizeof(m.pfn) + n * 8);
}

static int post_body(struct vsc *vsc, const struct lent_pages *pages, uint32_t first)
{
	struct {
		struct vmbus_gpadl_body head;
		uint64_t pfn[PFNS_IN_BODY];
	} __attribute__((packed)) m = {
		.head.hdr.type = VMBUS_GPADL_BODY,
		.head.gpadl = pages->gpadl,
	};
	uint32_t left = pages->n_pages - first, n = left < PFNS_IN_BODY ? left : PFNS_IN_BODY;

	for (uint32_t i = 0; i < n; i++)
		m.pfn[i] = (pages->gpa >> GUEST_PAGE_SHIFT) + first + i;
	return vsc_post(vsc, &m, sizeof(m.head) + n * 8);
}

int vsc_lend(struct vsc *vsc, struct lent_pages *pages, uint32_t relid, uint32_t n,
	enum guest_pages_use use)
{
	int ret;

	*pages = (struct lent_pages){.n_pages = n, .relid = relid};
	if (n > GPADL_MAX_PAGES)
		return -E2BIG;
	pages->gpa = guest_pages_alloc(vsc->opt.pages, n, use);
	if (pages->gpa == 0)
		return -ENOMEM;
	pages->base = guest_pages_at(vsc->opt.pages, pages->gpa);
	pages->gpadl = vsc->next_gpadl++;
	vsc_expect(vsc, VMBUS_GPADL_CREATED, pages->gpadl);
	ret = post_header(vsc, pages);
	for (uint32_t at = PFNS_IN_HEADER; at < n && ret == 0; at += PFNS_IN_BODY)
		ret = post_body(vsc, pages, at);
	if (ret == 0)
		ret = vsc_wait_answer(vsc);
	if (ret == 0 && vsc->answer.value != 0)
		ret = -EREMOTEIO;
	if (ret < 0) {
		// A list that was refused, or is not there because nobody answers.
		guest_pages_free(vsc->opt.pages, pages->gpa, n);
		*pages = (struct lent_pages){};
	}
	return ret;
}

void vsc_take_back(struct vsc *vsc, struct lent_pages *pages)
{
	struct vmbus_gpadl_teardown m = {
		.hdr.type = VMBUS_GPADL_TEARDOWN,
		.relid = pages->relid,
		.gpadl = pages->gpadl,
	};

	if (pages->gpadl == 0)
		return;
	vsc_expect(vsc, VMBUS_GPADL_TORNDOWN, pages->gpadl);
	if (vsc_post(vsc, &m, sizeof(m)) == 0)
		while (vsc_wait_answer(vsc) == -ENODEV && vsc->opt.ops->wait(vsc->opt.arg, 1) == 0)
			; // rescinded: the answer comes all the same
	guest_pages_free(vsc->opt.pages, pages->gpa, pages->n_pages);
	*pages = (struct lent_pages){};
}

static int map_rings(struct vsc_queue *q, uint32_t n)
{
	struct vsc *vsc = q->vsc;
	uint64_t first = q->ring.gpa >> GUEST_PAGE_SHIFT, *pfn = calloc(2 * n, sizeof(*pfn));
	int ret;

	if (pfn == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * n; i++)
		pfn[i] = first + i;
	ret = gpadl_init(&q->ring_list, &vsc->opt.pages->mem, q->ring.gpadl, 0,
		2 * n * GUEST_PAGE_SIZE, pfn, 2 * n);
	free(pfn);
	if (ret < 0)
		return ret;
	ret = vmbus_ring_map(&q->out, &vsc->opt.pages->mem, &q->ring_list, 0, n);
	if (ret == 0)
		ret = vmbus_ring_map(&q->in, &vsc->opt.pages->mem, &q->ring_list, n, n);
	if (ret < 0) {
		vmbus_ring_unmap(&q->out);
		gpadl_fini(&q->ring_list);
		return ret;
	}
	vmbus_ring_be_writer(&q->out);
	vmbus_ring_be_reader(&q->in);
	// As Linux: for both directions.
	atomic_store(&q->in.hdr->feature_bits, VMBUS_RING_FEATURE_PENDING_SEND);
	return 0;
}

static int open_channel(struct vsc_queue *q, uint32_t downstream)
{
	struct vmbus_open_channel m = {
		.hdr.type = VMBUS_OPENCHANNEL,
		.relid = q->relid,
		.open_id = q->relid,
		.ring_gpadl = q->ring.gpadl,
		.target_vp = q->index,
		.downstream_page = downstream,
	};
	int ret;

	vsc_expect(q->vsc, VMBUS_OPENCHANNEL_RESULT, q->relid);
	ret = vsc_post(q->vsc, &m, sizeof(m));
	if (ret == 0)
		ret = vsc_wait_answer(q->vsc);
	if (ret == 0 && q->vsc->answer.value != 0)
		ret = -ECONNREFUSED;
	return ret;
}

static void unmap_rings(struct vsc_queue *q)
{
	vmbus_ring_unmap(&q->out);
	vmbus_ring_unmap(&q->in);
	gpadl_fini(&q->ring_list);
}

void vsc_release(struct vsc *vsc, uint32_t index)
{
	struct vmbus_relid_released m = {
		.hdr.type = VMBUS_RELID_RELEASED, .relid = vsc->offer[index].relid};

	vsc->queue[index].in_use = false;
	if (!vsc->offer[index].rescinded)
		return;
	vsc->offer[index] = (struct offer){};
	vsc_post(vsc, &m, sizeof(m));
}

int vsc_open_queue(struct vsc *vsc, uint32_t index)
{
	struct vsc_queue *q = &vsc->queue[index];
	uint32_t n = vsc->opt.ring_pages;
	int ret;

	q->in_use = true;
	q->relid = vsc->offer[index].relid;
	q->connection_id = vsc->offer[index].connection_id;
	// The pages are cleared, and so are the rings' headers.
	ret = vsc_lend(vsc, &q->ring, q->relid, 2 * n, GUEST_PAGES_RING);
	if (ret < 0)
		goto not_lent;
	ret = map_rings(q, n);
	if (ret < 0)
		goto not_mapped;
	ret = vsc_tx_init(q);
	if (ret < 0)
		goto not_ready;
	ret = open_channel(q, n);
	if (ret < 0)
		goto not_open;
	vmbus_ring_mask(&q->in);
	q->open = true;
	return 0;
not_open:
	vsc_tx_fini(q);
not_ready:
	unmap_rings(q);
not_mapped:
	vsc_take_back(vsc, &q->ring);
not_lent:
	vsc_release(vsc, index);
	return ret;
}

void vsc_close_queue(struct vsc_queue *q)
{
	struct vmbus_close_channel m = {.hdr.type = VMBUS_CLOSECHANNEL, .relid = q->relid};

	if (!q->open)
		return;
	q->open = false;
	vsc_post(q->vsc, &m, sizeof(m));
	if (q->requests.n_out > 0 && !q->vsc->excused) {
		vsc_blame(q, &q->stats.lost, "never completed");
		stat_add(&q->stats.lost, q->requests.n_out - 1);
	}
	vsc_take_back(q->vsc, &q->ring);
	vsc_tx_fini(q);
	unmap_rings(q);
	vsc_release(q->vsc, q->index);
}
