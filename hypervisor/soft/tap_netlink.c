/* SPDX-License-Identifier: BSD-3-Clause */
// What of a TAP only rtnetlink knows: addresses, and the state that others give it.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "tap_device.h"

struct link_request {
	struct nlmsghdr nl;
	struct ifinfomsg ifi;
};

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

// One attribute of an interface.
static void take_attribute(const struct rtattr *a, struct tap_state *state)
{
	uint32_t value = 0;

	if (RTA_PAYLOAD(a) == sizeof(value))
		memcpy(&value, RTA_DATA(a), sizeof(value));
	switch (a->rta_type) {
	case IFLA_MTU: state->mtu = value; break;
	case IFLA_PROMISCUITY: state->promiscuous = value > 0; break;
	case IFLA_ADDRESS:
		if (RTA_PAYLOAD(a) == sizeof(state->mac))
			memcpy(state->mac, RTA_DATA(a), sizeof(state->mac));
		break;
	default: break;
	}
}

int tap_device_get_state(const struct tap_device *dev, struct tap_state *state)
{
	const struct link_request r = {
		.nl.nlmsg_len = sizeof(r),
		.nl.nlmsg_type = RTM_GETLINK,
		.nl.nlmsg_flags = NLM_F_REQUEST,
		.ifi.ifi_index = dev->index,
	};
	_Alignas(struct nlmsghdr) uint8_t reply[16384];
	const struct nlmsghdr *nl = (const struct nlmsghdr *)reply;
	const struct ifinfomsg *ifi = NLMSG_DATA(nl);
	const struct rtattr *a;
	ssize_t len;

	memset(state, 0, sizeof(*state));
	if (send(dev->netlink, &r, sizeof(r), 0) < 0)
		return -errno;
	len = recv(dev->netlink, reply, sizeof(reply), 0);
	if (len < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		return -EPROTO;
	if (nl->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(nl))->error;
	if (nl->nlmsg_type != RTM_NEWLINK || !NLMSG_OK(nl, len))
		return -EPROTO;
	state->up = ifi->ifi_flags & IFF_UP;
	a = IFLA_RTA(ifi);
	for (len = IFLA_PAYLOAD(nl); RTA_OK(a, len); a = RTA_NEXT(a, len))
		take_attribute(a, state);
	return 0;
}

void tap_device_drain_events(const struct tap_device *dev)
{
	uint8_t ignored[64]; // the rest of each is cut off

	// Lost ones are as good: the state is asked for afresh.
	while (recv(dev->events, ignored, sizeof(ignored), 0) >= 0 || errno == ENOBUFS)
		;
}
