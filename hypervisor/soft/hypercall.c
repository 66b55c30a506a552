/* SPDX-License-Identifier: BSD-3-Clause */
#include "hypercall.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int hypercall_init(struct hypercall *h)
{
	memset(h, 0, sizeof(*h));
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->done, NULL);
	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return h->fd < 0 ? -errno : 0;
}

void hypercall_fini(struct hypercall *h)
{
	if (h->fd >= 0)
		close(h->fd);
	pthread_cond_destroy(&h->done);
	pthread_mutex_destroy(&h->lock);
}

int hypercall_post(struct hypercall *h, uint32_t connection_id, const void *msg, size_t len)
{
	int ret;

	if (len > sizeof(h->msg))
		return -EINVAL;
	pthread_mutex_lock(&h->lock);
	memcpy(h->msg, msg, len);
	h->connection_id = connection_id;
	h->len = len;
	h->waits = true;
	eventfd_write(h->fd, 1);
	while (h->waits && !h->closed)
		pthread_cond_wait(&h->done, &h->lock);
	ret = h->waits ? -ECANCELED : h->ret;
	h->waits = false;
	pthread_mutex_unlock(&h->lock);
	return ret;
}

void hypercall_run(struct hypercall *h,
	int (*handle)(void *arg, uint32_t connection_id, const void *msg, size_t len), void *arg)
{
	eventfd_t n;

	eventfd_read(h->fd, &n);
	pthread_mutex_lock(&h->lock);
	if (h->waits) {
		h->ret = handle(arg, h->connection_id, h->msg, h->len);
		h->waits = false;
		pthread_cond_signal(&h->done);
	}
	pthread_mutex_unlock(&h->lock);
}

void hypercall_close(struct hypercall *h)
{
	pthread_mutex_lock(&h->lock);
	h->closed = true;
	pthread_cond_broadcast(&h->done);
	pthread_mutex_unlock(&h->lock);
}
