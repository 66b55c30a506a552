/* SPDX-License-Identifier: BSD-3-Clause */
// The socket that hypervisors connect to. Like the control socket it is open to everybody on the
// host: who connects is what counts, and a hypervisor without privileges is no member of a group
// that may change the switch.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vswitch/guard.h>
#include <vswitch/log.h>

#include "nic.h"

#define ACCEPTS_PER_TURN 16

static struct sockaddr_un addr;
static int listen_fd = -1;
static int spare_fd = -1; // closed for a moment to turn somebody away when there are no more fds
static bool bound;
static sd_event_source *source;

static void turn_away(void)
{
	int fd;

	guard_enter();
	close(spare_fd);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	guard_leave();
}

static int on_listen(sd_event_source *, int, uint32_t, void *)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			nic_accept(fd);
		else if (errno == EMFILE || errno == ENFILE)
			turn_away();
		else
			break;
	}
	return 0;
}

// Removes what a dead daemon left; anything alive or not a socket is left alone.
static int clear_path(struct vsw_error *err)
{
	const char *path = addr.sun_path;
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
		                       : vsw_fail(err, VSW_E_DEVICE, NULL, "'%s': %s", path,
						 strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return vsw_fail(err, VSW_E_REFUSED, "remove it, or give another --vsp-socket",
			"'%s' is there and is no socket", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "socket: %s", strerror(errno));
	ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? errno : 0;
	close(fd);
	if (ret == 0 || ret == EAGAIN || ret == EPROTOTYPE)
		return vsw_fail(err, VSW_E_BUSY,
			"stop it, or give this one its own --run-dir or --vsp-socket",
			"another process serves on '%s'", path);
	if (unlink(path) < 0)
		return vsw_fail(err, VSW_E_DEVICE, "remove it by hand",
			"cannot remove the old socket '%s': %s", path, strerror(errno));
	return 0;
}

static int open_socket(struct vsw_error *err)
{
	mode_t mask = umask(0111); // never there with another mode
	int ret = 0;

	listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = errno;
	umask(mask);
	bound = ret == 0;
	if (ret == 0 && listen(listen_fd, SOMAXCONN) < 0)
		ret = errno;
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (ret != 0)
		return vsw_fail(err, VSW_E_DEVICE,
			"check the directory and its permissions, or give --vsp-socket",
			"cannot listen on '%s': %s", addr.sun_path, strerror(ret));
	return 0;
}

int vsp_listen(sd_event *event, const char *path, struct vsw_error *err)
{
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return vsw_fail(err, VSW_E_INVALID, "give a shorter --vsp-socket or --run-dir",
			"the path '%.60s…' is too long for a socket", path);
	addr.sun_family = AF_UNIX;
	strcpy(addr.sun_path, path);
	ret = clear_path(err);
	if (ret < 0)
		return ret;
	ret = open_socket(err);
	if (ret < 0)
		return ret;
	ret = sd_event_add_io(event, &source, listen_fd, EPOLLIN, on_listen, NULL);
	if (ret < 0)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no event source: %s", strerror(-ret));
	log_info("vmnic", "hypervisors may connect socket=%s", path);
	return 0;
}

void vsp_unlisten(void)
{
	source = sd_event_source_disable_unref(source);
	if (bound)
		unlink(addr.sun_path);
	bound = false;
	if (listen_fd >= 0)
		close(listen_fd);
	if (spare_fd >= 0)
		close(spare_fd);
	listen_fd = spare_fd = -1;
}
