/* SPDX-License-Identifier: BSD-3-Clause */
// Who is bound to what: connections to the host's descriptors, interrupts to VPs.
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "synic_state.h"

static int bind_connection(void *synic, uint32_t connection_id, int kick_fd)
{
	struct synic *s = synic;
	unsigned i = 0;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	while (i < s->n_connections && s->connection[i].id != connection_id)
		i++;
	if (kick_fd < 0 && i < s->n_connections)
		s->connection[i] = s->connection[--s->n_connections];
	else if (kick_fd >= 0 && i == MAX_BINDINGS)
		ret = -ENOSPC;
	else if (kick_fd >= 0) {
		s->connection[i] = (struct connection){.id = connection_id, .fd = kick_fd};
		if (i == s->n_connections)
			s->n_connections++;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

// With the lock. What was not sent while the place changed is made good: a signal to look again.
static void set_event(const struct synic_vp *vp, uint32_t flag)
{
	if (vp->events != NULL && flag <= VMBUS_MAX_RELID)
		atomic_fetch_or(&vp->events[flag / 64], 1ull << flag % 64);
}

// With the lock, the only writer.
static void tell_place(struct synic *s, const struct interrupt *in, bool bound)
{
	struct vmbus_event_place *place = in->place;
	uint32_t seq;

	if (place == NULL)
		return;
	seq = atomic_load_explicit(&place->seq, memory_order_relaxed) | 1;
	atomic_store_explicit(&place->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(
		&place->enabled, bound && s->vp[in->vp].siefp != 0, memory_order_relaxed);
	atomic_store_explicit(&place->gpa, bound ? s->vp[in->vp].siefp : 0, memory_order_relaxed);
	atomic_store_explicit(&place->target_vp, bound ? in->vp : 0, memory_order_relaxed);
	atomic_store_explicit(&place->seq, seq + 1, memory_order_release);
}

// With the lock. The descriptor may have been closed already.
static void unbind(struct synic *s, unsigned i)
{
	struct interrupt *in = &s->interrupt[i];

	epoll_ctl(s->vp[in->vp].epoll, EPOLL_CTL_DEL, in->fd, NULL);
	tell_place(s, in, false);
	*in = s->interrupt[--s->n_interrupts];
}

static int bind_interrupt(void *synic, uint32_t vp, int call_fd, struct vmbus_event_place *place)
{
	struct synic *s = synic;
	struct interrupt *in;
	int ret = 0;

	if (vp >= s->n_vps && vp != UINT32_MAX)
		return -ENODEV;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = s->n_interrupts; i-- > 0;)
		if (s->interrupt[i].fd == call_fd ||
			(place != NULL && s->interrupt[i].place == place))
			unbind(s, i);
	if (vp == UINT32_MAX)
		goto out;
	ret = s->n_interrupts == MAX_BINDINGS ? -ENOSPC : synic_watch(&s->vp[vp], call_fd);
	if (ret < 0)
		goto out;
	in = &s->interrupt[s->n_interrupts++];
	*in = (struct interrupt){.fd = call_fd, .vp = vp, .place = place};
	tell_place(s, in, true);
	if (place != NULL)
		set_event(&s->vp[vp], atomic_load_explicit(&place->flag, memory_order_relaxed));
	// Flags that were set for an interrupt that got lost on the way would keep all later
	// ones away.
	synic_raise_vp(&s->vp[vp]);
out:
	pthread_mutex_unlock(&s->lock);
	return ret;
}

const struct synic_ops soft_synic_ops = {
	.post_message = synic_post_message,
	.bind_connection = bind_connection,
	.bind_interrupt = bind_interrupt,
};

void synic_tell_places(struct synic *s, uint32_t vp)
{
	for (unsigned i = 0; i < s->n_interrupts; i++) {
		struct interrupt *in = &s->interrupt[i];

		if (in->vp != vp)
			continue;
		tell_place(s, in, true);
		if (in->place != NULL)
			set_event(&s->vp[vp], in->place->flag);
	}
	synic_raise_vp(&s->vp[vp]);
}

int synic_signal(struct synic *s, uint32_t connection_id)
{
	const uint64_t one = 1;
	int ret = -ENOENT;

	// The lock keeps the descriptor from being closed meanwhile.
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n_connections; i++)
		if (s->connection[i].id == connection_id)
			ret = write(s->connection[i].fd, &one, sizeof(one)) < 0 ? -errno : 0;
	pthread_mutex_unlock(&s->lock);
	return ret;
}
