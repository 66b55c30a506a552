/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "guest_parts.h"

#define MILLISECOND 1000000ll

// ---- what the driver asks of its surroundings

static int op_post(void *arg, uint32_t connection_id, const void *msg, size_t len)
{
	struct guest *guest = arg;
	int ret = hypercall_post(guest->hypercall, connection_id, msg, len);

	if (ret == -EAGAIN)
		usleep(1000);
	return ret;
}

int guest_wait(void *arg, int ms)
{
	struct guest *guest = arg;

	if (atomic_load(&guest->stop)) {
		if (guest->deadline == 0) {
			// Whatever is being waited for is given up; going down may wait again.
			guest->deadline = guest_now() + GUEST_STOP_SECONDS * GUEST_SECOND;
			return -ECANCELED;
		}
		if (guest_now() > guest->deadline)
			return -ETIMEDOUT;
	}
	guest_sleep(&guest->vp[0], ms * MILLISECOND);
	return 0;
}

static void op_receive(void *arg, uint32_t queue, struct vsc_frame *frame)
{
	struct guest *guest = arg;

	guest->ep->ops->receive(guest->ep, queue, frame);
}

static void op_link(void *arg, bool up)
{
	struct guest *guest = arg;

	guest->ep->ops->link(guest->ep, up);
	// A generator begins with the link, on all queues.
	for (uint32_t i = 1; i < guest->opt->queues; i++)
		synic_raise(guest->synic, i);
}

static void op_resume(void *arg, uint32_t n_queues)
{
	struct guest *guest = arg;
	int ret = guest->ep->ops->up(guest->ep, guest->vsc);

	if (ret < 0) {
		fprintf(stderr, "hvsoft: the NIC is up, its other end is not: %s\n",
			strerror(-ret));
		guest->status = ret;
		atomic_store(&guest->stop, true);
		return;
	}
	pthread_mutex_lock(&guest->lock);
	atomic_store(&guest->n_running, n_queues);
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
}

static void op_pause(void *arg)
{
	struct guest *guest = arg;

	pthread_mutex_lock(&guest->lock);
	atomic_store(&guest->n_running, 0);
	for (uint32_t i = 1; i < guest->opt->queues; i++)
		synic_raise(guest->synic, i);
	while (guest->n_serving > 0)
		pthread_cond_wait(&guest->changed, &guest->lock);
	pthread_mutex_unlock(&guest->lock);
}

static const struct vsc_ops vsc_ops = {
	.post = op_post,
	.wait = guest_wait,
	.receive = op_receive,
	.link = op_link,
	.resume = op_resume,
	.pause = op_pause,
};

// ---- threads

static int vp_init(struct guest *guest, uint32_t i)
{
	struct epoll_event ev = {.events = EPOLLIN}, edge = {.events = EPOLLIN | EPOLLET};
	struct epoll_event wish = {.events = EPOLLIN | EPOLLET, .data.u32 = GUEST_WISHES};
	struct vp *vp = &guest->vp[i];
	int fd = guest->ep->ops->fd(guest->ep, i);

	vp->guest = guest;
	vp->index = i;
	vp->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (vp->epoll < 0 ||
		epoll_ctl(vp->epoll, EPOLL_CTL_ADD, synic_fd(guest->synic, i), &ev) < 0 ||
		(fd >= 0 && epoll_ctl(vp->epoll, EPOLL_CTL_ADD, fd, &edge) < 0))
		return -errno;
	fd = i == 0 ? guest->ep->ops->wishes_fd(guest->ep) : -1;
	if (fd >= 0 && epoll_ctl(vp->epoll, EPOLL_CTL_ADD, fd, &wish) < 0)
		return -errno;
	return 0;
}

// On the core of its number among those given.
static void pin(const struct options *opt, uint32_t index, pthread_attr_t *attr)
{
	unsigned skip = opt->n_cpus > 0 ? index % opt->n_cpus : 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE && opt->n_cpus > 0; cpu++) {
		if (!CPU_ISSET(cpu, &opt->cpus) || skip-- > 0)
			continue;
		CPU_SET(cpu, &set);
		pthread_attr_setaffinity_np(attr, sizeof(set), &set);
		return;
	}
}

static int start_thread(struct guest *guest, uint32_t i)
{
	struct vp *vp = &guest->vp[i];
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pin(guest->opt, i, &attr);
	ret = pthread_create(&vp->thread, &attr, i == 0 ? guest_vp0_main : guest_vp_main, vp);
	pthread_attr_destroy(&attr);
	vp->started = ret == 0;
	return -ret;
}

static int create_vsc(struct guest *guest, struct guest_pages *pages)
{
	const struct options *opt = guest->opt;
	struct vsc_options options = {
		.pages = pages,
		.synic = guest->synic,
		.ops = &vsc_ops,
		.arg = guest,
		.n_queues = opt->queues,
		.nvsp_version = opt->nvsp_version,
		.mtu = opt->mtu,
		.no_offloads = opt->no_offloads,
		.no_rsc = opt->no_rsc,
	};

	guest->vsc = vsc_create(&options);
	return guest->vsc != NULL ? 0 : -errno;
}

int guest_start(struct guest *guest, const struct options *opt, struct guest_pages *pages,
	struct synic *synic, struct hypercall *hypercall, struct endpoint *ep)
{
	int ret;

	memset(guest, 0, sizeof(*guest));
	guest->opt = opt;
	guest->synic = synic;
	guest->hypercall = hypercall;
	guest->ep = ep;
	pthread_mutex_init(&guest->lock, NULL);
	pthread_cond_init(&guest->changed, NULL);
	guest->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = guest->ended_fd < 0 ? -errno : create_vsc(guest, pages);
	for (uint32_t i = 0; i < opt->queues && ret == 0; i++)
		ret = vp_init(guest, i);
	for (uint32_t i = opt->queues; i-- > 0 && ret == 0;)
		ret = start_thread(guest, i);
	return ret;
}

void guest_stop(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
	atomic_store(&guest->stop, true);
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
	for (uint32_t i = 0; i < guest->opt->queues; i++)
		synic_raise(guest->synic, i);
}

void guest_join(struct guest *guest)
{
	for (uint32_t i = 0; i < guest->opt->queues; i++) {
		struct vp *vp = &guest->vp[i];

		if (vp->started)
			pthread_join(vp->thread, NULL);
		if (vp->epoll > 0)
			close(vp->epoll);
	}
	vsc_destroy(guest->vsc);
	if (guest->ended_fd >= 0)
		close(guest->ended_fd);
	pthread_cond_destroy(&guest->changed);
	pthread_mutex_destroy(&guest->lock);
}
