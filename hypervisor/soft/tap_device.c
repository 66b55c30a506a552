/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap_device.h"

#include <arpa/inet.h>
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
	struct tap_device *dev = o->dev;
	int ret;

	o->failed = "a socket";
	dev->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	dev->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (dev->control < 0 || dev->netlink < 0)
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

	memset(dev, 0, sizeof(*dev));
	memset(dev->fd, -1, sizeof(dev->fd));
	dev->control = dev->netlink = -1;
	dev->n_queues = n_queues;
	snprintf(dev->ifname, sizeof(dev->ifname), "%s", ifname);
	if (netns[0] == '\0') {
		o.ret = open_all(&o);
	} else {
		// A thread of its own: ours stays where it is.
		o.failed = "a thread";
		o.ret = -pthread_create(&thread, NULL, open_in_namespace, &o);
		if (o.ret == 0)
			pthread_join(thread, NULL);
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
	memset(dev->fd, -1, sizeof(dev->fd));
	dev->control = dev->netlink = -1;
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

int tap_device_get_mtu(const struct tap_device *dev, uint32_t *mtu)
{
	struct ifreq ifr = request(dev);

	if (ioctl(dev->control, SIOCGIFMTU, &ifr) < 0)
		return -errno;
	*mtu = ifr.ifr_mtu;
	return 0;
}

int tap_device_set_up(const struct tap_device *dev)
{
	struct ifreq ifr = request(dev);

	if (ioctl(dev->control, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(dev->control, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

struct address_request {
	struct nlmsghdr nl;
	struct ifaddrmsg ifa;
	uint8_t attributes[64];
};

static void add_attribute(struct address_request *r, uint16_t type, const void *data, uint16_t len)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)r + r->nl.nlmsg_len);

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	r->nl.nlmsg_len += RTA_ALIGN(a->rta_len);
}

int tap_device_add_address(const struct tap_device *dev, const char *cidr)
{
	struct address_request r = {
		.nl.nlmsg_len = NLMSG_LENGTH(sizeof(r.ifa)),
		.nl.nlmsg_type = RTM_NEWADDR,
		.nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
		.ifa.ifa_index = dev->index,
		.ifa.ifa_flags = IFA_F_NODAD,
	};
	struct {
		struct nlmsghdr nl;
		struct nlmsgerr err;
		uint8_t rest[512];
	} reply;
	char text[INET6_ADDRSTRLEN + 8], *slash, *end;
	uint8_t address[16];
	unsigned long prefix;
	bool ip6 = strchr(cidr, ':') != NULL;
	uint32_t size = ip6 ? 16 : 4;

	if (strlen(cidr) >= sizeof(text))
		return -EINVAL;
	strcpy(text, cidr);
	slash = strchr(text, '/');
	if (slash == NULL)
		return -EINVAL;
	*slash++ = '\0';
	prefix = strtoul(slash, &end, 10);
	if (*slash < '0' || *slash > '9' || *end != '\0' || prefix > size * 8 ||
		inet_pton(ip6 ? AF_INET6 : AF_INET, text, address) != 1)
		return -EINVAL;
	r.ifa.ifa_family = ip6 ? AF_INET6 : AF_INET;
	r.ifa.ifa_prefixlen = prefix;
	add_attribute(&r, IFA_LOCAL, address, size);
	add_attribute(&r, IFA_ADDRESS, address, size);
	if (send(dev->netlink, &r, r.nl.nlmsg_len, 0) < 0 ||
		recv(dev->netlink, &reply, sizeof(reply), 0) < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		return -errno;
	return reply.nl.nlmsg_type == NLMSG_ERROR ? reply.err.error : -EPROTO;
}
