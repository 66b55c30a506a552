/* SPDX-License-Identifier: BSD-3-Clause */
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"
#include "record.h"

struct host_snapshot *host_snapshot_create(void)
{
	return calloc(1, sizeof(struct host_snapshot));
}

void host_snapshot_destroy(struct host_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	link_free(&snapshot->link);
	for (unsigned kind = 0; kind < HOST_N_KINDS; kind++)
		records_clear(&snapshot->records[kind]);
	while (snapshot->n_left > 0)
		free(snapshot->left[--snapshot->n_left]);
	free(snapshot->left);
	free(snapshot->links);
	free(snapshot->sysctl);
	free(snapshot->maddr);
	free(snapshot);
}

// --- the clock -------------------------------------------------------------------------------

static int64_t seconds_of(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return now.tv_sec;
}

static void read_boot_id(char boot_id[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, boot_id, 36) : 0;

	boot_id[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void snapshot_stamp(struct host_snapshot *snapshot)
{
	snapshot->boot_seconds = seconds_of(CLOCK_BOOTTIME);
	snapshot->real_seconds = seconds_of(CLOCK_REALTIME);
	read_boot_id(snapshot->boot_id);
}

uint32_t snapshot_age(const struct host_snapshot *snapshot)
{
	char boot_id[40];
	int64_t age;

	read_boot_id(boot_id);
	// The clock on the wall may have been set; it is all there is across a reboot.
	if (strcmp(boot_id, snapshot->boot_id) == 0)
		age = seconds_of(CLOCK_BOOTTIME) - snapshot->boot_seconds;
	else
		age = seconds_of(CLOCK_REALTIME) - snapshot->real_seconds;
	if (age < 0)
		return 0;
	return age >= RECORD_FOREVER ? RECORD_FOREVER - 1 : (uint32_t)age;
}

// --- what it consists of ---------------------------------------------------------------------

int snapshot_link(struct host_snapshot *snapshot, uint32_t ifindex)
{
	char name[IFNAMSIZ] = "", (*more)[IFNAMSIZ];

	if (ifindex == snapshot->ifindex)
		return 0;
	if (if_indextoname(ifindex, name) == NULL)
		return -ENODEV;
	for (size_t i = 0; i < snapshot->n_links; i++)
		if (strcmp(snapshot->links[i], name) == 0)
			return (int)i + 1;
	more = realloc(snapshot->links, (snapshot->n_links + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	snapshot->links = more;
	memcpy(snapshot->links[snapshot->n_links], name, sizeof(name));
	return (int)++snapshot->n_links;
}

void snapshot_leave(struct host_snapshot *snapshot, const char *fmt, ...)
{
	char **more = realloc(snapshot->left, (snapshot->n_left + 1) * sizeof(*more)), *text;
	va_list ap;
	int n;

	if (more == NULL)
		return;
	snapshot->left = more;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n >= 0)
		snapshot->left[snapshot->n_left++] = text;
}

// --- taking ----------------------------------------------------------------------------------

static int take_all(struct kernel *kernel, struct host_snapshot *snapshot)
{
	int ret = link_take(kernel, snapshot);

	if (ret == 0)
		ret = qdisc_take(kernel, snapshot);
	// In the order of the kinds: routes name next hops.
	for (unsigned kind = 0; ret == 0 && kind < HOST_N_KINDS; kind++)
		ret = records_take(kernel, snapshot, kind);
	if (ret == 0)
		ret = maddrs_take(snapshot);
	if (ret == 0)
		ret = sysctls_take(snapshot);
	if (ret == 0)
		ret = left_take(kernel, snapshot);
	return ret;
}

struct host_snapshot *host_snapshot_take(unsigned ifindex, struct vsw_error *err)
{
	struct host_snapshot *snapshot = host_snapshot_create();
	struct kernel *kernel = kernel_open();
	int ret = -ENOMEM;

	if (snapshot != NULL && kernel != NULL) {
		snapshot->ifindex = ifindex;
		snapshot_stamp(snapshot);
		ret = take_all(kernel, snapshot);
	}
	kernel_close(kernel);
	if (ret == 0)
		return snapshot;
	host_snapshot_destroy(snapshot);
	if (ret == -ENODEV)
		vsw_fail(err, VSW_E_NOT_FOUND, "see: ip link", "there is no interface %u", ifindex);
	else
		vsw_fail(err, VSW_E_DEVICE, NULL,
			"interface %u: the kernel does not tell all of it: %s", ifindex,
			strerror(-ret));
	return NULL;
}
