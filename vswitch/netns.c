/* SPDX-License-Identifier: BSD-3-Clause */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

struct call {
	int fd;
	int setns_errno;
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

static int open_netns(const char *netns, struct vsw_error *err)
{
	char path[VSW_PATH_SIZE + 16];
	int fd;

	if (netns[0] == '/')
		snprintf(path, sizeof(path), "%s", netns);
	else if (netns[0] == '\0')
		snprintf(path, sizeof(path), "/proc/thread-self/ns/net");
	else if (strchr(netns, '/') != NULL || netns[0] == '.')
		return vsw_fail(err, VSW_E_INVALID,
			"give a name as 'ip netns list' shows it, or an absolute path",
			"'%s' is no name of a network namespace", netns);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: ip netns list, ip netns add",
			"network namespace '%s' does not exist", netns);
	if (fd < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot open network namespace '%s': %s",
			netns, strerror(errno));
	return fd;
}

int netns_identify(const char *netns, struct netns_id *id, struct vsw_error *err)
{
	struct stat st;
	int fd = open_netns(netns, err), ret = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		ret = vsw_fail(err, VSW_E_DEVICE, NULL, "network namespace '%s': %s", netns,
			strerror(errno));
	else
		*id = (struct netns_id){.dev = st.st_dev, .ino = st.st_ino};
	close(fd);
	return ret;
}

static void *call_thread(void *arg)
{
	struct call *call = arg;

	if (setns(call->fd, CLONE_NEWNET) < 0)
		call->setns_errno = errno;
	else
		call->ret = call->fn(call->arg);
	return NULL;
}

int netns_call(const char *netns, int (*fn)(void *arg), void *arg, struct vsw_error *err)
{
	struct call call = {.fn = fn, .arg = arg};
	pthread_t thread;
	int ret;

	if (netns[0] == '\0')
		return fn(arg);
	call.fd = open_netns(netns, err);
	if (call.fd < 0)
		return call.fd;
	ret = pthread_create(&thread, NULL, call_thread, &call);
	if (ret != 0) {
		close(call.fd);
		return vsw_fail(
			err, VSW_E_DEVICE, NULL, "cannot start a thread: %s", strerror(ret));
	}
	pthread_join(thread, NULL);
	close(call.fd);
	if (call.setns_errno == EINVAL)
		return vsw_fail(err, VSW_E_INVALID, "see: ip netns list",
			"'%s' is not a network namespace", netns);
	if (call.setns_errno != 0)
		return vsw_fail(err, call.setns_errno == EPERM ? VSW_E_PERMISSION : VSW_E_DEVICE,
			"entering a namespace takes CAP_SYS_ADMIN",
			"cannot enter network namespace '%s': %s", netns,
			strerror(call.setns_errno));
	return call.ret;
}
