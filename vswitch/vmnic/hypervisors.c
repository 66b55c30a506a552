/* SPDX-License-Identifier: BSD-3-Clause */
// Hypervisors' connections: taken or turned away, and what is told of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <vswitch/address.h>
#include <vswitch/control/events.h>
#include <vswitch/log.h>
#include <vswitch/notify.h>
#include <vswitch/switch.h>

#include "nic.h"

#define REFUSALS_TOLD 16  // a second
#define CHANGES_TOLD  256 // a second: more only comes of one who does nothing else

static unsigned n_refusals, n_changes;

static void tell(const struct nic *nic, const char *what, const char *reason)
{
	const struct handover_hello *h = &nic->info.hello;
	const struct vsw_port *port = port_find(h->port);
	char mac[MAC_TEXT_SIZE];

	mac_format(nic->mac, mac);
	events_publish(what,
		json_pack("{s:s*, s:s, s:s, s:s, s:s, s:s*}", "switch",
			port != NULL ? port->cfg.switch_name : NULL, "port", h->port, "partition",
			h->partition, "nic", h->nic, "mac", mac, "reason", reason));
}

// Everybody on the host can be refused, as often as he likes.
static void refused(struct nic *nic, const char *reason)
{
	if (n_refusals++ >= REFUSALS_TOLD)
		return;
	log_warn("vmnic", "guest refused port=%s partition=%s uid=%u reason=\"%s\"",
		nic->info.hello.port, nic->info.hello.partition, (unsigned)nic->info.uid, reason);
	if (nic->info.hello.port[0] != '\0')
		tell(nic, "guest-refused", reason);
	nic->refusal_told = true;
}

static enum handover_refusal on_hello(void *arg, const struct handover_hello *hello, uid_t uid,
	struct attachment_terms *terms, char *reason, size_t size)
{
	struct nic *nic = arg, *other = nic_find(hello->port);
	enum handover_refusal refusal;

	attachment_get_info(nic->attachment, &nic->info);
	memcpy(nic->mac, hello->mac, sizeof(nic->mac));
	refusal = nic_admit(hello, uid, reason, size);
	// The one who has the name may be dead, and its end still unread.
	if (refusal == 0 && other != NULL) {
		attachment_run(other->attachment);
		other = nic_find(hello->port);
	}
	if (refusal == 0 && other != NULL) {
		snprintf(reason, size, "NIC '%.60s' of partition '%.60s' has port '%.60s'",
			other->info.hello.nic, other->info.hello.partition, hello->port);
		refusal = HANDOVER_R_NAME;
	}
	if (refusal != 0) {
		refused(nic, reason);
		return refusal;
	}
	nic->named = true;
	nic_terms(hello, terms);
	memcpy(nic->mac, terms->mac, sizeof(nic->mac));
	return 0;
}

static void on_ready(void *arg)
{
	struct nic *nic = arg;
	const struct handover_hello *h = &nic->info.hello;

	attachment_get_info(nic->attachment, &nic->info);
	nic->vsp = attachment_netvsp(nic->attachment);
	if (nic_watch_kick(nic) < 0) {
		attachment_end(nic->attachment, HANDOVER_R_LIMIT, "out of memory");
		return;
	}
	nic->ready = true;
	nic_place(nic);
	if (n_changes++ >= CHANGES_TOLD)
		return;
	log_info("vmnic", "guest attached port=%s partition=%s nic=%s%s%s", h->port, h->partition,
		h->nic, nic->info.resumed ? " resumed" : "",
		nic->port == NULL ? " waits for its port" : "");
	tell(nic, "guest-attached", NULL);
}

static void on_pause(void *arg)
{
	nic_pause(arg);
}

static void on_resume(void *arg)
{
	nic_resume(arg);
}

static void on_poke(void *arg)
{
	static const struct notify msg = {.kind = NOTIFY_GUEST};
	struct nic *nic = arg;

	// If the message is lost, the next tick finds this.
	if (!atomic_exchange(&nic->poked, true))
		notify_post(&msg);
}

static void on_tell(void *arg, bool warning, const char *text)
{
	const struct nic *nic = arg;

	if (warning)
		log_warn("vmnic", "port=%s %s", nic->info.hello.port, text);
	else
		log_info("vmnic", "port=%s %s", nic->info.hello.port, text);
}

static void on_gone(void *arg, const char *reason)
{
	struct nic *nic = arg;

	// Paused by now, if it was ready.
	nic_forget(nic);
	if (nic->ready) {
		if (n_changes++ >= CHANGES_TOLD)
			return;
		log_info("vmnic", "guest detached port=%s partition=%s reason=\"%s\"",
			nic->info.hello.port, nic->info.hello.partition, reason);
		tell(nic, "guest-detached", reason);
	} else if (!nic->refusal_told && strcmp(reason, ATTACHMENT_GONE) != 0) {
		refused(nic, reason);
	}
}

static const struct attachment_ops attachment_ops = {
	.hello = on_hello,
	.ready = on_ready,
	.pause = on_pause,
	.resume = on_resume,
	.poke = on_poke,
	.tell = on_tell,
	.gone = on_gone,
};

void refusals_tick(void)
{
	n_refusals = n_changes = 0;
}

static int on_socket(sd_event_source *, int, uint32_t, void *arg)
{
	struct nic *nic = arg;

	if (!nic->over)
		nic_run(nic);
	return 0;
}

void nic_accept(int sock)
{
	struct nic *nic = calloc(1, sizeof(*nic));
	const char *full;
	uint64_t now = 0;

	if (nic == NULL) {
		close(sock);
		return;
	}
	nic->attachment = attachment_create(sock, &attachment_ops, nic);
	if (nic->attachment == NULL) {
		close(sock);
		free(nic);
		return;
	}
	attachment_get_info(nic->attachment, &nic->info);
	sd_event_now(nics_event(), CLOCK_MONOTONIC, &now);
	full = nic_no_room(nic->info.uid, now);
	nics_add(nic);
	// Before anything of his is taken: messages carry descriptors, and to close one of an odd
	// file system can take as long as that wants.
	if (!nic_is_welcome(nic->info.uid)) {
		nic_end(nic, HANDOVER_R_PERMISSION, "no port has this user: see add-port --user");
		return;
	}
	if (full != NULL) {
		nic_end(nic, HANDOVER_R_LIMIT, full);
		return;
	}
	if (sd_event_add_io(nics_event(), &nic->io, attachment_fd(nic->attachment), EPOLLIN,
		    on_socket, nic) < 0)
		nic_end(nic, HANDOVER_R_LIMIT, "out of memory");
}
