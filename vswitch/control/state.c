/* SPDX-License-Identifier: BSD-3-Clause */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vswitch/log.h>

#include "config_json.h"

#define STATE_MAX (64u << 20) // bytes: no configuration is that large

struct state {
	int dir_fd; // holds the lock
	bool prepared;
	char dir[PATH_MAX];
};

// mkdir -p, for the directory itself and those above it.
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (char *at = path + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

// The lock is on the directory itself: it needs no space on a full disk and leaves no file.
static int lock_dir(struct state *state, struct vsw_error *err)
{
	if (flock(state->dir_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return vsw_fail(err, VSW_E_BUSY,
			"stop the other one, or give this one a --state-dir of its own",
			"state directory '%.120s' is in use by another vswitchd", state->dir);
	return vsw_fail(err, VSW_E_STATE, NULL, "state directory '%.120s' cannot be locked: %s",
		state->dir, strerror(errno));
}

struct state *state_open(const char *dir, struct vsw_error *err)
{
	struct state *state = calloc(1, sizeof(*state));
	int ret;

	if (state == NULL) {
		vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
		return NULL;
	}
	snprintf(state->dir, sizeof(state->dir), "%s", dir);
	ret = make_dirs(dir);
	state->dir_fd = ret < 0 ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir_fd < 0) {
		vsw_fail(err, VSW_E_STATE, "make it writable, or choose another with --state-dir",
			"state directory '%.120s' cannot be used: %s", dir,
			strerror(ret < 0 ? -ret : errno));
		goto open_failed;
	}
	if (lock_dir(state, err) < 0)
		goto lock_failed;
	if (unlinkat(state->dir_fd, STATE_FILE_NEXT, 0) == 0)
		log_info("state", "removed what an interrupted change left dir=%s", dir);
	else if (errno != ENOENT)
		log_warn("state", "state directory is not writable dir=%s error=\"%s\"", dir,
			strerror(errno));
	return state;

lock_failed:
	close(state->dir_fd);
open_failed:
	free(state);
	return NULL;
}

void state_close(struct state *state)
{
	if (state == NULL)
		return;
	state_discard(state);
	close(state->dir_fd);
	free(state);
}

static int read_failed(const struct state *state, int error, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_STATE, "see to it that vswitchd may read it",
		"state file '%.120s/" STATE_FILE "' cannot be read: %s", state->dir,
		strerror(error));
}

// The whole file, malloc'ed. *len 0 and NULL text with 0: there is none.
static int read_file(const struct state *state, char **text, size_t *len, struct vsw_error *err)
{
	int fd = openat(state->dir_fd, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	size_t done = 0;
	int ret;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : read_failed(state, errno, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > STATE_MAX) {
		ret = read_failed(state, EFBIG, err);
		goto out;
	}
	*text = malloc(st.st_size + 1);
	if (*text == NULL) {
		ret = read_failed(state, ENOMEM, err);
		goto out;
	}
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, *text + done, st.st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ret = read_failed(state, errno, err);
			free(*text);
			*text = NULL;
			goto out;
		}
		if (n == 0)
			break;
		done += n;
	}
	*len = done;
	ret = 0;
out:
	close(fd);
	return ret;
}

struct config *state_load(struct state *state, struct vsw_error *err)
{
	struct config *cfg = NULL;
	struct vsw_error why = {};
	json_error_t parse;
	json_t *doc;
	char *text;
	size_t len;

	if (read_file(state, &text, &len, err) < 0)
		return NULL;
	if (text == NULL) {
		cfg = config_create();
		if (cfg == NULL)
			vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
		return cfg;
	}
	doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &parse);
	free(text);
	if (doc == NULL) {
		vsw_fail(err, VSW_E_STATE,
			"repair it, or move it away to start with an empty configuration",
			"state file '%.120s/" STATE_FILE "', line %d: %.120s", state->dir,
			parse.line, parse.text);
		return NULL;
	}
	cfg = config_from_json(doc, &why);
	json_decref(doc);
	if (cfg == NULL)
		vsw_fail(err, VSW_E_STATE,
			why.code == VSW_E_UNSUPPORTED
				? "start the version that wrote it, or move it away to start with "
				  "an "
				  "empty configuration"
				: "repair it, or move it away to start with an empty configuration",
			"state file '%.120s/" STATE_FILE "': %.180s", state->dir, why.reason);
	return cfg;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= n;
	}
	return 0;
}

static int write_failed(const struct state *state, int error, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_STATE,
		"make room or the directory writable, and try again; nothing was changed",
		"the configuration cannot be saved in '%.120s': %s", state->dir, strerror(error));
}

static char *to_text(const struct config *cfg)
{
	json_t *doc = config_to_json(cfg);
	char *text = doc == NULL ? NULL : json_dumps(doc, JSON_INDENT(2));

	json_decref(doc);
	return text;
}

int state_prepare(struct state *state, const struct config *cfg, struct vsw_error *err)
{
	char *text = to_text(cfg);
	int fd, ret;

	if (text == NULL)
		return write_failed(state, ENOMEM, err);
	fd = openat(state->dir_fd, STATE_FILE_NEXT,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		ret = -errno;
		goto out;
	}
	state->prepared = true;
	ret = write_all(fd, text, strlen(text));
	if (ret == 0)
		ret = write_all(fd, "\n", 1);
	if (ret == 0 && fsync(fd) < 0)
		ret = -errno;
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
out:
	free(text);
	if (ret < 0) {
		state_discard(state);
		return write_failed(state, -ret, err);
	}
	return 0;
}

int state_commit(struct state *state, struct vsw_error *err)
{
	if (renameat(state->dir_fd, STATE_FILE_NEXT, state->dir_fd, STATE_FILE) < 0) {
		int error = errno;

		state_discard(state);
		return write_failed(state, error, err);
	}
	state->prepared = false;
	if (fsync(state->dir_fd) < 0)
		return write_failed(state, errno, err);
	return 0;
}

void state_discard(struct state *state)
{
	if (!state->prepared)
		return;
	unlinkat(state->dir_fd, STATE_FILE_NEXT, 0);
	state->prepared = false;
}
