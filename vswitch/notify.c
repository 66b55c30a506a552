/* SPDX-License-Identifier: BSD-3-Clause */
#include "notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#define NOTIFY_SLOTS 1024

static_assert(sizeof(struct notify) % 4 == 0, "an rte_ring element");

static struct rte_ring *ring;
static int fd = -1;
static atomic_bool pending;
static atomic_uint_fast64_t lost;

int notify_init(void)
{
	ring = rte_ring_create_elem("notify", sizeof(struct notify), NOTIFY_SLOTS, SOCKET_ID_ANY,
		RING_F_MP_HTS_ENQ | RING_F_SC_DEQ);
	if (ring == NULL)
		return -ENOMEM;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0) {
		rte_ring_free(ring);
		ring = NULL;
		return -errno;
	}
	return 0;
}

void notify_fini(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	rte_ring_free(ring);
	ring = NULL;
}

int notify_fd(void)
{
	return fd;
}

void notify_post(const struct notify *msg)
{
	struct notify copy = *msg; // the ring's prototype is not const
	uint64_t one = 1;

	if (ring == NULL)
		return;
	if (rte_ring_enqueue_elem(ring, &copy, sizeof(*msg)) != 0) {
		atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
		return;
	}
	// One system call per batch: only the first after the main thread has looked.
	if (!atomic_exchange(&pending, true) && write(fd, &one, sizeof(one)) < 0)
		return;
}

bool notify_take(struct notify *msg)
{
	uint64_t count;

	if (rte_ring_dequeue_elem(ring, msg, sizeof(*msg)) == 0)
		return true;
	if (!atomic_exchange(&pending, false))
		return false;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	return rte_ring_dequeue_elem(ring, msg, sizeof(*msg)) == 0;
}

uint64_t notify_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}
