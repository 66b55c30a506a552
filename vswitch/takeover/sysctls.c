/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

const char *const host_sysctl_dirs[HOST_N_SYSCTL_DIRS] = {
	"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"};

// The same value again, coarser.
static bool is_double(const char *key)
{
	return strcmp(key, "base_reachable_time") == 0 || strcmp(key, "retrans_time") == 0 ||
	       strcmp(key, "unres_qlen") == 0;
}

bool sysctl_key_is_valid(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)key[i]) && !isdigit((unsigned char)key[i]) &&
			key[i] != '_')
			return false;
	return len > 0 && len < HOST_KEY_SIZE;
}

static int open_dir(unsigned dir, const char *ifname)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/%s", host_sysctl_dirs[dir], ifname);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// False: it has none now, or one that nobody can set.
static bool read_value(int dir, const char *key, char value[HOST_VALUE_SIZE])
{
	int fd = openat(dir, key, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	ssize_t len = fd >= 0 ? read(fd, value, HOST_VALUE_SIZE) : -1;

	if (fd >= 0)
		close(fd);
	if (len <= 0 || len == HOST_VALUE_SIZE)
		return false;
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	value[len] = '\0';
	return true;
}

static int append(struct host_snapshot *into, unsigned dir, const char *key, const char *value)
{
	struct host_sysctl *more =
		realloc(into->sysctl, (into->n_sysctls + 1) * sizeof(*into->sysctl));

	if (more == NULL)
		return -ENOMEM;
	into->sysctl = more;
	more += into->n_sysctls++;
	*more = (struct host_sysctl){.dir = (uint8_t)dir};
	memcpy(more->key, key, strlen(key) + 1); // both checked to fit
	memcpy(more->value, value, strlen(value) + 1);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct host_sysctl *x = a, *y = b;

	return x->dir != y->dir ? (int)x->dir - (int)y->dir : strcmp(x->key, y->key);
}

static int take_dir(struct host_snapshot *into, unsigned dir)
{
	int fd = open_dir(dir, into->link.name), ret = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0; // without that protocol
	}
	while (ret == 0 && (entry = readdir(d)) != NULL) {
		char value[HOST_VALUE_SIZE];

		if (sysctl_key_is_valid(entry->d_name) && !is_double(entry->d_name) &&
			read_value(fd, entry->d_name, value))
			ret = append(into, dir, entry->d_name, value);
	}
	closedir(d);
	return ret;
}

int sysctls_take(struct host_snapshot *into)
{
	int ret = 0;

	free(into->sysctl);
	into->sysctl = NULL;
	into->n_sysctls = 0;
	for (unsigned dir = 0; ret == 0 && dir < HOST_N_SYSCTL_DIRS; dir++)
		ret = take_dir(into, dir);
	if (into->n_sysctls > 0)
		qsort(into->sysctl, into->n_sysctls, sizeof(*into->sysctl), by_key);
	return ret;
}

static int write_value(int dir, const char *key, const char *value)
{
	int fd = openat(dir, key, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), ret = 0;
	ssize_t len = (ssize_t)strlen(value);

	if (fd < 0)
		return -errno;
	if (write(fd, value, (size_t)len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

void sysctls_apply(struct work *work, const struct host_snapshot *now)
{
	const char *dev = work->target.name;

	for (size_t i = 0; i < work->wanted->n_sysctls && !work->stopped; i++) {
		const struct host_sysctl *to = &work->wanted->sysctl[i];
		const char *dir = host_sysctl_dirs[to->dir];
		const struct host_sysctl *is =
			now->n_sysctls == 0
				? NULL
				: bsearch(to, now->sysctl, now->n_sysctls, sizeof(*to), by_key);
		int fd;

		if ((is != NULL && strcmp(is->value, to->value) == 0) ||
			!work_may(work, "sysctl -w net/%s/%s/%s=%s", dir, dev, to->key, to->value))
			continue;
		fd = open_dir(to->dir, dev);
		work_note(work, fd < 0 ? -errno : write_value(fd, to->key, to->value),
			"sysctl -w net/%s/%s/%s=%s", dir, dev, to->key, to->value);
		if (fd >= 0)
			close(fd);
	}
}
