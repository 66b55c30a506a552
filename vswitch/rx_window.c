/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx_window.h"

#include <string.h>

static __thread struct rx_window window;

static uint32_t room_of(struct rte_mempool *pool)
{
	uint16_t size = rte_pktmbuf_data_room_size(pool);

	return size > RTE_PKTMBUF_HEADROOM ? size - RTE_PKTMBUF_HEADROOM : 0;
}

bool rx_window_fits(struct rte_mempool *pool)
{
	return room_of(pool) * (RX_WINDOW_MBUFS * 3 / 4) >= RX_FRAME_MAX;
}

struct rx_window *rx_window_of(struct rte_mempool *pool)
{
	struct rx_window *win = &window;

	if (unlikely(win->pool != pool)) {
		if (win->filled > win->head)
			rte_mempool_put_bulk(
				win->pool, (void **)&win->mbuf[win->head], win->filled - win->head);
		win->pool = pool;
		win->room = room_of(pool);
		win->need = (RX_FRAME_MAX + win->room - 1) / win->room;
		win->head = win->filled = 0;
	}
	return rx_window_ready(win) ? win : NULL;
}

bool rx_window_fill(struct rx_window *win)
{
	unsigned left = win->filled - win->head;

	memmove(win->mbuf, &win->mbuf[win->head], left * sizeof(win->mbuf[0]));
	win->head = 0;
	win->filled = left;
	if (rte_mempool_get_bulk(win->pool, (void **)&win->mbuf[left], RX_WINDOW_MBUFS - left) == 0)
		win->filled = RX_WINDOW_MBUFS;
	for (unsigned i = 0; i < win->filled; i++) {
		win->iov[i + 1].iov_base = (char *)win->mbuf[i]->buf_addr + RTE_PKTMBUF_HEADROOM;
		win->iov[i + 1].iov_len = win->room;
	}
	return win->filled >= win->need;
}
