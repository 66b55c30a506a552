/* SPDX-License-Identifier: BSD-3-Clause */
#include "tun_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <vswitch/nic/inventory.h>

// Newer than the headers of Debian 12
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

// Tells our interfaces from other people's, also to a reader of `ip link`.
#define ALIAS NIC_OWN_ALIAS

// Fds remember the namespace they were opened in.
static int open_fds(void *arg)
{
	struct tun_device *dev = arg;

	dev->nl = kernel_link_open();
	if (dev->nl == NULL)
		return -errno;
	for (uint16_t i = 0; i < dev->n_queues; i++) {
		dev->fd[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (dev->fd[i] < 0)
			return -errno;
	}
	return 0;
}

static void close_fds(struct tun_device *dev)
{
	for (uint16_t i = 0; i < dev->n_queues; i++) {
		if (dev->fd[i] >= 0)
			close(dev->fd[i]);
		dev->fd[i] = -1;
	}
	if (dev->nl != NULL)
		mnl_socket_close(dev->nl);
	dev->nl = NULL;
}

static int check_existing(
	const struct kernel_link *link, const struct tun_spec *spec, struct vsw_error *err)
{
	if (strcmp(link->kind, "tun") != 0)
		return vsw_fail(err, VSW_E_EXISTS,
			"choose another --ifname; a network card is taken over with bind-nic",
			"interface '%s' exists already and is %s%s, not a tap", spec->ifname,
			link->kind[0] == '\0' ? "a network card" : "of kind ", link->kind);
	if (!link->is_tap)
		return vsw_fail(err, VSW_E_EXISTS,
			"choose another --ifname or delete it: ip link del",
			"interface '%s' exists already and is a layer 3 tun, not a tap",
			spec->ifname);
	if (link->attached > 0 || !link->persistent)
		return vsw_fail(err, VSW_E_BUSY, "stop that program or choose another --ifname",
			"interface '%s' is a tap that another program has open", spec->ifname);
	if (!link->multi_queue && spec->queues > 1)
		return vsw_fail(err, VSW_E_BUSY,
			"use one queue, or delete the interface and let the switch make it",
			"interface '%s' is a tap made for one queue, not %u", spec->ifname,
			spec->queues);
	return 0;
}

static int attach(struct tun_device *dev, const struct tun_spec *spec, bool multi_queue,
	struct vsw_error *err)
{
	struct ifreq ifr = {};

	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (multi_queue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", spec->ifname);
	for (uint16_t i = 0; i < dev->n_queues; i++) {
		if (ioctl(dev->fd[i], TUNSETIFF, &ifr) == 0)
			continue;
		if (errno == EBUSY)
			return vsw_fail(err, VSW_E_BUSY,
				"stop that program or choose another --ifname",
				"interface '%s' is a tap that another program has open",
				spec->ifname);
		if (errno == EPERM)
			return vsw_fail(err, VSW_E_PERMISSION, "run vswitchd with CAP_NET_ADMIN",
				"no permission to open interface '%s'", spec->ifname);
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot open tap interface '%s': %s",
			spec->ifname, strerror(errno));
	}
	return 0;
}

static int set_offloads(struct tun_device *dev)
{
	int hdr_size = sizeof(struct virtio_net_hdr);

	if (ioctl(dev->fd[0], TUNSETVNETHDRSZ, &hdr_size) < 0)
		return -errno;
	dev->offloads = OFFLOADS | TUN_F_USO4 | TUN_F_USO6;
	if (ioctl(dev->fd[0], TUNSETOFFLOAD, dev->offloads) == 0)
		return 0;
	dev->offloads = OFFLOADS;
	return ioctl(dev->fd[0], TUNSETOFFLOAD, dev->offloads) == 0 ? 0 : -errno;
}

static int configure(struct tun_device *dev, const struct tun_spec *spec, struct kernel_link *link,
	struct vsw_error *err)
{
	static const uint8_t zero[6];
	char alias[VSW_NAME_SIZE + sizeof(ALIAS)];
	const char *what = "offloads";
	int ret = set_offloads(dev);

	if (ret == 0 && memcmp(spec->mac, zero, 6) != 0 && memcmp(spec->mac, link->mac, 6) != 0) {
		what = "MAC address";
		ret = kernel_link_set_mac(dev->nl, link->index, spec->mac);
	}
	if (ret == 0 && link->mtu != spec->mtu) {
		what = "MTU";
		ret = kernel_link_set_mtu(dev->nl, link->index, spec->mtu);
	}
	if (ret == 0 && !dev->reused) {
		what = "alias";
		snprintf(alias, sizeof(alias), ALIAS "%s", spec->port);
		ret = kernel_link_set_alias(dev->nl, link->index, alias);
	}
	if (ret == 0 && !(link->flags & IFF_UP)) {
		what = "state up";
		ret = kernel_link_set_up(dev->nl, link->index, true);
	}
	if (ret == 0 && ioctl(dev->fd[0], TUNSETPERSIST, 1) < 0) {
		what = "persistence";
		ret = -errno;
	}
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot set the %s of interface '%s': %s",
			what, spec->ifname, strerror(-ret));
	return 0;
}

static int set_up(struct tun_device *dev, const struct tun_spec *spec, struct vsw_error *err)
{
	struct kernel_link link;
	int ret = kernel_link_get(dev->nl, spec->ifname, 0, &link);

	if (ret < 0 && ret != -ENODEV)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "cannot look up interface '%s': %s",
			spec->ifname, strerror(-ret));
	dev->reused = ret == 0;
	if (dev->reused) {
		ret = check_existing(&link, spec, err);
		if (ret < 0)
			return ret;
		dev->ours = strncmp(link.alias, ALIAS, strlen(ALIAS)) == 0;
	} else {
		dev->ours = true;
	}
	// The kernel gives each multi-queue tap 256 queues, 6.6 MB: not to those that use one.
	ret = attach(dev, spec, dev->reused ? link.multi_queue : spec->queues > 1, err);
	if (ret < 0)
		return ret;
	ret = kernel_link_get(dev->nl, spec->ifname, 0, &link);
	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "interface '%s' vanished: %s",
			spec->ifname, strerror(-ret));
	dev->index = link.index;
	return configure(dev, spec, &link, err);
}

int tun_device_open(struct tun_device *dev, const struct tun_spec *spec, struct vsw_error *err)
{
	int ret;

	memset(dev, 0, sizeof(*dev));
	memset(dev->fd, -1, sizeof(dev->fd));
	dev->n_queues = spec->queues;
	ret = netns_identify(spec->netns, &dev->netns, err);
	if (ret < 0)
		return ret;
	ret = netns_call(spec->netns, open_fds, dev, err);
	if (ret < 0 && ret > -VSW_E_EXISTS) // an errno of open_fds()
		ret = vsw_fail(err,
			ret == -EACCES || ret == -EPERM ? VSW_E_PERMISSION : VSW_E_DEVICE,
			ret == -EMFILE ? "raise the limit of open files (LimitNOFILE=)"
				       : "see that the module tun is loaded and /dev/net/tun there",
			"cannot open /dev/net/tun: %s", strerror(-ret));
	if (ret == 0)
		ret = set_up(dev, spec, err);
	// A new interface is not persistent before all else is done: it goes with its fds.
	if (ret < 0)
		close_fds(dev);
	return ret;
}

void tun_device_close(struct tun_device *dev, bool keep)
{
	if (!keep && dev->ours)
		ioctl(dev->fd[0], TUNSETPERSIST, 0);
	close_fds(dev);
}

bool tun_device_is_gone(const struct tun_device *dev)
{
	struct ifreq ifr = {};

	return ioctl(dev->fd[0], TUNGETIFF, &ifr) < 0 && (errno == EBADFD || errno == ENOTTY);
}

int tun_device_set_carrier(const struct tun_device *dev, bool up)
{
	int carrier = up;

	return ioctl(dev->fd[0], TUNSETCARRIER, &carrier) == 0 ? 0 : -errno;
}
