/* SPDX-License-Identifier: BSD-3-Clause */
// Who is bound to what: connections to the host's descriptors, interrupts to VPs.
#include <errno.h>
#include <unistd.h>

#include "synic_state.h"

// ---- the guest's signals

int hv_synic_bind_connection(void *synic, uint32_t connection_id, int kick_fd)
{
	struct hv_synic *s = synic;
	unsigned i = 0;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	while (i < s->n_connections && s->connection[i].id != connection_id)
		i++;
	if (i < s->n_connections) {
		s->host->bind_connection(s->host_arg, connection_id, -1);
		s->connection[i] = s->connection[--s->n_connections];
	}
	if (kick_fd >= 0) {
		ret = s->n_connections == MAX_BINDINGS ? -ENOSPC : 0;
		if (ret == 0)
			ret = s->host->bind_connection(s->host_arg, connection_id, kick_fd);
		if (ret == 0)
			s->connection[s->n_connections++] =
				(struct connection){.id = connection_id, .fd = kick_fd};
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

int hv_synic_signal(struct hv_synic *s, uint32_t connection_id)
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

// ---- interrupts. All with the lock, whose holder is the only writer of the places.

static void write_place(const struct hv_synic *s, const struct interrupt *in, bool bound)
{
	struct vmbus_event_place *place = in->place;
	const struct synic_vp *vp = &s->vp[in->vp];
	bool on = bound && vp->flags != NULL;
	uint32_t seq;

	if (place == NULL)
		return;
	seq = atomic_load_explicit(&place->seq, memory_order_relaxed) | 1;
	atomic_store_explicit(&place->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&place->enabled, on, memory_order_relaxed);
	atomic_store_explicit(&place->gpa, on ? vp->siefp & ~HV_SYNIC_ON : 0, memory_order_relaxed);
	atomic_store_explicit(&place->target_vp, bound ? in->vp : 0, memory_order_relaxed);
	atomic_store_explicit(&place->seq, seq + 1, memory_order_release);
}

// What was not sent while the place changed is made good: a signal to look again. Without a
// place to put a flag there is nothing to see; turning it on makes that good too.
static void make_good(struct hv_synic *s, const struct interrupt *in)
{
	struct synic_vp *vp = &s->vp[in->vp];
	uint32_t flag;

	if (vp->flags == NULL)
		return;
	if (in->place != NULL) {
		flag = atomic_load_explicit(&in->place->flag, memory_order_relaxed);
		if (flag > 0 && flag <= VMBUS_MAX_RELID)
			atomic_fetch_or(&vp->flags[flag / 32], 1u << flag % 32);
	}
	s->host->inject(s->host_arg, in->vp);
}

void hv_synic_move_places(struct hv_synic *s, uint32_t vp)
{
	for (unsigned i = 0; i < s->n_interrupts; i++) {
		struct interrupt *in = &s->interrupt[i];

		if (in->vp != vp)
			continue;
		write_place(s, in, true);
		make_good(s, in);
	}
}

static void unbind(struct hv_synic *s, unsigned i)
{
	struct interrupt *in = &s->interrupt[i];

	s->host->bind_interrupt(s->host_arg, in->vp, in->fd, false);
	write_place(s, in, false);
	*in = s->interrupt[--s->n_interrupts];
}

static int bind(struct hv_synic *s, const struct interrupt *in)
{
	int ret = s->n_interrupts == MAX_BINDINGS ? -ENOSPC : 0;

	if (ret == 0)
		ret = s->host->bind_interrupt(s->host_arg, in->vp, in->fd, true);
	if (ret != 0)
		return ret;
	s->interrupt[s->n_interrupts++] = *in;
	write_place(s, in, true);
	make_good(s, in);
	return 0;
}

int hv_synic_bind_interrupt(void *synic, uint32_t vp, int call_fd, struct vmbus_event_place *place)
{
	const struct interrupt in = {.fd = call_fd, .vp = vp, .place = place};
	struct interrupt old[2]; // that of the descriptor and that of the place
	struct hv_synic *s = synic;
	unsigned n_old = 0;
	int ret = 0;

	if (vp >= s->n_vps && vp != UINT32_MAX)
		return -ENODEV;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = s->n_interrupts; i-- > 0;)
		if (s->interrupt[i].fd == call_fd ||
			(place != NULL && s->interrupt[i].place == place)) {
			old[n_old++] = s->interrupt[i];
			unbind(s, i);
		}
	if (vp != UINT32_MAX)
		ret = bind(s, &in);
	// KVM has a descriptor at one interrupt at a time, so the old one had to go first. Whoever
	// hears that nothing has changed goes on waiting there.
	for (unsigned i = 0; i < n_old && ret != 0; i++)
		bind(s, &old[i]);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

int hv_synic_rebind(struct hv_synic *s)
{
	int first = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n_connections; i++) {
		int ret = s->host->bind_connection(
			s->host_arg, s->connection[i].id, s->connection[i].fd);

		if (first == 0)
			first = ret;
	}
	for (unsigned i = 0; i < s->n_interrupts; i++) {
		int ret = s->host->bind_interrupt(
			s->host_arg, s->interrupt[i].vp, s->interrupt[i].fd, true);

		if (first == 0)
			first = ret;
	}
	pthread_mutex_unlock(&s->lock);
	return first;
}
