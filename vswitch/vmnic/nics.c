/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' NICs and the ports they ask for by name, whichever comes first.
//
// Joined: a worker polls the NIC. Parked, because its port is not there: the main thread does,
// on the NIC's kick, so that the guest's driver comes up and finds its link down; what it sends
// is dropped. Between the two, and while an attachment changes something, nobody does.
//
// Objects that are over are freed at the end of the turn of the event loop: not within a call
// that somebody further up is still in the middle of.
#include "nics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <vswitch/address.h>
#include <vswitch/guard.h>
#include <vswitch/switch.h>
#include <vswitch/worker.h>

#include "nic.h"

#define READY_USEC        10000000 // to say all there is
#define PARKED_AGAIN_USEC 2000     // until a busy parked NIC is polled again
#define PARKED_MOST_USEC  500      // of one poll
#define PARKED_SHARE      4        // all of them together have a quarter of the time

static sd_event *event;
static sd_event_source *sweep_source;
static struct nic *nics;
static unsigned n_nics;

static uint64_t now_us(void)
{
	uint64_t now = 0;

	sd_event_now(event, CLOCK_MONOTONIC, &now);
	return now;
}

sd_event *nics_event(void)
{
	return event;
}

void nics_add(struct nic *nic)
{
	nic->since_us = now_us();
	nic->next = nics;
	nics = nic;
	n_nics++;
}

struct nic *nics_first(void)
{
	struct nic *nic = nics;

	while (nic != NULL && nic->over)
		nic = nic->next;
	return nic;
}

struct nic *nic_find(const char *port_name)
{
	for (struct nic *nic = nics; nic != NULL; nic = nic->next)
		if (!nic->over && nic->named && strcmp(nic->info.hello.port, port_name) == 0)
			return nic;
	return NULL;
}

// Something took long. If it was this NIC's doing, it is let go of, and all that its user has:
// each of them could do it once more, and stop a worker for a second or two.
static void end_if_tampered(struct nic *nic)
{
	const uid_t uid = nic->info.uid;

	if (nic->over || !(attachment_unblock(nic->attachment) || nic->tampered))
		return;
	attachment_end(nic->attachment, HANDOVER_R_PROTOCOL, "an eventfd was made to block");
	if (!nic_ban(uid, now_us()))
		return;
	for (nic = nics; nic != NULL; nic = nic->next)
		if (!nic->over && nic->info.uid == uid)
			attachment_end(nic->attachment, HANDOVER_R_PROTOCOL,
				"another of this user's made an eventfd block");
}

// What it has sent and nobody has read is thrown away, which may take long, too.
void nic_end(struct nic *nic, enum handover_refusal code, const char *reason)
{
	guard_enter();
	attachment_end(nic->attachment, code, reason);
	guard_leave();
}

// What it does may interrupt the guest from here.
void nic_run(struct nic *nic)
{
	guard_enter();
	attachment_run(nic->attachment);
	if (guard_leave())
		end_if_tampered(nic);
}

// --- parked ----------------------------------------------------------------------------------

static uint64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static void poll_again(struct nic *nic, uint64_t at_us)
{
	if (sd_event_source_set_time(nic->again, at_us) >= 0)
		sd_event_source_set_enabled(nic->again, SD_EVENT_ONESHOT);
}

// One turn over its queues, as far as the time allows. True: it may sleep.
static bool poll_queues(struct nic *nic, uint64_t until)
{
	struct netvsp_frame frame[NETVSP_MAX_TX_BATCH];

	for (uint32_t i = 0; i < nic->n_queues; i++) {
		uint32_t q = nic->next_queue < nic->n_queues ? nic->next_queue : 0;
		int n = netvsp_poll_from_guest(nic->vsp, q, frame, NETVSP_MAX_TX_BATCH);

		if (n > 0)
			nic->parked_drops += n;
		netvsp_complete(nic->vsp, q);
		nic->next_queue = q + 1;
		if (clock_us() >= until)
			return false;
	}
	return netvsp_arm(nic->vsp);
}

// The more time it has taken, the later is its next turn, whatever the guest signals: this
// thread has others to serve, the administrator first.
static void poll_parked(struct nic *nic)
{
	const uint64_t start = clock_us();
	uint64_t took, again;

	if (!nic->ready || nic->paused || nic->port != NULL || nic->over)
		return;
	if (start < nic->parked_until) {
		poll_again(nic, nic->parked_until);
		return;
	}
	guard_enter();
	netvsp_disarm(nic->vsp);
	again = poll_queues(nic, start + PARKED_MOST_USEC) ? 0 : PARKED_AGAIN_USEC;
	took = clock_us() - start;
	nic->parked_until = start + took + took * PARKED_SHARE * n_nics;
	if (again != 0)
		poll_again(nic, RTE_MAX(start + again, nic->parked_until));
	if (guard_leave())
		end_if_tampered(nic);
}

static int on_kick(sd_event_source *, int, uint32_t, void *arg)
{
	poll_parked(arg);
	return 0;
}

static int on_again(sd_event_source *, uint64_t, void *arg)
{
	poll_parked(arg);
	return 0;
}

// Nobody polls the NIC, or this thread does, when these are called.
static void park(struct nic *nic)
{
	nic->port = NULL;
	netvsp_set_link(nic->vsp, false, NIC_SPEED_MBPS);
	nic->n_queues = NETVSP_MAX_QUEUES;
	nic->parked_until = 0;
	sd_event_source_set_enabled(nic->kick, SD_EVENT_ON);
	poll_again(nic, 0);
}

static void join(struct nic *nic, struct vmnic_port *v)
{
	sd_event_source_set_enabled(nic->kick, SD_EVENT_OFF);
	sd_event_source_set_enabled(nic->again, SD_EVENT_OFF);
	nic->port = v;
	v->joined = nic;
	if (mac_is_zero(v->port->cfg.mac))
		memcpy(v->port->mac, nic->mac, sizeof(nic->mac));
	netvsp_set_link(nic->vsp, !v->port->cfg.link_down, NIC_SPEED_MBPS);
	netvsp_set_max_mtu(nic->vsp, v->port->cfg.mtu == 0 ? 1500 : v->port->cfg.mtu);
	if (!nic->paused)
		vmnic_give(v, nic);
	port_refresh_link(v->port, NULL);
}

static void part(struct nic *nic)
{
	struct vmnic_port *v = nic->port;

	if (v == NULL)
		return;
	if (!nic->paused)
		vmnic_take(v, nic);
	v->joined = NULL;
	nic->port = NULL;
	memcpy(v->port->mac, v->port->cfg.mac, sizeof(v->port->mac));
	vmnic_refresh_caps(v);
	port_refresh_link(v->port, NULL);
}

void nic_set_link(struct nic *nic, bool up)
{
	netvsp_set_link(nic->vsp, up, NIC_SPEED_MBPS);
	if (nic->port != NULL)
		vmnic_wake(nic->port);
}

// --- ports come and go -----------------------------------------------------------------------

static struct vmnic_port *vmnic_of(struct vsw_port *port)
{
	return port != NULL && port->cfg.type == PORT_VMNIC ? port->priv : NULL;
}

static void meet(struct vmnic_port *v)
{
	struct nic *nic = nic_find(v->port->cfg.name);
	char reason[HANDOVER_REASON_SIZE];

	if (nic == NULL)
		return;
	if (!nic_may_join(nic, v->port)) {
		// Or whoever may could not: the name is taken.
		snprintf(reason, sizeof(reason), "user %u may not attach port '%s'",
			(unsigned)nic->info.uid, v->port->cfg.name);
		nic_end(nic, HANDOVER_R_PERMISSION, reason);
		return;
	}
	if (nic->ready && nic->port == NULL)
		join(nic, v);
}

void nics_port_opened(struct vmnic_port *v)
{
	meet(v);
}

void nics_port_closed(struct vmnic_port *v)
{
	struct nic *nic = v->joined;

	if (nic == NULL)
		return;
	part(nic);
	park(nic);
}

void nics_port_renamed(struct vmnic_port *v)
{
	nics_port_closed(v);
	meet(v);
}

// --- an attachment changes something, or ends -------------------------------------------------

void nic_pause(struct nic *nic)
{
	if (!nic->ready || nic->paused)
		return;
	nic->paused = true;
	if (nic->port != NULL)
		vmnic_take(nic->port, nic);
}

void nic_resume(struct nic *nic)
{
	if (!nic->ready || !nic->paused)
		return;
	nic->paused = false;
	if (nic->port != NULL)
		vmnic_give(nic->port, nic);
	else
		poll_again(nic, 0);
}

void nic_forget(struct nic *nic)
{
	part(nic);
	nic->over = true;
	nic->vsp = NULL;
	nic->io = sd_event_source_disable_unref(nic->io);
	nic->kick = sd_event_source_disable_unref(nic->kick);
	nic->again = sd_event_source_disable_unref(nic->again);
	sd_event_source_set_enabled(sweep_source, SD_EVENT_ONESHOT);
}

void nic_place(struct nic *nic)
{
	struct vmnic_port *v = vmnic_of(port_find(nic->info.hello.port));

	if (v != NULL && v->joined == NULL)
		join(nic, v);
	else
		park(nic);
}

int nic_watch_kick(struct nic *nic)
{
	int ret = sd_event_add_io(event, &nic->kick, attachment_kick_fd(nic->attachment),
		EPOLLIN | EPOLLET, on_kick, nic);

	if (ret < 0)
		return ret;
	// A guest's signals must not keep us from everything else.
	sd_event_source_set_ratelimit(nic->kick, 10000, 100);
	sd_event_source_set_enabled(nic->kick, SD_EVENT_OFF);
	return sd_event_add_time(event, &nic->again, CLOCK_MONOTONIC, 0, 1, on_again, nic);
}

// --- the whole -------------------------------------------------------------------------------

static int on_sweep(sd_event_source *, void *)
{
	struct nic **at = &nics;

	while (*at != NULL) {
		struct nic *nic = *at;

		if (!nic->over) {
			at = &nic->next;
			continue;
		}
		*at = nic->next;
		n_nics--;
		attachment_destroy(nic->attachment);
		free(nic);
	}
	return 0;
}

void nics_poked(void)
{
	for (struct nic *nic = nics; nic != NULL; nic = nic->next) {
		if (nic->over || !atomic_exchange(&nic->poked, false))
			continue;
		if (nic->port != NULL)
			vmnic_refresh_caps(nic->port);
		nic_run(nic);
	}
}

void nics_tick(void)
{
	const uint64_t now = now_us();

	refusals_tick();
	for (struct nic *nic = nics; nic != NULL; nic = nic->next) {
		if (nic->over)
			continue;
		if (nic->tampered)
			end_if_tampered(nic);
		else if (!nic->ready && now - nic->since_us > READY_USEC)
			nic_end(nic, HANDOVER_R_PROTOCOL, "not ready for too long a time");
		else
			nic_run(nic);
	}
	nics_poked();
}

// The interrupt is an eventfd that the hypervisor has as well: it can take the non-blocking mode
// from it (that belongs to the open file, not to the descriptor) and fill it. A worker then hangs
// in write(), and the main thread, as soon as it waits for that worker.
void nics_rescue(void)
{
	for (struct nic *nic = nics; nic != NULL; nic = nic->next)
		if (!nic->over && nic->ready && attachment_unblock(nic->attachment))
			nic->tampered = true;
}

int nics_start(sd_event *e, const char *socket_path, struct vsw_error *err)
{
	int ret;

	event = sd_event_ref(e);
	ret = guest_mem_catch_faults();
	if (ret == 0)
		ret = guard_start();
	if (ret == 0)
		ret = sd_event_add_defer(event, &sweep_source, on_sweep, NULL);
	if (ret < 0)
		return vsw_fail(
			err, VSW_E_INTERNAL, NULL, "guests cannot be served: %s", strerror(-ret));
	sd_event_source_set_enabled(sweep_source, SD_EVENT_OFF);
	workers_set_rescue(nics_rescue);
	return vsp_listen(event, socket_path, err);
}

void nics_stop(void)
{
	vsp_unlisten();
	for (struct nic *nic = nics; nic != NULL; nic = nic->next) {
		if (nic->over)
			continue;
		// Without a word: it is the socket's end that makes hypervisors come again.
		nic_pause(nic);
		nic_forget(nic);
	}
	on_sweep(NULL, NULL);
	workers_set_rescue(NULL);
	guard_stop();
	sweep_source = sd_event_source_disable_unref(sweep_source);
	event = sd_event_unref(event);
}
