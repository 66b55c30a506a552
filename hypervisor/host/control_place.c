/* SPDX-License-Identifier: BSD-3-Clause */
#include "control_place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "run_dir.h"

#define BACKLOG    16
#define LOCK_TRIES 100 // of 10 ms

static int tell(char why[PARTITION_WHY_SIZE], int ret, const char *path, const char *what)
{
	snprintf(why, PARTITION_WHY_SIZE, "%s %.110s: %s; check --run-dir", what, path,
		strerror(-ret));
	return ret;
}

// Two machines of one name that start at once: one after the other. Whoever may open the folder
// could hold the lock for ever, so it is not waited for that long.
static void lock(int dir)
{
	static const struct timespec moment = {.tv_nsec = 10000000};

	for (unsigned i = 0; i < LOCK_TRIES && flock(dir, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&moment, NULL);
}

static int runs_already(
	const struct options *opt, int sock, const char *path, char why[PARTITION_WHY_SIZE])
{
	socklen_t size = sizeof(struct ucred);
	struct ucred cred = {};
	char who[48] = "";

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 && cred.pid > 0)
		snprintf(who, sizeof(who), " (pid %d)", (int)cred.pid);
	snprintf(why, PARTITION_WHY_SIZE,
		"machine '%s' runs already%s; end it with hvctl stop %s, or give this one another "
		"--name",
		opt->name, who, opt->name);
	return -EADDRINUSE;
}

// Removes the socket of one that has died, and nothing else.
static int clear(const struct control_place *place, const struct options *opt,
	const struct sockaddr_un *addr, char why[PARTITION_WHY_SIZE])
{
	const char *path = addr->sun_path;
	struct stat st;
	int sock, ret;

	if (fstatat(place->dir, place->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : tell(why, -errno, path, "cannot look at");
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, PARTITION_WHY_SIZE,
			"'%.120s' is there and is no socket; remove it, or give another --run-dir",
			path);
		return -EEXIST;
	}
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return tell(why, -errno, path, "cannot make a socket for");
	ret = connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	if (ret == 0 || ret == -EAGAIN)
		ret = runs_already(opt, sock, path, why);
	else if (ret != -ECONNREFUSED && ret != -ENOENT)
		ret = tell(why, ret, path, "cannot tell whether a machine runs at");
	else if (unlinkat(place->dir, place->file, 0) < 0 && errno != ENOENT)
		ret = tell(why, -errno, path, "cannot remove the old socket");
	else
		ret = 0;
	close(sock);
	return ret;
}

// Who the machine will run as. A group that is this user's own may give orders, too: whoever is
// put into it is meant to.
static void choose_owner(struct control_place *place, const struct options *opt)
{
	const struct passwd *user;
	const struct group *group;

	place->uid = geteuid();
	place->gid = getegid();
	user = run_dir_user(opt);
	if (user == NULL || user->pw_uid == 0)
		return;
	place->uid = user->pw_uid;
	place->gid = user->pw_gid;
	group = getgrgid(place->gid);
	place->group = group != NULL && strcmp(group->gr_name, user->pw_name) == 0;
}

// The umask makes the mode, so that the socket is never there with a wider one.
static int bind_and_listen(struct control_place *place, const struct options *opt,
	const struct sockaddr_un *addr, char why[PARTITION_WHY_SIZE])
{
	mode_t mask;
	int ret;

	mask = umask(0177);
	ret = bind(place->listen, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	umask(mask);
	if (ret < 0)
		return tell(why, ret, addr->sun_path, "cannot make the socket");
	place->bound = true;
	ret = run_dir_give(opt, place->dir, place->file);
	if (ret == 0 && place->group && fchmodat(place->dir, place->file, 0660, 0) < 0)
		ret = -errno;
	if (ret == 0 && listen(place->listen, BACKLOG) < 0)
		ret = -errno;
	return ret < 0 ? tell(why, ret, addr->sun_path, "cannot set up the socket") : 0;
}

static int open_socket(struct control_place *place, const struct options *opt,
	const struct sockaddr_un *addr, char why[PARTITION_WHY_SIZE])
{
	int ret;

	place->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (place->listen < 0)
		return tell(why, -errno, addr->sun_path, "cannot make a socket for");
	lock(place->dir);
	ret = clear(place, opt, addr, why);
	if (ret == 0)
		ret = bind_and_listen(place, opt, addr, why);
	flock(place->dir, LOCK_UN);
	return ret;
}

int control_place_open(
	struct control_place *place, const struct options *opt, char why[PARTITION_WHY_SIZE])
{
	struct sockaddr_un *addr = &place->addr;
	int n, ret;

	*place = (struct control_place){.dir = -1, .listen = -1, .addr.sun_family = AF_UNIX};
	snprintf(place->file, sizeof(place->file), "%s.sock", opt->name);
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s", opt->run_dir, place->file);
	if (n >= (int)sizeof(addr->sun_path)) {
		snprintf(why, PARTITION_WHY_SIZE,
			"the path of the control socket would have %d characters, %zu at most; "
			"give a shorter --run-dir or --name",
			n, sizeof(addr->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	choose_owner(place, opt);
	place->dir = run_dir_open(opt, why);
	if (place->dir < 0)
		return place->dir;
	ret = open_socket(place, opt, addr, why);
	if (ret < 0)
		control_place_close(place);
	return ret;
}

// Not by stat(), which the sandbox does not let us: whoever answers there is not us.
static bool somebody_answers(const struct control_place *place)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answers = sock >= 0 && (connect(sock, (const struct sockaddr *)&place->addr,
					     sizeof(place->addr)) == 0 ||
					    errno == EAGAIN);

	if (sock >= 0)
		close(sock);
	return answers;
}

void control_place_close(struct control_place *place)
{
	if (place->listen >= 0)
		close(place->listen);
	if (place->bound && !somebody_answers(place) && unlinkat(place->dir, place->file, 0) < 0 &&
		errno != ENOENT)
		log_warn("control", "cannot remove %s: %s", place->addr.sun_path, strerror(errno));
	if (place->dir >= 0)
		close(place->dir);
	place->dir = place->listen = -1;
	place->bound = false;
}

// SO_PEERCRED tells the primary group only.
static bool has_group(int sock, gid_t primary, gid_t wanted)
{
	socklen_t size = 0;
	bool found = primary == wanted;
	gid_t *gids;

	if (found || getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 ||
		errno != ERANGE)
		return found;
	gids = malloc(size);
	if (gids != NULL && getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0)
		for (socklen_t i = 0; i < size / sizeof(*gids); i++)
			found |= gids[i] == wanted;
	free(gids);
	return found;
}

bool control_place_admits(const struct control_place *place, int sock, uid_t *uid)
{
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return false;
	*uid = cred.uid;
	return cred.uid == 0 || cred.uid == place->uid ||
	       (place->group && has_group(sock, cred.gid, place->gid));
}
