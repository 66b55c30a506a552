/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

const struct passwd *run_dir_user(const struct options *opt)
{
	unsigned long uid;
	char *end;

	if (geteuid() != 0 || opt->user == NULL)
		return getpwuid(geteuid());
	uid = strtoul(opt->user, &end, 10);
	if (opt->user[0] >= '0' && opt->user[0] <= '9' && *end == '\0')
		return getpwuid(uid);
	return getpwnam(opt->user);
}

int run_dir_open(const struct options *opt, char why[PARTITION_WHY_SIZE])
{
	const struct passwd *user;
	bool made = mkdir(opt->run_dir, 0755) == 0;
	int fd, ret;

	if (!made && errno != EEXIST) {
		ret = -errno;
		snprintf(why, PARTITION_WHY_SIZE,
			"cannot make the folder %.100s: %s; check --run-dir", opt->run_dir,
			strerror(-ret));
		return ret;
	}
	fd = open(opt->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		snprintf(why, PARTITION_WHY_SIZE,
			"cannot open the folder %.100s: %s; check "
			"--run-dir",
			opt->run_dir, strerror(-ret));
		return ret;
	}
	user = made && geteuid() == 0 ? run_dir_user(opt) : NULL;
	if (user != NULL && fchown(fd, user->pw_uid, user->pw_gid) < 0)
		log_warn("control", "cannot give %s to %s: %s", opt->run_dir, user->pw_name,
			strerror(errno));
	return fd;
}

int run_dir_give(const struct options *opt, int dir, const char *name)
{
	const struct passwd *user = geteuid() == 0 ? run_dir_user(opt) : NULL;

	if (user == NULL)
		return 0;
	return fchownat(dir, name, user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno
	                                                                                : 0;
}
