/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#define REPLY_SIZE 32768

static uint32_t last_seq;

struct mnl_socket *kernel_link_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (nl == NULL)
		return NULL;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

static int talk(struct mnl_socket *nl, struct nlmsghdr *request, mnl_cb_t cb, void *arg)
{
	uint32_t reply[REPLY_SIZE / 4];
	ssize_t len;
	int ret;

	request->nlmsg_seq = ++last_seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(nl, reply, sizeof(reply));
		if (len < 0)
			return -errno;
		ret = mnl_cb_run(reply, len, last_seq, mnl_socket_get_portid(nl), cb, arg);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

static struct nlmsghdr *link_message(void *buf, uint16_t type, const char *name, int index)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	request->nlmsg_type = type;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = name == NULL ? index : 0;
	if (name != NULL)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

static void copy_string(char *to, size_t size, const struct nlattr *attr)
{
	snprintf(to, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
		(const char *)mnl_attr_get_payload(attr));
}

static void parse_tun(struct kernel_link *link, const struct nlattr *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_TUN_TYPE: link->is_tap = mnl_attr_get_u8(attr) == IFF_TAP; break;
		case IFLA_TUN_PERSIST: link->persistent = mnl_attr_get_u8(attr) != 0; break;
		case IFLA_TUN_MULTI_QUEUE: link->multi_queue = mnl_attr_get_u8(attr) != 0; break;
		// Sent for multi-queue interfaces only
		case IFLA_TUN_NUM_QUEUES:
		case IFLA_TUN_NUM_DISABLED_QUEUES: link->attached += mnl_attr_get_u32(attr); break;
		}
	}
}

static void parse_linkinfo(struct kernel_link *link, const struct nlattr *info)
{
	const struct nlattr *attr, *data = NULL;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_string(link->kind, sizeof(link->kind), attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data != NULL && strcmp(link->kind, "tun") == 0)
		parse_tun(link, data);
}

static void parse_stats(struct kernel_link *link, const struct nlattr *attr)
{
	struct rtnl_link_stats64 stats = {};
	size_t len = mnl_attr_get_payload_len(attr);

	memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof(stats) ? len : sizeof(stats));
	link->rx_dropped = stats.rx_dropped;
	link->tx_dropped = stats.tx_dropped;
}

static int parse_link(const struct nlmsghdr *reply, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(reply);
	struct kernel_link *link = arg;
	const struct nlattr *attr;

	if (reply->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	link->index = info->ifi_index;
	link->flags = info->ifi_flags;
	link->arp_type = info->ifi_type;
	mnl_attr_for_each(attr, reply, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME: copy_string(link->name, sizeof(link->name), attr); break;
		case IFLA_IFALIAS: copy_string(link->alias, sizeof(link->alias), attr); break;
		case IFLA_MTU: link->mtu = mnl_attr_get_u32(attr); break;
		case IFLA_MAX_MTU: link->max_mtu = mnl_attr_get_u32(attr); break;
		case IFLA_CARRIER: link->carrier = mnl_attr_get_u8(attr) != 0; break;
		case IFLA_STATS64: parse_stats(link, attr); break;
		case IFLA_LINKINFO: parse_linkinfo(link, attr); break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
				memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
			break;
		}
	}
	return MNL_CB_OK;
}

int kernel_link_get(struct mnl_socket *nl, const char *name, int index, struct kernel_link *link)
{
	uint32_t buf[64];
	int ret;

	memset(link, 0, sizeof(*link));
	ret = talk(nl, link_message(buf, RTM_GETLINK, name, index), parse_link, link);
	if (ret == 0 && link->index == 0)
		return -ENODEV;
	return ret;
}

int kernel_link_set_mtu(struct mnl_socket *nl, int index, uint32_t mtu)
{
	uint32_t buf[64];
	struct nlmsghdr *request = link_message(buf, RTM_NEWLINK, NULL, index);

	mnl_attr_put_u32(request, IFLA_MTU, mtu);
	return talk(nl, request, NULL, NULL);
}

int kernel_link_set_mac(struct mnl_socket *nl, int index, const uint8_t mac[6])
{
	uint32_t buf[64];
	struct nlmsghdr *request = link_message(buf, RTM_NEWLINK, NULL, index);

	mnl_attr_put(request, IFLA_ADDRESS, 6, mac);
	return talk(nl, request, NULL, NULL);
}

int kernel_link_set_alias(struct mnl_socket *nl, int index, const char *alias)
{
	uint32_t buf[128];
	struct nlmsghdr *request = link_message(buf, RTM_NEWLINK, NULL, index);

	mnl_attr_put_str(request, IFLA_IFALIAS, alias);
	return talk(nl, request, NULL, NULL);
}

int kernel_link_set_up(struct mnl_socket *nl, int index, bool up)
{
	uint32_t buf[64];
	struct nlmsghdr *request = link_message(buf, RTM_NEWLINK, NULL, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(request);

	info->ifi_flags = up ? IFF_UP : 0;
	info->ifi_change = IFF_UP;
	return talk(nl, request, NULL, NULL);
}
