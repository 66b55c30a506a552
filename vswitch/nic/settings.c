/* SPDX-License-Identifier: BSD-3-Clause */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <vswitch/log.h>

#include "ingress_drop.h"
#include "rtnl.h"

// Off for AF_XDP: it sees one frame a buffer, as it was on the wire. The first two are off for
// packet sockets too (frames whose segmentation no virtio-net header can tell), and so is LRO,
// which cannot be undone; GRO is welcome there.
const char *const settings_features[SETTINGS_N_FEATURES] = {
	"rx-gro-list",
	"rx-udp-gro-forwarding",
	"rx-lro",
	"rx-vlan-filter",
	"rx-vlan-stag-filter",
	"rx-gro-hw",
	"rx-gro",
	"rx-vlan-hw-parse",
	"rx-vlan-stag-hw-parse",
};
#define FEATURES_AF_PACKET 5 // the first of them

// --- sysctls ---------------------------------------------------------------------------------

static void sysctl_path(char path[128], const char *family, const char *ifname, const char *key)
{
	snprintf(path, 128, "/proc/sys/net/%s/conf/%s/%s", family, ifname, key);
}

static int sysctl_read(const char *family, const char *ifname, const char *key)
{
	char path[128], text[16] = "";
	ssize_t len;
	int fd;

	sysctl_path(path, family, ifname, key);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 ? atoi(text) : -1;
}

static int sysctl_write(const char *family, const char *ifname, const char *key, int value)
{
	char path[128], text[16];
	int fd, ret = 0, len = snprintf(text, sizeof(text), "%d\n", value);

	if (sysctl_read(family, ifname, key) == value)
		return 0;
	sysctl_path(path, family, ifname, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

// --- netlink ---------------------------------------------------------------------------------

struct address_search {
	unsigned ifindex;
	struct nic_settings *settings;
};

static int on_address(struct nl_msg *msg, void *arg)
{
	const struct ifaddrmsg *addr = nlmsg_data(nlmsg_hdr(msg));
	const struct address_search *search = arg;
	struct nic_settings *settings = search->settings;
	struct nlattr *tb[IFA_MAX + 1] = {};

	if (addr->ifa_index != search->ifindex || addr->ifa_scope != RT_SCOPE_LINK ||
		settings->n_addresses == SETTINGS_MAX_ADDRESSES ||
		nlmsg_parse(nlmsg_hdr(msg), sizeof(*addr), tb, IFA_MAX, NULL) < 0 ||
		tb[IFA_ADDRESS] == NULL || nla_len(tb[IFA_ADDRESS]) != 16)
		return NL_SKIP;
	memcpy(settings->address[settings->n_addresses].ip, nla_data(tb[IFA_ADDRESS]), 16);
	settings->address[settings->n_addresses++].prefix = addr->ifa_prefixlen;
	return NL_OK;
}

static int restore_address(unsigned ifindex, const struct nic_address *address)
{
	struct ifaddrmsg addr = {.ifa_family = AF_INET6,
		.ifa_prefixlen = address->prefix,
		.ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
		.ifa_scope = RT_SCOPE_LINK,
		.ifa_index = ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	int ret;

	if (msg == NULL || nlmsg_append(msg, &addr, sizeof(addr), NLMSG_ALIGNTO) < 0 ||
		nla_put(msg, IFA_LOCAL, 16, address->ip) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	ret = rtnl_request(msg);
	return ret == -EEXIST ? 0 : ret; // the kernel made it again by itself
}

struct qdisc_search {
	unsigned ifindex;
	bool found;
};

static int on_qdisc(struct nl_msg *msg, void *arg)
{
	const struct tcmsg *tc = nlmsg_data(nlmsg_hdr(msg));
	struct qdisc_search *search = arg;
	struct nlattr *tb[TCA_MAX + 1] = {};

	if ((unsigned)tc->tcm_ifindex == search->ifindex &&
		nlmsg_parse(nlmsg_hdr(msg), sizeof(*tc), tb, TCA_MAX, NULL) == 0 &&
		tb[TCA_KIND] != NULL && strcmp(nla_get_string(tb[TCA_KIND]), "clsact") == 0)
		search->found = true;
	return NL_OK;
}

static bool has_clsact(unsigned ifindex)
{
	struct tcmsg tc = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex};
	struct qdisc_search search = {.ifindex = ifindex};

	return rtnl_dump(RTM_GETQDISC, &tc, sizeof(tc), on_qdisc, &search) == 0 && search.found;
}

static int remove_clsact(unsigned ifindex)
{
	struct tcmsg tc = {.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = 0xffff0000u,
		.tcm_parent = 0xfffffff1u}; // TC_H_CLSACT
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_DELQDISC, 0);

	if (msg == NULL || nlmsg_append(msg, &tc, sizeof(tc), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return rtnl_request(msg);
}

// Our classifier, and the qdisc it needs if that was not there before.
static int remove_drop(unsigned ifindex, const struct nic_settings *original)
{
	int ret = 0;

	if (has_clsact(ifindex))
		ret = ingress_drop_detach((int)ifindex);
	if (ret == 0 && !original->has_clsact && has_clsact(ifindex))
		ret = remove_clsact(ifindex);
	return ret;
}

// --- all of them -----------------------------------------------------------------------------

int settings_read(const struct nic_info *nic, struct nic_settings *settings)
{
	struct ifaddrmsg addr = {.ifa_family = AF_INET6};
	struct address_search search = {.ifindex = nic->ifindex, .settings = settings};
	unsigned flags;
	int ret;

	*settings = (struct nic_settings){.mtu = nic->mtu};
	ret = netdev_get_flags(nic->ifname, &flags);
	if (ret < 0)
		return ret;
	settings->up = flags & IFF_UP;
	settings->promisc = flags & IFF_PROMISC;
	settings->noarp = flags & IFF_NOARP;
	settings->disable_ipv6 = sysctl_read("ipv6", nic->ifname, "disable_ipv6");
	settings->arp_ignore = sysctl_read("ipv4", nic->ifname, "arp_ignore");
	ethtool_get_queues(nic->ifname, &settings->queues);
	for (int i = 0; i < SETTINGS_N_FEATURES; i++) {
		struct ethtool_feature feature = {};

		settings->features[i] = -1;
		if (ethtool_get_feature(nic->ifname, settings_features[i], &feature) == 0 &&
			feature.available)
			settings->features[i] = feature.wanted;
	}
	settings->has_clsact = has_clsact(nic->ifindex);
	return rtnl_dump(RTM_GETADDR, &addr, sizeof(addr), on_address, &search);
}

static int take_queues(const struct nic_info *nic, const struct hold_options *options,
	const struct nic_settings *original)
{
	struct ethtool_queues queues = original->queues;

	if (queues.max_combined + queues.max_rx == 0)
		return 0;
	// Packet sockets get the frames of all queues; an AF_XDP socket has one, and DPDK's driver
	// knows combined ones only.
	if (options->driver == NIC_DRIVER_AF_XDP && queues.max_combined > 0) {
		queues.combined = options->queues;
		queues.rx = 0;
	} else if (options->driver == NIC_DRIVER_AF_XDP) {
		queues.rx = 1;
	}
	return ethtool_set_queues(nic->ifname, &queues);
}

static int device_failed(
	const struct nic_info *nic, const char *what, int ret, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_DEVICE, "the kernel's log (dmesg) may say more",
		"NIC '%s': cannot %s: %s", nic->ifname, what, strerror(-ret));
}

int settings_take(const struct nic_info *nic, const struct hold_options *options,
	const struct nic_settings *original, struct vsw_error *err)
{
	const unsigned flags = IFF_UP | IFF_PROMISC | IFF_NOARP;
	int n_off = options->driver == NIC_DRIVER_AF_XDP ? SETTINGS_N_FEATURES : FEATURES_AF_PACKET;
	const char *name = nic->ifname;
	int ret;

	// Of a driver that was killed.
	ret = remove_drop(nic->ifindex, original);
	if (ret < 0)
		return device_failed(nic, "remove its leftover traffic control", ret, err);
	// Silence first: nothing of the host's may answer once the interface is up.
	if (original->disable_ipv6 >= 0) {
		ret = sysctl_write("ipv6", name, "disable_ipv6", 1);
		if (ret < 0)
			return device_failed(nic, "turn IPv6 off", ret, err);
	}
	ret = sysctl_write("ipv4", name, "arp_ignore", 8);
	if (ret < 0)
		return device_failed(nic, "turn ARP replies off", ret, err);
	for (int i = 0; i < SETTINGS_N_FEATURES; i++)
		if (original->features[i] == 1) {
			ret = ethtool_set_feature(name, settings_features[i], i >= n_off);
			if (ret < 0)
				log_warn("nic", "%s: cannot turn %s %s: %s", name,
					settings_features[i], i >= n_off ? "on" : "off",
					strerror(-ret));
		}
	ret = take_queues(nic, options, original);
	if (ret < 0)
		log_warn("nic", "%s: keeps its number of queues: %s", name, strerror(-ret));
	if (options->mtu != 0 && options->mtu != nic->mtu) {
		ret = netdev_set_mtu(name, options->mtu);
		if (ret < 0)
			return vsw_fail(err, VSW_E_UNSUPPORTED,
				"choose an MTU that it can do (see: "
				"ip -d link show)",
				"NIC '%s' refuses MTU %u: %s", name, options->mtu, strerror(-ret));
	}
	ret = netdev_set_flags(name, flags, flags);
	if (ret < 0)
		return device_failed(nic, "bring it up", ret, err);
	return 0;
}

struct restore {
	const char *ifname;
	int ret; // the first failure
};

static void note(struct restore *restore, const char *what, int ret)
{
	if (ret >= 0)
		return;
	log_error("nic", "%s: cannot restore its %s: %s", restore->ifname, what, strerror(-ret));
	if (restore->ret == 0)
		restore->ret = ret;
}

static void restore_features(struct restore *r, const struct nic_settings *original)
{
	// Some switch others along: in a second round those are put right.
	for (int i = 0; i < 2 * SETTINGS_N_FEATURES; i++) {
		int at = i % SETTINGS_N_FEATURES;
		struct ethtool_feature now = {};

		if (original->features[at] >= 0 &&
			ethtool_get_feature(r->ifname, settings_features[at], &now) == 0 &&
			now.wanted != (original->features[at] == 1))
			note(r, settings_features[at],
				ethtool_set_feature(
					r->ifname, settings_features[at], original->features[at]));
	}
}

int settings_restore(const struct nic_info *nic, const struct nic_settings *original)
{
	struct restore r = {.ifname = nic->ifname};
	unsigned flags = (original->up ? IFF_UP : 0) | (original->promisc ? IFF_PROMISC : 0) |
	                 (original->noarp ? IFF_NOARP : 0);

	note(&r, "traffic control", remove_drop(nic->ifindex, original));
	if (nic->mtu != original->mtu)
		note(&r, "MTU", netdev_set_mtu(nic->ifname, original->mtu));
	if (original->queues.rx + original->queues.tx + original->queues.combined > 0)
		note(&r, "queues", ethtool_set_queues(nic->ifname, &original->queues));
	restore_features(&r, original);
	note(&r, "flags", netdev_set_flags(nic->ifname, flags, IFF_UP | IFF_PROMISC | IFF_NOARP));
	if (original->arp_ignore >= 0)
		note(&r, "arp_ignore",
			sysctl_write("ipv4", nic->ifname, "arp_ignore", original->arp_ignore));
	// Last: the kernel makes IPv6's link-local address again for an interface that is up.
	if (original->disable_ipv6 >= 0)
		note(&r, "IPv6",
			sysctl_write("ipv6", nic->ifname, "disable_ipv6", original->disable_ipv6));
	if (original->disable_ipv6 == 0)
		for (unsigned i = 0; i < original->n_addresses; i++)
			note(&r, "link-local address",
				restore_address(nic->ifindex, &original->address[i]));
	return r.ret;
}
