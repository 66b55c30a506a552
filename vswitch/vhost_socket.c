/* SPDX-License-Identifier: BSD-3-Clause */
// The socket file of a vhost port: checked before, owned after.
#include "vhost.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// True if somebody listens there. A daemon that was killed leaves its file behind.
static bool is_alive(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return true;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	alive = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 || errno != ECONNREFUSED;
	close(fd);
	return alive;
}

static int check_parent(const struct port_config *cfg, struct vsw_error *err)
{
	char parent[VSW_PATH_SIZE];
	struct stat st;

	snprintf(parent, sizeof(parent), "%s", cfg->vhost.path);
	*strrchr(parent, '/') = '\0';
	if (parent[0] == '\0')
		return 0;
	if (stat(parent, &st) != 0)
		return vsw_fail(err, VSW_E_INVALID, "make the directory first",
			"port '%s': directory '%s' of the vhost socket: %s", cfg->name, parent,
			strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return vsw_fail(err, VSW_E_INVALID, "choose another --vhost-socket",
			"port '%s': '%s' is not a directory", cfg->name, parent);
	return 0;
}

int vhost_socket_prepare(const struct port_config *cfg, struct vsw_error *err)
{
	const char *path = cfg->vhost.path;
	struct stat st;
	int ret;

	if (path[0] != '/')
		return vsw_fail(err, VSW_E_INVALID, "give --vhost-socket an absolute path",
			"port '%s': '%s' is no absolute path of a socket", cfg->name, path);
	if (cfg->vhost.mode == VHOST_CLIENT)
		return 0; // it may come later
	ret = check_parent(cfg, err);
	if (ret != 0)
		return ret;
	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return vsw_fail(err, VSW_E_INVALID, "choose another --vhost-socket",
			"port '%s': vhost socket '%s': %s", cfg->name, path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return vsw_fail(err, VSW_E_REFUSED, "remove it or choose another --vhost-socket",
			"port '%s': '%s' exists and is not a socket", cfg->name, path);
	if (is_alive(path))
		return vsw_fail(err, VSW_E_BUSY,
			"choose another --vhost-socket, or stop the program that listens there",
			"port '%s': another program listens on '%s'", cfg->name, path);
	if (unlink(path) != 0)
		return vsw_fail(err, VSW_E_PERMISSION, "remove it or choose another --vhost-socket",
			"port '%s': the stale socket '%s' cannot be removed: %s", cfg->name, path,
			strerror(errno));
	return 0;
}

static bool number(const char *text, unsigned *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static int look_up(const struct port_config *cfg, uid_t *uid, gid_t *gid, struct vsw_error *err)
{
	char user[VSW_NAME_SIZE];
	char *group;
	struct passwd *pw;
	struct group *gr;

	snprintf(user, sizeof(user), "%s", cfg->vhost.owner);
	group = strchr(user, ':');
	if (group != NULL)
		*group++ = '\0';
	if (user[0] != '\0' && !number(user, uid)) {
		pw = getpwnam(user);
		if (pw == NULL)
			return vsw_fail(err, VSW_E_INVALID, "see: getent passwd",
				"port '%s': there is no user '%s' to own the socket", cfg->name,
				user);
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
	if (group != NULL && !number(group, gid)) {
		gr = getgrnam(group);
		if (gr == NULL)
			return vsw_fail(err, VSW_E_INVALID, "see: getent group",
				"port '%s': there is no group '%s' to own the socket", cfg->name,
				group);
		*gid = gr->gr_gid;
	}
	return 0;
}

int vhost_socket_own(const struct port_config *cfg, struct vsw_error *err)
{
	mode_t perm = cfg->vhost.perm != 0 ? cfg->vhost.perm : 0660;
	uid_t uid = -1;
	gid_t gid = -1;
	int ret = look_up(cfg, &uid, &gid, err);

	if (ret != 0)
		return ret;
	if (cfg->vhost.owner[0] != '\0' && lchown(cfg->vhost.path, uid, gid) != 0)
		return vsw_fail(err, VSW_E_PERMISSION,
			"run the daemon as root, or leave the owner out",
			"port '%s': '%s' cannot be given to '%s': %s", cfg->name, cfg->vhost.path,
			cfg->vhost.owner, strerror(errno));
	if (chmod(cfg->vhost.path, perm) != 0)
		return vsw_fail(err, VSW_E_PERMISSION, NULL,
			"port '%s': mode of '%s' cannot be set: %s", cfg->name, cfg->vhost.path,
			strerror(errno));
	return 0;
}
