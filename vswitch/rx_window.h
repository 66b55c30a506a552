/* SPDX-License-Identifier: BSD-3-Clause */
// Room for the next frame a system call will write: a row of empty mbufs wide enough for the
// largest frame there is, so that nothing is copied and nothing cut. What a frame leaves over
// is room for the next one. One row per thread, shared by all ports it reads.
#pragma once

#include <stdbool.h>
#include <sys/uio.h>

#include <rte_mbuf.h>

#define RX_WINDOW_MBUFS 64
#define RX_FRAME_MAX    (65536 + 64) // an IP datagram and its link headers

struct rx_window {
	struct rte_mempool *pool;
	uint32_t room;   // bytes per mbuf
	unsigned need;   // mbufs for the largest frame
	unsigned head;   // first empty mbuf
	unsigned filled; // end of the row
	struct rte_mbuf *mbuf[RX_WINDOW_MBUFS];
	struct iovec iov[1 + RX_WINDOW_MBUFS]; // [i + 1] is mbuf[i]
};

// Whether mbufs of the pool are large enough for a window.
bool rx_window_fits(struct rte_mempool *pool);

// The calling thread's window. NULL: the pool has run out.
struct rx_window *rx_window_of(struct rte_mempool *pool);

bool rx_window_fill(struct rx_window *win);

// need + 1 elements, of which the first is hdr.
static inline struct iovec *rx_window_iov(struct rx_window *win, void *hdr, size_t hdr_len)
{
	struct iovec *iov = &win->iov[win->head];

	iov->iov_base = hdr;
	iov->iov_len = hdr_len;
	return iov;
}

// A frame of len bytes (at most RX_FRAME_MAX) was written: the caller's from now on.
static inline struct rte_mbuf *rx_window_take(struct rx_window *win, uint32_t len)
{
	struct rte_mbuf *first = win->mbuf[win->head++], *last = first;

	rte_pktmbuf_reset(first);
	first->pkt_len = len;
	while (unlikely(len > win->room)) {
		last->data_len = win->room;
		len -= win->room;
		last->next = win->mbuf[win->head++];
		last = last->next;
		rte_pktmbuf_reset(last);
		first->nb_segs++;
	}
	last->data_len = len;
	return first;
}

static inline bool rx_window_ready(struct rx_window *win)
{
	return likely(win->filled - win->head >= win->need) || rx_window_fill(win);
}
