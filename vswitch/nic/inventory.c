/* SPDX-License-Identifier: BSD-3-Clause */
#include "inventory.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "ethtool.h"
#include "rtnl.h"

#define ALL_DRIVERS (1u << NIC_DRIVER_AF_XDP | 1u << NIC_DRIVER_AF_PACKET)

struct inventory {
	struct nic_info *list;
	int *master; // ifindex of each one's master
	size_t n, size;
	int error;
};

static struct nic_info *inventory_add(struct inventory *inv)
{
	if (inv->n == inv->size) {
		size_t size = inv->size > 0 ? 2 * inv->size : 16;
		struct nic_info *list = realloc(inv->list, size * sizeof(*list));
		int *master;

		if (list == NULL)
			goto no_memory;
		inv->list = list;
		master = realloc(inv->master, size * sizeof(*master));
		if (master == NULL)
			goto no_memory;
		inv->master = master;
		inv->size = size;
	}
	memset(&inv->list[inv->n], 0, sizeof(*inv->list));
	inv->master[inv->n] = 0;
	inv->list[inv->n].numa = -1;
	return &inv->list[inv->n++];

no_memory:
	inv->error = -ENOMEM;
	return NULL;
}

static struct nic_info *by_index(struct inventory *inv, unsigned ifindex)
{
	for (size_t i = 0; ifindex != 0 && i < inv->n; i++)
		if (inv->list[i].ifindex == ifindex)
			return &inv->list[i];
	return NULL;
}

// --- netlink ---------------------------------------------------------------------------------

static void take_text(char *out, size_t size, struct nlattr *attr)
{
	if (attr != NULL)
		snprintf(out, size, "%.*s", nla_len(attr), (const char *)nla_data(attr));
}

static void take_mac(uint8_t mac[6], struct nlattr *attr)
{
	if (attr != NULL && nla_len(attr) == 6)
		memcpy(mac, nla_data(attr), 6);
}

static void take_altnames(struct nic_info *nic, struct nlattr *list)
{
	struct nlattr *attr;
	int left;

	if (list == NULL)
		return;
	nla_for_each_nested(attr, list, left)
	{
		size_t used = strlen(nic->altnames), len = nla_len(attr);

		if (nla_type(attr) == IFLA_ALT_IFNAME && used + len + 2 < sizeof(nic->altnames))
			snprintf(nic->altnames + used, sizeof(nic->altnames) - used, "%s%.*s",
				used > 0 ? " " : "", (int)len, (const char *)nla_data(attr));
	}
}

static int on_link(struct nl_msg *msg, void *arg)
{
	struct inventory *inv = arg;
	const struct ifinfomsg *info = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[IFLA_MAX + 1] = {}, *sub[IFLA_INFO_MAX + 1] = {};
	struct nlattr *xdp[IFLA_XDP_MAX + 1] = {};
	struct nic_info *nic;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*info), tb, IFLA_MAX, NULL) < 0)
		return NL_SKIP;
	nic = inventory_add(inv);
	if (nic == NULL)
		return NL_STOP;
	nic->ifindex = info->ifi_index;
	nic->up = info->ifi_flags & IFF_UP;
	nic->loopback = info->ifi_flags & IFF_LOOPBACK;
	nic->ethernet = info->ifi_type == ARPHRD_ETHER;
	take_text(nic->ifname, sizeof(nic->ifname), tb[IFLA_IFNAME]);
	nic->own = tb[IFLA_IFALIAS] != NULL &&
	           strncmp(nla_data(tb[IFLA_IFALIAS]), NIC_OWN_ALIAS, strlen(NIC_OWN_ALIAS)) == 0;
	take_mac(nic->mac, tb[IFLA_ADDRESS]);
	take_mac(nic->perm_mac, tb[IFLA_PERM_ADDRESS]);
	take_altnames(nic, tb[IFLA_PROP_LIST]);
	if (tb[IFLA_MTU] != NULL)
		nic->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_CARRIER] != NULL)
		nic->link = nic->up && nla_get_u8(tb[IFLA_CARRIER]) != 0;
	if (tb[IFLA_MASTER] != NULL)
		inv->master[inv->n - 1] = nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_LINKINFO] != NULL &&
		nla_parse_nested(sub, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) == 0) {
		take_text(nic->link_kind, sizeof(nic->link_kind), sub[IFLA_INFO_KIND]);
		take_text(nic->master_kind, sizeof(nic->master_kind), sub[IFLA_INFO_SLAVE_KIND]);
	}
	if (tb[IFLA_XDP] != NULL && nla_parse_nested(xdp, IFLA_XDP_MAX, tb[IFLA_XDP], NULL) == 0 &&
		xdp[IFLA_XDP_PROG_ID] != NULL)
		nic->xdp_id = nla_get_u32(xdp[IFLA_XDP_PROG_ID]);
	return NL_OK;
}

static bool is_link_local(int family, const uint8_t *ip)
{
	return family == AF_INET ? ip[0] == 169 && ip[1] == 254 : ip[0] == 0xfe && ip[1] >> 6 == 2;
}

static int on_address(struct nl_msg *msg, void *arg)
{
	const struct ifaddrmsg *addr = nlmsg_data(nlmsg_hdr(msg));
	struct nic_info *nic = by_index(arg, addr->ifa_index);
	struct nlattr *tb[IFA_MAX + 1] = {}, *ip;
	char text[INET6_ADDRSTRLEN];

	if (nic == NULL || (addr->ifa_family != AF_INET && addr->ifa_family != AF_INET6) ||
		nlmsg_parse(nlmsg_hdr(msg), sizeof(*addr), tb, IFA_MAX, NULL) < 0)
		return NL_SKIP;
	// On a point-to-point interface IFA_ADDRESS is the peer.
	ip = tb[IFA_LOCAL] != NULL ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (ip == NULL || is_link_local(addr->ifa_family, nla_data(ip)))
		return NL_SKIP;
	if (nic->n_addresses++ == 0 &&
		inet_ntop(addr->ifa_family, nla_data(ip), text, sizeof(text)) != NULL)
		snprintf(nic->address, sizeof(nic->address), "%s/%u", text, addr->ifa_prefixlen);
	return NL_OK;
}

static void add_route(struct inventory *inv, unsigned ifindex, const char *text, bool is_default)
{
	struct nic_info *nic = by_index(inv, ifindex);

	if (nic != NULL && (nic->n_routes++ == 0 || is_default))
		snprintf(nic->route, sizeof(nic->route), "%s", text);
}

static int on_route(struct nl_msg *msg, void *arg)
{
	const struct rtmsg *rt = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[RTA_MAX + 1] = {};
	char ip[INET6_ADDRSTRLEN] = "", text[64] = "default";

	// Those that come and go with addresses are judged with these.
	if (rt->rtm_type != RTN_UNICAST || rt->rtm_protocol == RTPROT_KERNEL ||
		rt->rtm_flags & RTM_F_CLONED ||
		nlmsg_parse(nlmsg_hdr(msg), sizeof(*rt), tb, RTA_MAX, NULL) < 0)
		return NL_SKIP;
	if (rt->rtm_dst_len > 0 && tb[RTA_DST] != NULL &&
		inet_ntop(rt->rtm_family, nla_data(tb[RTA_DST]), ip, sizeof(ip)) != NULL)
		snprintf(text, sizeof(text), "%s/%u", ip, rt->rtm_dst_len);
	if (tb[RTA_OIF] != NULL)
		add_route(arg, nla_get_u32(tb[RTA_OIF]), text, rt->rtm_dst_len == 0);
	if (tb[RTA_MULTIPATH] != NULL) {
		const struct rtnexthop *hop = nla_data(tb[RTA_MULTIPATH]);
		int left = nla_len(tb[RTA_MULTIPATH]);

		for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
			add_route(arg, hop->rtnh_ifindex, text, rt->rtm_dst_len == 0);
	}
	return NL_OK;
}

static int read_kernel(struct inventory *inv)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	struct ifaddrmsg addr = {.ifa_family = AF_UNSPEC};
	struct rtmsg route = {.rtm_family = AF_UNSPEC};
	int ret = rtnl_dump(RTM_GETLINK, &link, sizeof(link), on_link, inv);

	if (ret == 0 && inv->error == 0)
		ret = rtnl_dump(RTM_GETADDR, &addr, sizeof(addr), on_address, inv);
	if (ret == 0 && inv->error == 0)
		ret = rtnl_dump(RTM_GETROUTE, &route, sizeof(route), on_route, inv);
	return inv->error != 0 ? inv->error : ret;
}

// --- sysfs -----------------------------------------------------------------------------------

static int read_number(const char *path, long *value, int base)
{
	FILE *file = fopen(path, "re");
	char line[64], *end;
	int ret = -EIO;

	if (file == NULL)
		return -errno;
	if (fgets(line, sizeof(line), file) != NULL) {
		*value = strtol(line, &end, base);
		ret = end != line ? 0 : -EINVAL;
	}
	fclose(file);
	return ret;
}

static void read_bound_driver(const char *path, char name[32])
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, 32, "%.31s", slash != NULL ? slash + 1 : target);
}

// The last PCI address on the device's path: below it may stand "virtio0", "usb1", ...
static void read_pci(const char *ifname, char pci[PCI_TEXT_SIZE])
{
	char path[128], *real, *part, *save = NULL;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", ifname);
	real = realpath(path, NULL);
	if (real == NULL)
		return;
	for (part = strtok_r(real, "/", &save); part != NULL; part = strtok_r(NULL, "/", &save))
		pci_parse(part, pci);
	free(real);
}

static void read_uppers(struct nic_info *nic)
{
	char path[128];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%s", nic->ifname);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "upper_", 6) == 0 &&
			strcmp(entry->d_name + 6, nic->master) != 0)
			snprintf(nic->upper, sizeof(nic->upper), "%.15s", entry->d_name + 6);
	closedir(dir);
}

static bool has_sysfs(const char *ifname, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, what);
	return access(path, F_OK) == 0;
}

static void complete_interface(struct nic_info *nic)
{
	char path[128];
	long numa = -1;

	if (strcmp(nic->link_kind, "veth") == 0)
		nic->kind = NIC_VETH;
	else if (nic->link_kind[0] == '\0' && has_sysfs(nic->ifname, "device"))
		nic->kind = NIC_PHYSICAL;
	else
		nic->kind = NIC_VIRTUAL;
	nic->wireless = has_sysfs(nic->ifname, "wireless") || has_sysfs(nic->ifname, "phy80211");
	read_uppers(nic);
	ethtool_driver(nic->ifname, nic->driver, sizeof(nic->driver));
	if (nic->link)
		ethtool_speed(nic->ifname, &nic->speed_mbps);
	if (nic->kind != NIC_PHYSICAL)
		return;
	read_pci(nic->ifname, nic->pci);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", nic->pci);
	if (nic->pci[0] != '\0' && read_number(path, &numa, 10) == 0)
		nic->numa = numa;
}

static bool has_pci(const struct inventory *inv, const char *pci)
{
	for (size_t i = 0; i < inv->n; i++)
		if (strcmp(inv->list[i].pci, pci) == 0)
			return true;
	return false;
}

static void add_pci_only(struct inventory *inv, const char *pci)
{
	char path[128];
	long class = 0, numa = -1;
	struct nic_info *nic;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", pci);
	if (read_number(path, &class, 16) < 0 || class >> 16 != 0x02 || has_pci(inv, pci))
		return;
	nic = inventory_add(inv);
	if (nic == NULL)
		return;
	nic->ethernet = true;
	snprintf(nic->pci, sizeof(nic->pci), "%.15s", pci);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", pci);
	read_bound_driver(path, nic->driver);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", pci);
	if (read_number(path, &numa, 10) == 0)
		nic->numa = numa;
}

static void read_pci_only(struct inventory *inv)
{
	char pci[PCI_TEXT_SIZE];
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (pci_parse(entry->d_name, pci) == 0)
			add_pci_only(inv, pci);
	closedir(dir);
}

// --- the list --------------------------------------------------------------------------------

int nic_list(struct nic_info **list, size_t *n)
{
	struct inventory inv = {};
	struct vsw_error err;
	int ret = read_kernel(&inv);

	if (ret < 0)
		goto fail;
	for (size_t i = 0; i < inv.n; i++) {
		const struct nic_info *master = by_index(&inv, inv.master[i]);

		if (inv.master[i] != 0)
			snprintf(inv.list[i].master, sizeof(inv.list[i].master), "%s",
				master != NULL ? master->ifname : "?");
		complete_interface(&inv.list[i]);
	}
	read_pci_only(&inv);
	ret = inv.error;
	if (ret < 0)
		goto fail;
	for (size_t i = 0; i < inv.n; i++)
		if (nic_check_takeover(&inv.list[i], &err) < 0)
			snprintf(inv.list[i].reason, sizeof(inv.list[i].reason), "%.191s",
				err.reason);
		else
			inv.list[i].drivers = ALL_DRIVERS;
	free(inv.master);
	*list = inv.list;
	*n = inv.n;
	return 0;

fail:
	free(inv.list);
	free(inv.master);
	return ret;
}

int nic_resolve(const char *what, struct nic_info *out, struct vsw_error *err)
{
	struct nic_info *list;
	size_t n;
	int ret = nic_list(&list, &n);

	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL,
			"the kernel does not list its interfaces: %s", strerror(-ret));
	ret = nic_match(list, n, what, out, err);
	free(list);
	return ret;
}

int nic_resolve_index(unsigned ifindex, struct nic_info *out)
{
	struct nic_info *list;
	size_t n;
	int ret = nic_list(&list, &n);

	if (ret < 0)
		return ret;
	ret = -ENODEV;
	for (size_t i = 0; ifindex != 0 && i < n; i++)
		if (list[i].ifindex == ifindex) {
			*out = list[i];
			ret = 0;
		}
	free(list);
	return ret;
}
