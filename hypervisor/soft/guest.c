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

#define MILLISECOND  1000000ll
#define SECOND       1000000000ll
#define STOP_SECONDS 5
#define WISHES       1u // among an epoll's events
#define RETRY_MS     1000
#define PAUSES       16
#define LOOK_ROUNDS  65536 // at the other end's wishes, for who never sleeps

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

// Until something comes for the VP, or its end, or ns have passed; < 0: however long.
static void sleep_until_woken(struct vp *vp, int64_t ns)
{
	struct epoll_event ev[4];
	struct timespec ts = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};

	int n = epoll_pwait2(vp->epoll, ev, 4, ns < 0 ? NULL : &ts, NULL);

	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 == WISHES)
			vp->look = true;
}

// ---- what the driver asks of its surroundings

static int op_post(void *arg, uint32_t connection_id, const void *msg, size_t len)
{
	struct guest *guest = arg;
	int ret = hypercall_post(guest->hypercall, connection_id, msg, len);

	if (ret == -EAGAIN)
		usleep(1000);
	return ret;
}

static int op_wait(void *arg, int ms)
{
	struct guest *guest = arg;

	if (atomic_load(&guest->stop)) {
		if (guest->deadline == 0) {
			// Whatever is being waited for is given up; going down may wait again.
			guest->deadline = now() + STOP_SECONDS * SECOND;
			return -ECANCELED;
		}
		if (now() > guest->deadline)
			return -ETIMEDOUT;
	}
	sleep_until_woken(&guest->vp[0], ms * MILLISECOND);
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
	.wait = op_wait,
	.receive = op_receive,
	.link = op_link,
	.resume = op_resume,
	.pause = op_pause,
};

// ---- serving a queue

// One round; the number of things done.
static unsigned serve_once(struct guest *guest, struct vsc_queue *q, uint32_t index)
{
	unsigned n = vsc_poll(q);

	n += guest->ep->ops->poll(guest->ep, q, index);
	vsc_flush(q);
	return n;
}

// Each look takes the ring's header out of the host's cache: leaves it the time for a burst.
static void relax(void)
{
#ifdef __x86_64__
	for (unsigned i = 0; i < PAUSES; i++)
		__builtin_ia32_pause();
#endif
}

static void idle(struct vp *vp, struct vsc_queue *q)
{
	struct endpoint *ep = vp->guest->ep;
	int64_t due = ep->ops->due(ep, vp->index);

	if (vp->guest->opt->poll) {
		relax();
		return;
	}
	if (due == 0 || !vsc_arm(q)) {
		vsc_disarm(q);
		return;
	}
	// Frames that came between our last look and now: their edge is still to be seen.
	sleep_until_woken(vp, due);
	vsc_disarm(q);
}

static bool is_running(const struct vp *vp)
{
	return vp->index < atomic_load_explicit(&vp->guest->n_running, memory_order_relaxed);
}

static void serve_queue(struct vp *vp)
{
	struct guest *guest = vp->guest;
	struct vsc_queue *q = vsc_queue(guest->vsc, vp->index);

	while (is_running(vp))
		if (serve_once(guest, q, vp->index) == 0)
			idle(vp, q);
}

static void *vp_main(void *arg)
{
	struct vp *vp = arg;
	struct guest *guest = vp->guest;

	pthread_mutex_lock(&guest->lock);
	while (!atomic_load(&guest->stop) || guest->n_running > 0) {
		if (!is_running(vp)) {
			pthread_cond_wait(&guest->changed, &guest->lock);
			continue;
		}
		guest->n_serving++;
		pthread_mutex_unlock(&guest->lock);
		serve_queue(vp);
		pthread_mutex_lock(&guest->lock);
		guest->n_serving--;
		pthread_cond_broadcast(&guest->changed);
	}
	pthread_mutex_unlock(&guest->lock);
	return NULL;
}

// ---- VP 0

// 0: go on; 1: the NIC must be brought up anew for it; -errno.
static int grant_wishes(struct guest *guest)
{
	const struct vsc_info *info = vsc_get_info(guest->vsc);
	struct endpoint_wishes w;
	int ret;

	guest->vp[0].look = false;
	guest->ep->ops->wishes(guest->ep, &w);
	if (atomic_load(&guest->ep->failed))
		return -EIO;
	if (w.mtu != info->mtu) {
		vsc_set_mtu(guest->vsc, w.mtu);
		return 1;
	}
	ret = vsc_set_filter(guest->vsc, w.filter);
	if (ret < 0 || memcmp(w.mac, info->mac, sizeof(w.mac)) == 0 ||
		memcmp(w.mac, guest->refused_mac, sizeof(w.mac)) == 0)
		return ret;
	ret = vsc_set_mac(guest->vsc, w.mac);
	if (ret == -EREMOTEIO)
		memcpy(guest->refused_mac, w.mac, sizeof(w.mac));
	return ret == -EREMOTEIO ? 0 : ret;
}

// Until told to stop, or the NIC is to be brought up anew (0), or was taken away (-ENODEV).
static int serve_first(struct vp *vp)
{
	struct guest *guest = vp->guest;
	struct vsc_queue *q = vsc_queue(guest->vsc, 0);

	for (unsigned round = 0; !atomic_load_explicit(&guest->stop, memory_order_relaxed);
		round++) {
		int ret = vsc_run(guest->vsc);

		if (ret == 0 && (vp->look || round % LOOK_ROUNDS == 0))
			ret = grant_wishes(guest);
		if (ret != 0)
			return ret < 0 ? ret : 0;
		if (serve_once(guest, q, 0) == 0)
			idle(vp, q);
	}
	return 0;
}

static int run_nic(struct guest *guest)
{
	int ret = vsc_connect(guest->vsc);

	while (ret == 0 && !atomic_load(&guest->stop)) {
		ret = vsc_attach(guest->vsc);
		if (ret == 0) {
			atomic_fetch_add(&guest->n_attached, 1);
			ret = serve_first(&guest->vp[0]);
			if (atomic_load(&guest->stop))
				guest->deadline = now() + STOP_SECONDS * SECOND;
			vsc_excuse(guest->vsc, !atomic_load(&guest->host_is_there));
			vsc_detach(guest->vsc, ret != -ENODEV);
			if (ret == -EIO)
				break;
		} else if (ret != -ENODEV && ret != -ECANCELED) {
			fprintf(stderr, "hvsoft: the NIC does not come up: %s\n", strerror(-ret));
			op_wait(guest, RETRY_MS);
		}
		ret = 0;
	}
	return ret == -ECANCELED ? 0 : ret;
}

static void *vp0_main(void *arg)
{
	struct vp *vp = arg;
	struct guest *guest = vp->guest;
	int ret = run_nic(guest);

	if (ret < 0)
		fprintf(stderr, "hvsoft: %s\n",
			ret == -EIO ? "the interface was deleted" : strerror(-ret));
	vsc_disconnect(guest->vsc);
	if (guest->status == 0)
		guest->status = ret;
	eventfd_write(guest->ended_fd, 1);
	return NULL;
}

// ---- threads

static int vp_init(struct guest *guest, uint32_t i)
{
	struct epoll_event ev = {.events = EPOLLIN}, edge = {.events = EPOLLIN | EPOLLET};
	struct epoll_event wish = {.events = EPOLLIN | EPOLLET, .data.u32 = WISHES};
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
	ret = pthread_create(&vp->thread, &attr, i == 0 ? vp0_main : vp_main, vp);
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
