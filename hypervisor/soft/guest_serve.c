/* SPDX-License-Identifier: BSD-3-Clause */
// What the guest's threads do: serve their queues, and, VP 0's, the NIC's life.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "guest_parts.h"

#define RETRY_MS    1000
#define PAUSES      16
#define LOOK_ROUNDS 65536 // at the other end's wishes, for who never sleeps

int64_t guest_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * GUEST_SECOND + ts.tv_nsec;
}

void guest_sleep(struct vp *vp, int64_t ns)
{
	struct epoll_event ev[4];
	struct timespec ts = {.tv_sec = ns / GUEST_SECOND, .tv_nsec = ns % GUEST_SECOND};
	int n = epoll_pwait2(vp->epoll, ev, 4, ns < 0 ? NULL : &ts, NULL);

	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 == GUEST_WISHES)
			vp->look = true;
}

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
	// Who waited for an answer may have taken the interrupt that came with `stop`.
	if (due == 0 || !vsc_arm(q) || (vp->index == 0 && atomic_load(&vp->guest->stop))) {
		vsc_disarm(q);
		return;
	}
	// Frames that came between our last look and now: their edge is still to be seen.
	guest_sleep(vp, due);
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

void *guest_vp_main(void *arg)
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
				guest->deadline = guest_now() + GUEST_STOP_SECONDS * GUEST_SECOND;
			vsc_excuse(guest->vsc, !atomic_load(&guest->host_is_there));
			vsc_detach(guest->vsc, ret != -ENODEV);
			if (ret == -EIO)
				break;
		} else if (ret != -ENODEV && ret != -ECANCELED) {
			fprintf(stderr, "hvsoft: the NIC does not come up: %s\n", strerror(-ret));
			guest_wait(guest, RETRY_MS);
		}
		ret = 0;
	}
	return ret == -ECANCELED ? 0 : ret;
}

void *guest_vp0_main(void *arg)
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
