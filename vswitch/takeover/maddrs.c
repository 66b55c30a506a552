/* SPDX-License-Identifier: BSD-3-Clause */
// Multicast link-layer addresses added by hand; those of programs come and go with their sockets.
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"

static int append(struct host_snapshot *into, const char *hex)
{
	struct host_maddr *more = realloc(into->maddr, (into->n_maddrs + 1) * sizeof(*more));
	struct host_maddr *maddr;
	size_t len = strlen(hex) / 2;

	if (more == NULL)
		return -ENOMEM;
	into->maddr = more;
	maddr = &more[into->n_maddrs];
	*maddr = (struct host_maddr){};
	// SIOCADDMULTI takes Ethernet's only.
	if (len != 6)
		return 0;
	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return 0;
		maddr->bytes[i] = (uint8_t)byte;
	}
	maddr->size = (uint8_t)len;
	into->n_maddrs++;
	return 0;
}

int maddrs_take(struct host_snapshot *into)
{
	FILE *f = fopen("/proc/net/dev_mcast", "re");
	char line[160], hex[2 * HOST_MAX_LLADDR + 1];
	unsigned ifindex, users, by_hand;
	int ret = 0;

	into->n_maddrs = 0;
	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (ret == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%u %*s %u %u %64s", &ifindex, &users, &by_hand, hex) == 4 &&
			ifindex == into->ifindex && by_hand > 0)
			ret = append(into, hex);
	fclose(f);
	return ret;
}

static bool has(const struct host_snapshot *of, const struct host_maddr *maddr)
{
	for (size_t i = 0; i < of->n_maddrs; i++)
		if (of->maddr[i].size == maddr->size &&
			memcmp(of->maddr[i].bytes, maddr->bytes, maddr->size) == 0)
			return true;
	return false;
}

static int change(const char *dev, unsigned long request, const struct host_maddr *maddr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;
	struct ifreq ifr = {};

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	memcpy(ifr.ifr_hwaddr.sa_data, maddr->bytes, 6);
	if (ioctl(fd, request, &ifr) < 0 && errno != EEXIST && errno != ENOENT)
		ret = -errno;
	close(fd);
	return ret;
}

static void change_missing(struct work *work, const struct host_snapshot *from,
	const struct host_snapshot *in, unsigned long request, const char *verb)
{
	const char *dev = work->target.name;

	for (size_t i = 0; i < from->n_maddrs && !work->stopped; i++) {
		const uint8_t *m = from->maddr[i].bytes;
		char text[18];

		if (has(in, &from->maddr[i]))
			continue;
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			m[3], m[4], m[5]);
		if (work_may(work, "maddress %s %s dev %s", verb, text, dev))
			work_note(work, change(dev, request, &from->maddr[i]),
				"maddress %s %s dev %s", verb, text, dev);
	}
}

void maddrs_apply(struct work *work, const struct host_snapshot *now)
{
	change_missing(work, now, work->wanted, SIOCDELMULTI, "del");
	change_missing(work, work->wanted, now, SIOCADDMULTI, "add");
}
