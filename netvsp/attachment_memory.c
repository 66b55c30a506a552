/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's memory and the page lists it lends us.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachment_parts.h"

static const char *memory_error(int err)
{
	switch (err) {
	case -EPERM: return "is no memfd that is sealed against shrinking and writable";
	case -EINVAL: return "is not whole pages of its file";
	case -EEXIST: return "overlaps another";
	default: return strerror(-err);
	}
}

int attachment_take_region(struct attachment *a, const void *msg, size_t, int fd)
{
	const uid_t uid = a->info.uid;
	struct handover_region r;
	int ret;

	memcpy(&r, msg, sizeof(r));
	if (a->mem.n >= a->info.hello.n_regions)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "more regions than were said");
	if (r.size > ATTACHMENT_MEMORY_MAX - a->info.memory)
		return attachment_refuse(a, HANDOVER_R_LIMIT, "a guest has 1 TiB at most");
	if (r.size > ATTACHMENT_MEMORY_OF_ALL - attachment_memory(NULL) ||
		(uid != 0 && uid != geteuid() &&
			r.size > ATTACHMENT_MEMORY_OF_USER - attachment_memory(&uid)))
		return attachment_refuse(
			a, HANDOVER_R_LIMIT, "guests have too much memory between them");
	ret = guest_mem_add(&a->mem, r.gpa, r.size, fd, r.offset);
	if (ret < 0)
		return attachment_refuse(
			a, HANDOVER_R_MEMORY, "a region of memory %s", memory_error(ret));
	a->info.memory += r.size;
	return 0;
}

struct gpadl *attachment_find_gpadl(const struct attachment *a, uint32_t id)
{
	for (uint32_t i = 0; i < a->n_gpadls; i++)
		if (a->gpadl[i]->id == id)
			return a->gpadl[i];
	return NULL;
}

static void drop_coming(struct attachment *a)
{
	free(a->coming_pfn);
	a->coming_pfn = NULL;
	a->coming_at = 0;
}

static int begin_list(struct attachment *a, const struct handover_gpadl *g)
{
	if (attachment_find_gpadl(a, g->id) != NULL)
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "page list %#x is there already", g->id);
	if (g->n_pages == 0 || g->n_pages > GPADL_MAX_PAGES || g->first != 0)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "a page list of %u pages from %u",
			g->n_pages, g->first);
	if (a->n_gpadls == VMBUS_MAX_GPADLS ||
		g->n_pages * (uint64_t)GUEST_PAGE_SIZE > VMBUS_MAX_GPADL_BYTES - a->gpadl_bytes)
		return attachment_refuse(a, HANDOVER_R_LIMIT, "too many page lists, or too long");
	a->coming_pfn = malloc(g->n_pages * sizeof(*a->coming_pfn));
	if (a->coming_pfn == NULL)
		return attachment_refuse(a, HANDOVER_R_LIMIT, "out of memory");
	a->coming = *g;
	return 0;
}

static int add_list(struct attachment *a)
{
	const struct handover_gpadl *c = &a->coming;
	struct gpadl *g = malloc(sizeof(*g));
	int ret;

	if (g == NULL)
		return attachment_refuse(a, HANDOVER_R_LIMIT, "out of memory");
	ret = gpadl_init(
		g, &a->mem, c->id, c->byte_offset, c->byte_count, a->coming_pfn, c->n_pages);
	if (ret < 0) {
		free(g);
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "page list %#x: %s", c->id,
			ret == -EFAULT ? "a page is no memory of the guest" : strerror(-ret));
	}
	drop_coming(a);
	// The thread that polls looks into the table.
	attachment_pause(a);
	a->gpadl[a->n_gpadls++] = g;
	a->gpadl_bytes += g->n_pages * (uint64_t)GUEST_PAGE_SIZE;
	attachment_resume(a);
	return 0;
}

int attachment_take_gpadl(struct attachment *a, const void *msg, size_t len, int)
{
	const uint8_t *pfns = (const uint8_t *)msg + sizeof(struct handover_gpadl);
	const struct handover_gpadl *c = &a->coming;
	struct handover_gpadl g;
	int ret;

	memcpy(&g, msg, sizeof(g));
	if (g.count == 0 || g.count > HANDOVER_GPADL_CHUNK ||
		len != sizeof(g) + g.count * sizeof(uint64_t))
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "%u page numbers in %zu bytes", g.count, len);
	if (a->coming_pfn == NULL) {
		ret = begin_list(a, &g);
		if (ret < 0)
			return ret;
	}
	if (g.id != c->id || g.byte_offset != c->byte_offset || g.byte_count != c->byte_count ||
		g.n_pages != c->n_pages || g.first != a->coming_at ||
		g.count > c->n_pages - a->coming_at)
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "page list %#x: its pieces do not fit", g.id);
	memcpy(a->coming_pfn + a->coming_at, pfns, g.count * sizeof(uint64_t));
	a->coming_at += g.count;
	return a->coming_at == c->n_pages ? add_list(a) : 0;
}

int attachment_take_teardown(struct attachment *a, const void *msg, size_t, int)
{
	struct handover_id id;
	struct gpadl *g;

	memcpy(&id, msg, sizeof(id));
	g = attachment_find_gpadl(a, id.id);
	if (g != NULL) {
		attachment_pause(a);
		// A buffer that the guest has taken back by a message still in the ring, too.
		netvsp_forget_gpadl(a->vsp, g->id);
		// A ring in use is not ours to keep: the guest has lost its channels.
		if (g->in_use > 0)
			attachment_close_channels(a);
		for (uint32_t i = 0; i < a->n_gpadls; i++)
			if (a->gpadl[i] == g)
				a->gpadl[i] = a->gpadl[a->n_gpadls - 1];
		a->n_gpadls--;
		a->gpadl_bytes -= g->n_pages * (uint64_t)GUEST_PAGE_SIZE;
		attachment_resume(a);
		gpadl_fini(g);
		free(g);
	}
	return attachment_reply_id(a, HANDOVER_GPADL_GONE, id.id);
}

void attachment_drop_memory(struct attachment *a)
{
	drop_coming(a);
	while (a->n_gpadls > 0) {
		struct gpadl *g = a->gpadl[--a->n_gpadls];

		gpadl_fini(g);
		free(g);
	}
	guest_mem_clear(&a->mem);
}
