/* SPDX-License-Identifier: BSD-3-Clause */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"

static int busy(const struct listener *l, struct vsw_error *err)
{
	char remedy[80];

	snprintf(remedy, sizeof(remedy), "stop it, or give this one its own --run-dir or %s",
		l->option);
	return vsw_fail(
		err, VSW_E_BUSY, remedy, "another %s serves on '%s'", l->rival, l->addr.sun_path);
}

static int clear_path(const struct listener *l, struct vsw_error *err)
{
	const char *path = l->addr.sun_path;
	char remedy[64];
	struct stat st;
	int fd, ret;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0
		                       : vsw_fail(err, VSW_E_DEVICE, NULL, "'%s': %s", path,
						 strerror(errno));
	snprintf(remedy, sizeof(remedy), "remove it, or give another %s", l->option);
	if (!S_ISSOCK(st.st_mode))
		return vsw_fail(err, VSW_E_REFUSED, remedy, "'%s' is there and is no socket", path);
	fd = socket(AF_UNIX, l->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "socket: %s", strerror(errno));
	ret = connect(fd, (const struct sockaddr *)&l->addr, sizeof(l->addr)) < 0 ? errno : 0;
	close(fd);
	// A socket of another type that somebody listens on is alive, too.
	if (ret == 0 || ret == EAGAIN || ret == EPROTOTYPE)
		return busy(l, err);
	if (unlink(path) < 0)
		return vsw_fail(err, VSW_E_DEVICE, "remove it by hand",
			"cannot remove the old socket '%s': %s", path, strerror(errno));
	return 0;
}

// The umask makes the mode, so that the socket is never there with another one.
static int bind_open(struct listener *l)
{
	mode_t mask = umask(0111);
	int ret = bind(l->fd, (struct sockaddr *)&l->addr, sizeof(l->addr));

	ret = ret < 0 ? -errno : 0;
	umask(mask);
	return ret;
}

int listener_open(struct listener *l, struct vsw_error *err)
{
	char remedy[80];
	int ret;

	l->fd = l->spare_fd = -1;
	ret = clear_path(l, err);
	if (ret < 0)
		return ret;
	l->fd = socket(AF_UNIX, l->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "socket: %s", strerror(errno));
	ret = bind_open(l);
	l->bound = ret == 0;
	if (ret == 0 && listen(l->fd, SOMAXCONN) < 0)
		ret = -errno;
	snprintf(remedy, sizeof(remedy), "check the directory and its permissions, or give %s",
		l->option);
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, remedy, "cannot listen on '%s': %s",
			l->addr.sun_path, strerror(-ret));
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

void listener_close(struct listener *l)
{
	if (l->bound)
		unlink(l->addr.sun_path);
	l->bound = false;
	if (l->fd >= 0)
		close(l->fd);
	if (l->spare_fd >= 0)
		close(l->spare_fd);
	l->fd = l->spare_fd = -1;
}

void listener_turn_away(struct listener *l, void (*refuse)(int fd))
{
	int fd;

	guard_enter();
	close(l->spare_fd);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		refuse(fd);
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	guard_leave();
}
