/* SPDX-License-Identifier: BSD-3-Clause */
// The connection to the provider: made, lost, made again.
//
// away -> attaching: all there is has been told -> attached: READY_DONE. The first time, the NIC
// is then offered to the guest. The socket's end, at any step, leads back to away: what was asked
// of the provider is answered by us, and the guest, whose channels stay open, just waits.
//
// If the provider refuses the NIC, or we have had enough of it, it may still be in the guest's
// memory, and in its rings. So we only end our half of the socket (dropping), hear nothing more
// of what it says, and wait for the end of its half, which it closes last of all.
#include "vsp_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "vsp_link_state.h"

#define MESSAGES_PER_RUN 64 // others have something to do, too

void vsp_tell(struct vsp_link *link, bool warning, const char *fmt, ...)
{
	char text[2 * HANDOVER_REASON_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (link->options.tell != NULL)
		link->options.tell(link->options.tell_arg, warning, text);
}

void vsp_link_arm(struct vsp_link *link, unsigned ms)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l + 1},
	};

	timerfd_settime(link->timer_fd, 0, &when, NULL);
}

static void disconnect(struct vsp_link *link)
{
	if (link->sock < 0)
		return;
	close(link->sock);
	link->sock = -1;
	link->dropping = false;
	vsp_drop_out(link);
}

static void removed(struct vsp_link *link)
{
	disconnect(link);
	link->state = VSP_LINK_REMOVED;
	link->reason[0] = '\0';
	vsp_tell(link, false, "the NIC is removed");
}

// The guest must let go of the NIC, and no provider will see it through.
static void go_alone(struct vsp_link *link)
{
	if (link->alone)
		return;
	link->alone = true;
	vsp_tell(link, true, "the guest has to let go of the NIC");
	vmbus_rescind(link->device);
	if (link->alone) // not released yet
		vsp_link_arm(link, 0);
}

// A reason that was told is not told again.
static void set_over(
	struct vsp_link *link, enum vsp_link_state state, const char *reason, unsigned retry_ms)
{
	link->state = state;
	link->retry_ms = retry_ms;
	snprintf(link->reason, sizeof(link->reason), "%s", reason);
	if (strcmp(link->told, reason) != 0)
		vsp_tell(link, true, "%s: %s",
			state == VSP_LINK_REFUSED ? "the provider refuses the NIC"
						  : "waiting for the provider",
			reason);
	snprintf(link->told, sizeof(link->told), "%s", reason);
}

// There is no provider (any more): it touches nothing.
static void is_gone(struct vsp_link *link)
{
	bool renew = link->renew;

	disconnect(link);
	link->renew = false;
	vsp_link_arm(link, link->retry_ms);
	vsp_answer_all(link);
	// What only the record knew is lost. With nothing open a new one will do.
	renew = renew && link->channel[0].open;
	if ((renew || link->removing) && link->device != NULL)
		go_alone(link);
	else if (link->removing)
		removed(link);
}

void vsp_link_drop(
	struct vsp_link *link, enum vsp_link_state state, const char *reason, unsigned retry_ms)
{
	if (link->sock < 0 || link->dropping)
		return;
	link->dropping = true;
	set_over(link, state, reason, retry_ms);
	vsp_drop_out(link);
	shutdown(link->sock, SHUT_WR);
	vsp_link_arm(link, VSP_LET_GO_MS);
}

void vsp_link_renew(struct vsp_link *link)
{
	link->renew = true;
	vsp_link_drop(link, VSP_LINK_REFUSED, "an open channel could not be taken up",
		VSP_RETRY_REFUSED_MS);
}

void vsp_link_released(struct vsp_link *link)
{
	link->alone = false;
	if (!link->removing) {
		vsp_tell(link, false,
			"the guest has let go of the NIC, which will be offered again");
		vsp_link_arm(link, 0);
	} else if (link->sock >= 0) {
		vsp_send_plain(link, HANDOVER_DETACH);
	} else {
		removed(link);
	}
}

// ---- connect

// A connected socket, or -errno.
static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock, err;

	strcpy(addr.sun_path, path); // its length was checked
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = errno;
		close(sock);
		return -err;
	}
	return sock;
}

static void cannot_connect(struct vsp_link *link, const char *reason)
{
	set_over(link, VSP_LINK_AWAY, reason, VSP_RETRY_AWAY_MS);
	is_gone(link);
}

static void try_to_connect(struct vsp_link *link)
{
	struct epoll_event ev = {.events = EPOLLIN};
	char reason[HANDOVER_REASON_SIZE];
	int sock = connect_to(link->socket_path), ret;

	if (sock < 0) {
		snprintf(reason, sizeof(reason), "%s: %s", link->socket_path, strerror(-sock));
		cannot_connect(link, reason);
		return;
	}
	ev.data.fd = sock;
	if (epoll_ctl(link->epfd, EPOLL_CTL_ADD, sock, &ev) < 0) {
		snprintf(reason, sizeof(reason), "%s", strerror(errno));
		close(sock);
		cannot_connect(link, reason);
		return;
	}
	link->sock = sock;
	link->welcomed = false;
	link->state = VSP_LINK_ATTACHING;
	ret = vsp_replay(link);
	if (ret < 0)
		vsp_link_drop(link, VSP_LINK_AWAY, strerror(-ret), VSP_RETRY_AWAY_MS);
}

// ---- what the provider says. Each: false if that is nothing it may say.

static bool take_welcome(struct vsp_link *link, const void *msg, int *fd)
{
	const struct handover_welcome *m = msg;

	if (link->welcomed || *fd < 0 || m->version != HANDOVER_VERSION)
		return false;
	link->welcomed = true;
	link->lacks_port =
		(m->flags & (HANDOVER_TELLS_PORT | HANDOVER_HAS_PORT)) == HANDOVER_TELLS_PORT;
	link->record_used = true;
	vsp_bind_kick(link, *fd);
	*fd = -1;
	return true;
}

static bool take_ready_done(struct vsp_link *link, const void *, int *)
{
	if (link->state != VSP_LINK_ATTACHING || !link->welcomed)
		return false;
	link->state = VSP_LINK_ATTACHED;
	link->reason[0] = link->told[0] = '\0';
	vsp_tell(link, false, "the provider serves the NIC");
	if (link->device != NULL || link->removing)
		return true;
	link->device = vmbus_offer(link->options.bus, &vmbus_nic_class, &link->options.instance,
		&vsp_device_ops, link);
	if (link->device == NULL)
		vsp_tell(link, true, "cannot offer the NIC: %s", strerror(errno));
	return true;
}

static bool take_refused(struct vsp_link *link, const void *msg, int *)
{
	const struct handover_refused *m = msg;
	char reason[HANDOVER_REASON_SIZE];

	snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(m->reason) - 1, m->reason);
	link->renew = m->code == HANDOVER_R_RECORD;
	vsp_link_drop(link, VSP_LINK_REFUSED, reason, VSP_RETRY_REFUSED_MS);
	return true;
}

static bool take_open_result(struct vsp_link *link, const void *msg, int *fd)
{
	struct handover_open_result m;

	memcpy(&m, msg, sizeof(m));
	m.reason[sizeof(m.reason) - 1] = '\0';
	if (m.index >= HANDOVER_MAX_CHANNELS)
		return false;
	vsp_open_result(link, &m, *fd);
	*fd = -1;
	return true;
}

static bool take_channel_error(struct vsp_link *link, const void *msg, int *)
{
	const struct handover_open_result *m = msg;

	vsp_tell(link, true, "the guest broke a rule, and channel %u stands still: %.*s", m->index,
		(int)sizeof(m->reason) - 1, m->reason);
	return true;
}

static bool take_close_done(struct vsp_link *link, const void *msg, int *)
{
	const struct handover_id *m = msg;

	if (m->id < HANDOVER_MAX_CHANNELS)
		vsp_close_done(link, m->id);
	return m->id < HANDOVER_MAX_CHANNELS;
}

static bool take_modify_done(struct vsp_link *link, const void *msg, int *)
{
	const struct handover_id *m = msg;

	if (m->id < HANDOVER_MAX_CHANNELS)
		vsp_modify_done(link, m->id);
	return m->id < HANDOVER_MAX_CHANNELS;
}

static bool take_gpadl_gone(struct vsp_link *link, const void *msg, int *)
{
	vsp_gpadl_gone(link, ((const struct handover_id *)msg)->id);
	return true;
}

static bool take_subchannels(struct vsp_link *link, const void *msg, int *)
{
	const struct handover_subchannels *m = msg;
	int ret;

	if (m->total >= HANDOVER_MAX_CHANNELS)
		return false;
	if (link->device == NULL)
		return true; // just gone
	ret = vmbus_offer_subchannels(link->device, m->total);
	// The guest may have closed, or be rescinded, before it came.
	if (ret < 0 && ret != -ENOTCONN && ret != -ENODEV)
		vsp_tell(link, true, "cannot offer %u sub-channels: %s", m->total, strerror(-ret));
	return true;
}

static bool take_detach_done(struct vsp_link *link, const void *, int *)
{
	if (!link->removing || link->device != NULL)
		return false;
	removed(link);
	return true;
}

static bool (*const handlers[])(struct vsp_link *link, const void *msg, int *fd) = {
	[HANDOVER_WELCOME] = take_welcome,
	[HANDOVER_REFUSED] = take_refused,
	[HANDOVER_OPEN_RESULT] = take_open_result,
	[HANDOVER_CLOSE_DONE] = take_close_done,
	[HANDOVER_GPADL_GONE] = take_gpadl_gone,
	[HANDOVER_MODIFY_DONE] = take_modify_done,
	[HANDOVER_SUBCHANNELS] = take_subchannels,
	[HANDOVER_READY_DONE] = take_ready_done,
	[HANDOVER_CHANNEL_ERROR] = take_channel_error,
	[HANDOVER_DETACH_DONE] = take_detach_done,
};

static bool dispatch(struct vsp_link *link, const struct handover_header *msg, int *fd)
{
	uint32_t type = msg->type;

	if (type >= sizeof(handlers) / sizeof(handlers[0]) || handlers[type] == NULL)
		return false;
	if (!link->welcomed && type != HANDOVER_WELCOME && type != HANDOVER_REFUSED)
		return false;
	return handlers[type](link, msg, fd);
}

// False: nothing more to take.
static bool take_one(struct vsp_link *link)
{
	_Alignas(uint64_t) uint8_t buffer[512]; // longer ones come from hypervisors only
	int fd, ret = handover_receive(link->sock, buffer, sizeof(buffer), &fd);

	if (ret == -EAGAIN)
		return false;
	if (ret > 0 && !link->dropping &&
		!dispatch(link, (const struct handover_header *)buffer, &fd))
		ret = -EPROTO;
	if (fd >= 0)
		close(fd);
	if (ret == -EPROTO) {
		vsp_link_drop(link, VSP_LINK_REFUSED, "it says what no provider may say",
			VSP_RETRY_REFUSED_MS);
	} else if (ret < 0) {
		vsp_link_drop(link, VSP_LINK_AWAY, strerror(-ret), VSP_RETRY_AWAY_MS);
		return false;
	} else if (ret == 0) {
		if (!link->dropping)
			set_over(link, VSP_LINK_AWAY, "it has gone", VSP_RETRY_AWAY_MS);
		is_gone(link);
	}
	return link->sock >= 0;
}

// ---- run

static void on_timer(struct vsp_link *link)
{
	uint64_t count;

	if (read(link->timer_fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (link->dropping) {
		vsp_tell(link, true,
			"the provider at %s has not let go of the guest's memory in %u s: what the "
			"guest wants back waits until it does, or ends",
			link->socket_path, VSP_LET_GO_MS / 1000);
	} else if (link->alone) {
		if (vsp_drain(link))
			vsp_link_arm(link, VSP_DRAIN_MS);
	} else if (link->sock < 0 && link->state != VSP_LINK_REMOVED) {
		try_to_connect(link);
	}
}

void vsp_link_run(struct vsp_link *link)
{
	int ret = 0;

	on_timer(link);
	if (link->sock >= 0)
		ret = vsp_flush(link);
	for (int i = 0; i < MESSAGES_PER_RUN && link->sock >= 0; i++)
		if (!take_one(link))
			break;
	// Only now: what the provider said last may be why.
	if (ret < 0)
		vsp_link_drop(link, VSP_LINK_AWAY, strerror(-ret), VSP_RETRY_AWAY_MS);
}

void vsp_link_remove(struct vsp_link *link)
{
	if (link->removing)
		return;
	link->removing = true;
	if (link->device == NULL && link->sock >= 0)
		vsp_send_plain(link, HANDOVER_DETACH);
	else if (link->device == NULL)
		removed(link);
	else if (link->sock < 0)
		go_alone(link);
	else
		vmbus_rescind(link->device);
}

int vsp_link_fd(const struct vsp_link *link)
{
	return link->epfd;
}

bool vsp_link_lacks_port(const struct vsp_link *link)
{
	return link->lacks_port;
}

enum vsp_link_state vsp_link_state(const struct vsp_link *link, char *reason, size_t size)
{
	if (size > 0)
		snprintf(reason, size, "%s", link->reason);
	return link->state;
}

// ---- create, destroy

static char *copy_name(const char *name, size_t limit)
{
	if (name == NULL || name[0] == '\0' || strlen(name) >= limit) {
		errno = EINVAL;
		return NULL;
	}
	return strdup(name);
}

static int copy_names(struct vsp_link *link)
{
	const struct vsp_link_options *o = &link->options;
	struct sockaddr_un addr;

	link->socket_path = copy_name(o->socket_path, sizeof(addr.sun_path));
	link->partition = copy_name(o->partition, HANDOVER_NAME_SIZE);
	link->nic = copy_name(o->nic, HANDOVER_NAME_SIZE);
	link->port = copy_name(o->port, HANDOVER_NAME_SIZE);
	link->software = copy_name(o->software, HANDOVER_NAME_SIZE);
	return link->socket_path == NULL || link->partition == NULL || link->nic == NULL ||
	                       link->port == NULL || link->software == NULL
	               ? -errno
	               : 0;
}

static int create_fds(struct vsp_link *link)
{
	struct epoll_event ev = {.events = EPOLLIN};

	link->epfd = epoll_create1(EPOLL_CLOEXEC);
	link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (link->epfd < 0 || link->timer_fd < 0)
		return -errno;
	ev.data.fd = link->timer_fd;
	return epoll_ctl(link->epfd, EPOLL_CTL_ADD, link->timer_fd, &ev) < 0 ? -errno : 0;
}

struct vsp_link *vsp_link_create(const struct vsp_link_options *options)
{
	struct vsp_link *link = calloc(1, sizeof(*link));
	int ret;

	if (link == NULL)
		return NULL;
	link->options = *options;
	link->sock = link->kick_fd = link->record_fd = link->epfd = link->timer_fd = -1;
	STAILQ_INIT(&link->out);
	for (uint32_t i = 0; i < HANDOVER_MAX_CHANNELS; i++)
		link->channel[i].call_fd = -1;
	ret = copy_names(link);
	if (ret == 0)
		ret = create_fds(link);
	if (ret == 0)
		ret = vsp_record_create(link);
	if (ret < 0) {
		vsp_link_destroy(link);
		errno = -ret;
		return NULL;
	}
	vsp_link_arm(link, 0);
	return link;
}

void vsp_link_destroy(struct vsp_link *link)
{
	if (link == NULL)
		return;
	disconnect(link);
	vsp_unbind_all(link);
	if (link->device != NULL)
		vmbus_abandon(link->device);
	vsp_record_drop(link);
	if (link->timer_fd >= 0)
		close(link->timer_fd);
	if (link->epfd >= 0)
		close(link->epfd);
	free(link->socket_path);
	free(link->partition);
	free(link->nic);
	free(link->port);
	free(link->software);
	free(link);
}
