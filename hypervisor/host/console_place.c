/* SPDX-License-Identifier: BSD-3-Clause */
#include "console_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "log.h"
#include "run_dir.h"

#define CHUNK        4096
#define CAREFUL_PIPE 4096 // PIPE_BUF: poll says that so many do not block
#define CAREFUL_TTY  256

// A descriptor of its own, so that "do not block" is said to nobody who shares the old one.
static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void open_stdout(struct console_place *place)
{
	struct stat st;

	place->out = -1;
	if (fstat(STDOUT_FILENO, &st) < 0)
		return;
	place->way = CONSOLE_WAY_WRITE;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		place->way = CONSOLE_WAY_FILE;
	} else if (S_ISSOCK(st.st_mode)) {
		place->way = CONSOLE_WAY_SEND;
	} else {
		place->out = reopen(STDOUT_FILENO, O_WRONLY);
		if (place->out >= 0)
			return;
		place->way = CONSOLE_WAY_CAREFUL;
		place->most = S_ISFIFO(st.st_mode) ? CAREFUL_PIPE : CAREFUL_TTY;
	}
	place->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

// The terminal of a job in the background belongs to somebody else.
static bool is_ours(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

static void open_stdin(struct console_place *place)
{
	struct stat st;

	place->in = -1;
	if (fstat(STDIN_FILENO, &st) < 0)
		return;
	if (isatty(STDIN_FILENO)) {
		if (!is_ours(STDIN_FILENO))
			return;
		place->keys = true;
	}
	if (!S_ISSOCK(st.st_mode))
		place->in = reopen(STDIN_FILENO, O_RDONLY);
	if (place->in < 0)
		place->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

static void open_stdio(struct console_place *place)
{
	open_stdout(place);
	open_stdin(place);
	snprintf(place->name, sizeof(place->name), "stdio");
}

// A link of a machine that has died may be there; anything else stays.
static int make_link(struct console_place *place, const char *target)
{
	struct stat st;

	if (fstatat(place->dir, place->link, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		unlinkat(place->dir, place->link, 0);
	return symlinkat(target, place->dir, place->link) < 0 ? -errno : 0;
}

static void link_pty(struct console_place *place, const struct options *opt, const char *target)
{
	char why[PARTITION_WHY_SIZE];
	int ret;

	snprintf(place->link, sizeof(place->link), "%s.console", opt->name);
	place->dir = run_dir_open(opt, why);
	ret = place->dir < 0 ? place->dir : make_link(place, target);
	if (ret == 0) {
		run_dir_give(opt, place->dir, place->link);
		snprintf(place->name, sizeof(place->name), "%.160s/%s", opt->run_dir, place->link);
		log_info("console", "at %s (%s)", place->name, target);
		return;
	}
	if (place->dir >= 0)
		close(place->dir);
	place->dir = -1;
	snprintf(place->name, sizeof(place->name), "%s", target);
	log_warn("console", "at %s, without a link to it in %s: %s", target, opt->run_dir,
		strerror(-ret));
}

// Nothing is echoed and nothing changed before somebody opens it and wants otherwise.
static void make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
}

static int open_pty(struct console_place *place, const struct options *opt)
{
	char path[64];
	int ret;

	place->in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (place->in < 0)
		return -errno;
	place->out = place->in;
	if (grantpt(place->in) < 0 || unlockpt(place->in) < 0)
		return -errno;
	ret = ptsname_r(place->in, path, sizeof(path));
	if (ret != 0)
		return -ret;
	place->keep = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (place->keep < 0)
		return -errno;
	make_raw(place->keep);
	link_pty(place, opt, path);
	return 0;
}

static int open_file(struct console_place *place, const struct options *opt)
{
	struct stat st;

	place->out = open(opt->console_path,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (place->out < 0 || fstat(place->out, &st) < 0)
		return -errno;
	place->way = S_ISREG(st.st_mode) ? CONSOLE_WAY_FILE : CONSOLE_WAY_WRITE;
	snprintf(place->name, sizeof(place->name), "%s", opt->console_path);
	return 0;
}

int console_place_open(
	struct console_place *place, const struct options *opt, char why[PARTITION_WHY_SIZE])
{
	int ret = 0;

	*place = (struct console_place){
		.in = -1, .out = -1, .keep = -1, .dir = -1, .most = CHUNK, .name = "none"};
	switch (opt->console) {
	case CONSOLE_NONE: return 0;
	case CONSOLE_STDIO: open_stdio(place); return 0;
	case CONSOLE_PTY:
		ret = open_pty(place, opt);
		if (ret < 0)
			snprintf(why, PARTITION_WHY_SIZE,
				"cannot make a pty: %s; use --console stdio or file:PATH",
				strerror(-ret));
		break;
	case CONSOLE_FILE:
		ret = open_file(place, opt);
		if (ret < 0)
			snprintf(why, PARTITION_WHY_SIZE,
				"cannot write the console to '%.120s': %s; check the path of "
				"--console file:PATH",
				opt->console_path, strerror(-ret));
		break;
	}
	if (ret < 0)
		console_place_close(place);
	return ret;
}

void console_place_close(struct console_place *place)
{
	if (place->dir >= 0) {
		unlinkat(place->dir, place->link, 0);
		close(place->dir);
	}
	if (place->keep >= 0)
		close(place->keep);
	if (place->in >= 0)
		close(place->in);
	if (place->out >= 0 && place->out != place->in)
		close(place->out);
	place->in = place->out = place->keep = place->dir = -1;
}
