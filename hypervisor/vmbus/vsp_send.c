/* SPDX-License-Identifier: BSD-3-Clause */
// Messages to the provider.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vsp_link_state.h"

static void listen_for(struct vsp_link *link, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = link->sock};

	epoll_ctl(link->epfd, EPOLL_CTL_MOD, link->sock, &ev);
}

void vsp_send(struct vsp_link *link, const void *msg, size_t len, int fd)
{
	struct vsp_message *m;

	if (link->sock < 0 || link->dropping)
		return;
	if (STAILQ_EMPTY(&link->out) && handover_send(link->sock, msg, len, fd) == 0)
		return;
	// Full; or broken, which vsp_flush() finds once more, where it can be dealt with.
	m = malloc(sizeof(*m) + len);
	if (m == NULL) {
		// A connection with a message missing is worse than none.
		vsp_link_drop(link, VSP_LINK_AWAY, "out of memory", VSP_RETRY_AWAY_MS);
		return;
	}
	m->fd = fd;
	m->len = len;
	memcpy(m->data, msg, len);
	if (STAILQ_EMPTY(&link->out))
		listen_for(link, EPOLLIN | EPOLLOUT);
	STAILQ_INSERT_TAIL(&link->out, m, next);
}

static void drop_first(struct vsp_link *link)
{
	struct vsp_message *m = STAILQ_FIRST(&link->out);

	STAILQ_REMOVE_HEAD(&link->out, next);
	free(m);
}

void vsp_drop_out(struct vsp_link *link)
{
	while (!STAILQ_EMPTY(&link->out))
		drop_first(link);
	if (link->sock >= 0)
		listen_for(link, EPOLLIN);
}

int vsp_flush(struct vsp_link *link)
{
	struct vsp_message *m;
	int ret;

	if (STAILQ_EMPTY(&link->out))
		return 0;
	while ((m = STAILQ_FIRST(&link->out)) != NULL) {
		ret = handover_send(link->sock, m->data, m->len, m->fd);
		if (ret == -EAGAIN)
			return 0;
		if (ret < 0)
			return ret;
		drop_first(link);
	}
	listen_for(link, EPOLLIN);
	if (link->device != NULL)
		vmbus_gpadls_created_done(link->device);
	return 0;
}

void vsp_send_plain(struct vsp_link *link, uint32_t type)
{
	struct handover_plain m = {.hdr = {type, sizeof(m)}};

	vsp_send(link, &m, sizeof(m), -1);
}

void vsp_send_id(struct vsp_link *link, uint32_t type, uint32_t id)
{
	struct handover_id m = {.hdr = {type, sizeof(m)}, .id = id};

	vsp_send(link, &m, sizeof(m), -1);
}

void vsp_send_gpadl(struct vsp_link *link, const struct gpadl *g)
{
	static _Alignas(uint64_t) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	struct handover_gpadl *m = (struct handover_gpadl *)buffer;

	*m = (struct handover_gpadl){
		.hdr.type = HANDOVER_GPADL,
		.id = g->id,
		.byte_offset = g->byte_offset,
		.byte_count = g->byte_count,
		.n_pages = g->n_pages,
	};
	for (m->first = 0; m->first < g->n_pages; m->first += m->count) {
		m->count = g->n_pages - m->first;
		if (m->count > HANDOVER_GPADL_CHUNK)
			m->count = HANDOVER_GPADL_CHUNK;
		m->hdr.len = sizeof(*m) + m->count * sizeof(m->pfn[0]);
		memcpy(m->pfn, g->pfn + m->first, m->count * sizeof(m->pfn[0]));
		vsp_send(link, m, m->hdr.len, -1);
	}
}

void vsp_send_open(
	struct vsp_link *link, uint32_t index, const struct vmbus_open_params *p, bool resume)
{
	struct handover_open m = {
		.hdr = {HANDOVER_OPEN, sizeof(m)},
		.index = index,
		.ring_gpadl = p->ring_gpadl,
		.downstream_page = p->downstream_page,
		.target_vp = p->target_vp,
		.relid = p->relid,
		.flags = resume ? HANDOVER_RESUME : 0,
		.vmbus_version = vmbus_bus_version(link->options.bus),
	};

	link->channel[index].asked_open = true;
	vsp_send(link, &m, sizeof(m), -1);
}
