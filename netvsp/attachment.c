/* SPDX-License-Identifier: BSD-3-Clause */
// One hypervisor's NIC, from its hello to the end of the connection.
//
// new: hello, checked, answered by welcome -> telling: regions, page lists, open channels ->
// running: after READY netvsp may be polled. The same requests change what there is while it
// runs, with the polling thread paused. A request that makes no sense ends the connection with
// its reason; the socket's end does so without. Whichever it is, the order is: nobody polls,
// channels are closed, memory is let go of, the reason is sent, the socket is closed, the owner is
// told. For upon the reason, too, the hypervisor may give the guest back what it lent us.
//
// The hypervisor is not trusted: what it says is checked here, and the eventfds that it shares
// with us are never relied on to be non-blocking, but for the interrupt (see attachment.h).
#include "attachment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attachment_parts.h"

#define REQUESTS_PER_RUN 64      // others have requests, too
#define NS_PER_RUN       1000000 // and some take long

static struct attachment *attachments;

uint64_t attachment_memory(const uid_t *uid)
{
	uint64_t sum = 0;

	for (const struct attachment *a = attachments; a != NULL; a = a->next)
		if (uid == NULL || a->info.uid == *uid)
			sum += a->info.memory;
	return sum;
}

struct attachment *attachment_create(int sock, const struct attachment_ops *ops, void *arg)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct attachment *a = calloc(1, sizeof(*a));
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;
	int err;

	if (a == NULL)
		return NULL;
	a->ops = ops;
	a->arg = arg;
	a->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	a->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (a->kick_fd < 0 || a->epfd < 0 || epoll_ctl(a->epfd, EPOLL_CTL_ADD, sock, &ev) < 0 ||
		getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		err = errno;
		if (a->kick_fd >= 0)
			close(a->kick_fd);
		if (a->epfd >= 0)
			close(a->epfd);
		free(a);
		errno = err;
		return NULL;
	}
	a->sock = sock;
	a->info.uid = cred.uid;
	a->info.pid = cred.pid;
	a->info.since = time(NULL);
	a->next = attachments;
	attachments = a;
	return a;
}

void attachment_pause(struct attachment *a)
{
	if (a->state == ATTACHMENT_RUNNING)
		a->ops->pause(a->arg);
}

void attachment_resume(struct attachment *a)
{
	if (a->state == ATTACHMENT_RUNNING)
		a->ops->resume(a->arg);
}

static void send_refusal(struct attachment *a, enum handover_refusal code)
{
	struct handover_refused msg = {
		.hdr = {HANDOVER_REFUSED, sizeof(msg)},
		.code = code,
	};

	snprintf(msg.reason, sizeof(msg.reason), "%s", a->reason);
	// A full socket is one that nobody reads.
	handover_send(a->sock, &msg, sizeof(msg), -1);
}

// Lets go of everything but the object and its reason, which is sent beside the code, unless that
// is 0.
static void release(struct attachment *a, enum handover_refusal code)
{
	if (a->state == ATTACHMENT_OVER)
		return;
	attachment_pause(a);
	a->state = ATTACHMENT_OVER;
	// Before its channels go: the guest has closed none, and our successor takes them up.
	netvsp_destroy(a->vsp);
	a->vsp = NULL;
	attachment_close_channels(a);
	attachment_drop_memory(a);
	a->info.memory = 0;
	attachment_drop_record(a);
	if (code != 0)
		send_refusal(a, code);
	close(a->sock);
	a->sock = -1;
}

// Only after the owner waits for them no more: the other side has the kick, too, and so a closed
// one stays in the owner's epoll, where nobody can take it out.
static void close_wakeups(struct attachment *a)
{
	if (a->epfd >= 0)
		close(a->epfd);
	if (a->kick_fd >= 0)
		close(a->kick_fd);
	a->epfd = a->kick_fd = -1;
}

// The owner is told outside of what it may itself be in the middle of.
static void tell_gone(struct attachment *a)
{
	if (a->state != ATTACHMENT_OVER || a->in_run || a->gone_told)
		return;
	a->gone_told = true;
	a->ops->gone(a->arg, a->reason);
	close_wakeups(a);
}

static void end_with(struct attachment *a, enum handover_refusal code, const char *reason)
{
	if (a->state == ATTACHMENT_OVER)
		return;
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	release(a, code);
}

static void finish(struct attachment *a, const char *reason)
{
	end_with(a, 0, reason);
}

void attachment_destroy(struct attachment *a)
{
	struct attachment **at;

	if (a == NULL)
		return;
	release(a, 0);
	close_wakeups(a);
	for (at = &attachments; *at != a; at = &(*at)->next)
		;
	*at = a->next;
	free(a);
}

int attachment_refuse(struct attachment *a, enum handover_refusal code, const char *fmt, ...)
{
	char reason[HANDOVER_REASON_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	end_with(a, code, reason);
	return -1;
}

void attachment_end(struct attachment *a, enum handover_refusal code, const char *reason)
{
	if (a->state == ATTACHMENT_OVER)
		return;
	end_with(a, code, reason);
	tell_gone(a);
}

// --- what is sent ----------------------------------------------------------------------------

static void listen_for(struct attachment *a, uint32_t events)
{
	struct epoll_event ev = {.events = events};

	epoll_ctl(a->epfd, EPOLL_CTL_MOD, a->sock, &ev);
}

int attachment_reply(struct attachment *a, const void *msg, size_t len, int fd)
{
	struct attachment_message *m;
	int ret = a->n_out == 0 ? handover_send(a->sock, msg, len, fd) : -EAGAIN;

	if (ret == 0)
		return 0;
	if (ret != -EAGAIN || a->n_out == ATTACHMENT_OUT_MAX) {
		finish(a, ret != -EAGAIN ? "the connection was lost"
					 : "the hypervisor does not read its messages");
		return -1;
	}
	if (a->n_out == 0)
		listen_for(a, EPOLLOUT);
	m = &a->out[a->n_out++];
	m->len = len;
	m->fd = fd;
	memcpy(&m->msg, msg, len);
	return 0;
}

int attachment_reply_id(struct attachment *a, uint32_t type, uint32_t id)
{
	struct handover_id msg = {.hdr = {type, sizeof(msg)}, .id = id};

	return attachment_reply(a, &msg, sizeof(msg), -1);
}

static int reply_plain(struct attachment *a, uint32_t type)
{
	struct handover_plain msg = {.hdr = {type, sizeof(msg)}};

	return attachment_reply(a, &msg, sizeof(msg), -1);
}

// 0, or -1: over.
static int flush(struct attachment *a)
{
	unsigned done = 0;
	int ret = 0;

	while (done < a->n_out) {
		ret = handover_send(a->sock, &a->out[done].msg, a->out[done].len, a->out[done].fd);
		if (ret < 0)
			break;
		done++;
	}
	if (ret < 0 && ret != -EAGAIN) {
		finish(a, "the connection was lost");
		return -1;
	}
	if (done > 0 && done == a->n_out)
		listen_for(a, EPOLLIN);
	a->n_out -= done;
	memmove(a->out, a->out + done, a->n_out * sizeof(a->out[0]));
	return 0;
}

// --- what the polling thread has to say ------------------------------------------------------

static void tell_subchannels(struct attachment *a)
{
	struct handover_subchannels msg = {
		.hdr = {HANDOVER_SUBCHANNELS, sizeof(msg)},
		.total = atomic_exchange(&a->want_subchannels, 0),
	};

	if (msg.total != 0)
		attachment_reply(a, &msg, sizeof(msg), -1);
}

static void tell_error(struct attachment *a)
{
	struct handover_open_result msg = {
		.hdr = {HANDOVER_CHANNEL_ERROR, sizeof(msg)},
		.status = -EPROTO,
	};
	struct netvsp_status status;

	if (!atomic_exchange(&a->changed, false))
		return;
	netvsp_get_status(a->vsp, &status);
	if (!status.failed) {
		a->error_told = false;
		return;
	}
	if (a->error_told)
		return;
	a->error_told = true;
	snprintf(msg.reason, sizeof(msg.reason), "%s", status.error);
	attachment_reply(a, &msg, sizeof(msg), -1);
}

// --- what is asked ---------------------------------------------------------------------------

static int take_ready(struct attachment *a, const void *, size_t, int)
{
	// With nothing open there was nothing to take up.
	a->info.resumed = a->info.resumed && a->channel[0].open;
	a->state = ATTACHMENT_RUNNING;
	a->info.ready = true;
	a->ops->ready(a->arg);
	if (a->state != ATTACHMENT_RUNNING)
		return -1;
	return reply_plain(a, HANDOVER_READY_DONE);
}

static int take_detach(struct attachment *a, const void *, size_t, int)
{
	struct handover_plain msg = {.hdr = {HANDOVER_DETACH_DONE, sizeof(msg)}};

	// The answer says that nothing is touched any more.
	attachment_pause(a);
	if (a->state == ATTACHMENT_RUNNING)
		a->state = ATTACHMENT_TELLING;
	attachment_close_channels(a);
	handover_send(a->sock, &msg, sizeof(msg), -1);
	finish(a, "detached");
	return -1;
}

static const struct {
	attachment_request *take;
	unsigned states; // bit per attachment_state
	bool has_fd;
	const char *name;
} requests[] = {
#define NEW     (1u << ATTACHMENT_NEW)
#define TELLING (1u << ATTACHMENT_TELLING)
#define RUNNING (1u << ATTACHMENT_RUNNING)
	[HANDOVER_HELLO] = {attachment_take_hello, NEW, true, "HELLO"},
	[HANDOVER_REGION] = {attachment_take_region, TELLING, true, "REGION"},
	[HANDOVER_GPADL] = {attachment_take_gpadl, TELLING | RUNNING, false, "GPADL"},
	[HANDOVER_GPADL_TEARDOWN] = {attachment_take_teardown, TELLING | RUNNING, false,
		"GPADL_TEARDOWN"},
	[HANDOVER_OPEN] = {attachment_take_open, TELLING | RUNNING, false, "OPEN"},
	[HANDOVER_CLOSE] = {attachment_take_close, TELLING | RUNNING, false, "CLOSE"},
	[HANDOVER_MODIFY] = {attachment_take_modify, TELLING | RUNNING, false, "MODIFY"},
	[HANDOVER_READY] = {take_ready, TELLING, false, "READY"},
	[HANDOVER_DETACH] = {take_detach, TELLING | RUNNING, false, "DETACH"},
};

static int dispatch(struct attachment *a, const struct handover_header *msg, size_t len, int fd)
{
	const uint32_t type = msg->type;

	if (type >= sizeof(requests) / sizeof(requests[0]) || requests[type].take == NULL)
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "message type %u is none of a hypervisor's", type);
	if (!(requests[type].states & 1u << a->state))
		return attachment_refuse(
			a, HANDOVER_R_PROTOCOL, "%s came out of turn", requests[type].name);
	if ((fd >= 0) != requests[type].has_fd)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "%s came %s a descriptor",
			requests[type].name, fd >= 0 ? "with" : "without");
	if (a->coming_pfn != NULL && type != HANDOVER_GPADL)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL,
			"%s came amid the pieces of a page list", requests[type].name);
	if (a->state == ATTACHMENT_TELLING && type != HANDOVER_REGION && type != HANDOVER_DETACH &&
		a->mem.n < a->info.hello.n_regions)
		return attachment_refuse(a, HANDOVER_R_PROTOCOL, "%s came before all of the memory",
			requests[type].name);
	return requests[type].take(a, msg, len, fd);
}

// Takes one message. False: none, or the end.
static bool take_one(struct attachment *a)
{
	static _Alignas(uint64_t) uint8_t buffer[HANDOVER_MAX_MESSAGE];
	int fd, len;

	// Pairs with find_gpadl(): the list is in the socket, or we are taking it, or it is there.
	atomic_store(&a->taking, true);
	len = handover_receive(a->sock, buffer, sizeof(buffer), &fd);
	if (len > 0) {
		dispatch(a, (const struct handover_header *)buffer, len, fd);
		if (fd >= 0)
			close(fd);
	} else if (len == -EPROTO) {
		attachment_refuse(a, HANDOVER_R_PROTOCOL, "a message that is none");
	} else if (len != -EAGAIN) {
		finish(a, ATTACHMENT_GONE);
	}
	atomic_store(&a->taking, false);
	return len > 0 && a->state != ATTACHMENT_OVER;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void attachment_run(struct attachment *a)
{
	const uint64_t until = now_ns() + NS_PER_RUN;

	if (a->state == ATTACHMENT_OVER || a->in_run)
		return;
	a->in_run = true;
	if (atomic_load_explicit(&a->mem.dead, memory_order_relaxed))
		attachment_refuse(a, HANDOVER_R_MEMORY, "the guest's memory has holes");
	if (a->state != ATTACHMENT_OVER && a->n_out > 0)
		flush(a);
	for (int i = 0; i < REQUESTS_PER_RUN && a->state != ATTACHMENT_OVER && a->n_out == 0; i++)
		if (!take_one(a) || now_ns() >= until)
			break;
	if (a->state == ATTACHMENT_RUNNING)
		tell_subchannels(a);
	if (a->state == ATTACHMENT_RUNNING)
		tell_error(a);
	a->in_run = false;
	tell_gone(a);
}

bool attachment_unblock(struct attachment *a)
{
	bool tampered = false;
	uint64_t count;

	for (unsigned i = 0; i < HANDOVER_MAX_CHANNELS; i++) {
		int fd = a->channel[i].open ? a->channel[i].vmbus.call_fd : -1;
		int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

		if (flags < 0 || flags & O_NONBLOCK)
			continue;
		tampered = true;
		// Non-blocking first: the peer may have read it empty in between.
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		if (read(fd, &count, sizeof(count)) < 0)
			continue;
	}
	return tampered;
}

int attachment_fd(const struct attachment *a)
{
	return a->epfd;
}

struct netvsp *attachment_netvsp(const struct attachment *a)
{
	return a->vsp;
}

int attachment_kick_fd(const struct attachment *a)
{
	return a->kick_fd;
}

void attachment_get_info(const struct attachment *a, struct attachment_info *info)
{
	*info = a->info;
	info->n_channels_open = 0;
	for (unsigned i = 0; i < HANDOVER_MAX_CHANNELS; i++)
		info->n_channels_open += a->channel[i].open;
}
