/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap_device.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct opening {
	struct tap_device *dev;
	const char *netns;
	const char *failed; // what
	int ret;
};

static int attach(struct tap_device *dev, uint32_t queue)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (dev->n_queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(ifr.ifr_name, dev->ifname, sizeof(dev->ifname));
	dev->fd[queue] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (dev->fd[queue] < 0 || ioctl(dev->fd[queue], TUNSETIFF, &ifr) < 0)
		return -errno;
	return 0;
}

static int open_all(struct opening *o)
{
	const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct tap_device *dev = o->dev;
	int ret;

	o->failed = "a socket";
	dev->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	dev->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	dev->events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (dev->control < 0 || dev->netlink < 0 || dev->events < 0 ||
		bind(dev->events, (const struct sockaddr *)&links, sizeof(links)) < 0)
		return -errno;
	o->failed = "the interface";
	if (if_nametoindex(dev->ifname) != 0)
		return -EEXIST;
	for (uint32_t i = 0; i < dev->n_queues; i++) {
		ret = attach(dev, i);
		if (ret < 0)
			return ret;
	}
	dev->index = if_nametoindex(dev->ifname);
	return dev->index != 0 ? 0 : -errno;
}

static void *open_in_namespace(void *arg)
{
	struct opening *o = arg;
	char path[512];
	int fd;

	o->failed = "the network namespace";
	snprintf(path, sizeof(path), "%s%s", o->netns[0] == '/' ? "" : "/run/netns/", o->netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		o->ret = -errno;
	if (fd >= 0)
		close(fd);
	if (o->ret == 0)
		o->ret = open_all(o);
	return NULL;
}

int tap_device_open(struct tap_device *dev, const char *ifname, const char *netns,
	uint32_t n_queues, char *reason, size_t size)
{
	struct opening o = {.dev = dev, .netns = netns};
	pthread_t thread;
	int ret;

	memset(dev, 0, sizeof(*dev));
	memset(dev->fd, -1, sizeof(dev->fd));
	dev->control = dev->netlink = dev->events = -1;
	dev->n_queues = n_queues;
	snprintf(dev->ifname, sizeof(dev->ifname), "%s", ifname);
	if (netns[0] == '\0') {
		o.ret = open_all(&o);
	} else {
		// A thread of its own: ours stays where it is.
		o.failed = "a thread";
		ret = -pthread_create(&thread, NULL, open_in_namespace, &o);
		if (ret == 0)
			pthread_join(thread, NULL);
		else
			o.ret = ret;
	}
	if (o.ret == 0)
		return 0;
	snprintf(reason, size, "cannot open %s for tap %s%s%s: %s", o.failed, ifname,
		netns[0] != '\0' ? " in " : "", netns, strerror(-o.ret));
	tap_device_close(dev);
	return o.ret;
}

void tap_device_close(struct tap_device *dev)
{
	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++)
		if (dev->fd[i] >= 0)
			close(dev->fd[i]);
	if (dev->control >= 0)
		close(dev->control);
	if (dev->netlink >= 0)
		close(dev->netlink);
	if (dev->events >= 0)
		close(dev->events);
	memset(dev->fd, -1, sizeof(dev->fd));
	dev->control = dev->netlink = dev->events = -1;
}

int tap_device_use_queues(const struct tap_device *dev, uint32_t n)
{
	for (uint32_t i = 1; i < dev->n_queues; i++) {
		struct ifreq ifr = {.ifr_flags = i < n ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

		// Attached, or detached, already: that is what we want.
		if (ioctl(dev->fd[i], TUNSETQUEUE, &ifr) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

int tap_device_set_offloads(const struct tap_device *dev, bool csum, bool tso4, bool tso6)
{
	unsigned long flags = csum ? TUN_F_CSUM : 0;

	if (csum && tso4)
		flags |= TUN_F_TSO4 | TUN_F_TSO_ECN;
	if (csum && tso6)
		flags |= TUN_F_TSO6 | TUN_F_TSO_ECN;
	return ioctl(dev->fd[0], TUNSETOFFLOAD, flags) < 0 ? -errno : 0;
}

int tap_device_set_carrier(const struct tap_device *dev, bool up)
{
	int carrier = up;

	return ioctl(dev->fd[0], TUNSETCARRIER, &carrier) < 0 ? -errno : 0;
}

static struct ifreq request(const struct tap_device *dev)
{
	struct ifreq ifr = {};

	memcpy(ifr.ifr_name, dev->ifname, sizeof(dev->ifname));
	return ifr;
}

int tap_device_set_mac(const struct tap_device *dev, const uint8_t mac[6])
{
	struct ifreq ifr = request(dev);

	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(dev->control, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

int tap_device_set_mtu(const struct tap_device *dev, uint32_t mtu)
{
	struct ifreq ifr = request(dev);

	ifr.ifr_mtu = mtu;
	return ioctl(dev->control, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
}

int tap_device_set_up(const struct tap_device *dev)
{
	struct ifreq ifr = request(dev);

	if (ioctl(dev->control, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(dev->control, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}
