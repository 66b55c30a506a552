/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_nic.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#include "log.h"
#include <vswitch/nic/claim.h>
#include <vswitch/nic/ethtool.h>
#include <vswitch/nic/hold.h>

struct nic_port {
	struct nic_port *next;
	struct vsw_port *port;
	struct nic_info nic; // as it was found
	enum nic_driver driver;
	const struct vsw_port_ops *below;
	struct vsw_port_ops ops; // the driver's, with ours around open, close and control
	char why[160];
};

static struct nic_port *nic_ports;
static char *journal_dir;

void port_nic_set_dir(const char *dir)
{
	free(journal_dir);
	journal_dir = strdup(dir);
}

const char *port_nic_dir(void)
{
	return journal_dir != NULL ? journal_dir : "/var/lib/vswitch/nics";
}

static struct nic_port *find(const struct vsw_port *port)
{
	for (struct nic_port *np = nic_ports; np != NULL; np = np->next)
		if (np->port == port)
			return np;
	return NULL;
}

struct vsw_port *port_nic_by_index(unsigned ifindex)
{
	for (struct nic_port *np = nic_ports; np != NULL; np = np->next)
		if (np->nic.ifindex == ifindex)
			return np->port;
	return NULL;
}

unsigned port_nic_index(const struct vsw_port *port)
{
	const struct nic_port *np = find(port);

	return np != NULL ? np->nic.ifindex : 0;
}

enum nic_driver port_nic_driver(const struct vsw_port *port)
{
	const struct nic_port *np = find(port);

	return np != NULL ? np->driver : NIC_DRIVER_AUTO;
}

bool port_nic_is_software(const struct vsw_port *port)
{
	const struct nic_port *np = find(port);

	return np == NULL || np->nic.kind != NIC_PHYSICAL;
}

const char *nic_driver_name(enum nic_driver driver)
{
	switch (driver) {
	case NIC_DRIVER_AUTO: break;
	case NIC_DRIVER_AF_XDP: return "af-xdp";
	case NIC_DRIVER_AF_PACKET: return "af-packet";
	}
	return "auto";
}

// --- which driver ----------------------------------------------------------------------------

// True if VLAN tags come beside the frames, where XDP does not see them: software interfaces
// hand them over that way, and some hardware strips them and cannot be told not to.
static bool loses_tags(const struct nic_info *nic)
{
	struct ethtool_feature feature = {};

	if (nic->kind != NIC_PHYSICAL)
		return true;
	return ethtool_get_feature(nic->ifname, "rx-vlan-hw-parse", &feature) == 0 &&
	       feature.active && !feature.available;
}

int nic_choose_driver(const struct nic_info *nic, uint16_t mtu, enum nic_driver wanted,
	enum nic_driver *use, char *why, size_t why_size)
{
	if (mtu == 0)
		mtu = RTE_ETHER_MTU;
	*use = wanted;
	if (wanted == NIC_DRIVER_AF_XDP && mtu > NIC_XDP_MTU) {
		snprintf(why, why_size, "AF_XDP takes an MTU of at most %u, not %u", NIC_XDP_MTU,
			mtu);
		return -VSW_E_UNSUPPORTED;
	}
	if (wanted != NIC_DRIVER_AUTO) {
		snprintf(why, why_size, "as asked for");
		if (wanted == NIC_DRIVER_AF_XDP && loses_tags(nic)) {
			snprintf(why, why_size, "as asked for, but VLAN tags get lost%s",
				nic->kind == NIC_PHYSICAL ? ": the NIC strips them"
							  : " unless the other end has them in its "
							    "frames: ethtool -K "
							    "<other end> txvlan off");
			log_warn("nic", "%s: af-xdp %s", nic->ifname, why);
		}
		return 0;
	}
	*use = NIC_DRIVER_AF_PACKET;
	if (mtu > NIC_XDP_MTU)
		snprintf(why, why_size, "AF_XDP takes an MTU of at most %u", NIC_XDP_MTU);
	else if (nic->kind != NIC_PHYSICAL)
		snprintf(why, why_size,
			"software on the other end sends TCP in large pieces and VLAN tags beside "
			"the frames, which AF_XDP cannot take");
	else if (loses_tags(nic))
		snprintf(why, why_size, "the NIC strips VLAN tags, which AF_XDP would not see");
	else {
		*use = NIC_DRIVER_AF_XDP;
		snprintf(why, why_size, "the fastest way to a NIC that stays with the kernel");
	}
	return 0;
}

// --- opening ---------------------------------------------------------------------------------

// By what survives renaming and moving, where it has that.
static int locate(const struct port_config *cfg, struct nic_info *nic, struct vsw_error *err)
{
	const uint8_t *m = cfg->nic.perm_mac;
	char mac[MAC_TEXT_SIZE];

	mac_format(m, mac);
	if (!mac_is_zero(m) && nic_resolve(mac, nic, NULL) == 0)
		return 0;
	if (cfg->nic.pci[0] != '\0' && nic_resolve(cfg->nic.pci, nic, NULL) == 0)
		return 0;
	// A virtual one has nothing of the kind, but while it is held there is its journal.
	if (nic_find_held(port_nic_dir(), cfg->ifname, nic) == 0)
		return 0;
	return nic_resolve(cfg->ifname, nic, err);
}

// Holds the NIC for the driver and opens that. On failure the NIC may still be held.
static int open_with(
	struct vsw_port *port, struct nic_port *np, enum nic_driver driver, struct vsw_error *err)
{
	const struct hold_options options = {.driver = driver,
		.mtu = port->cfg.mtu != 0 ? port->cfg.mtu : RTE_ETHER_MTU,
		.queues = port->cfg.queues != 0 ? port->cfg.queues : 1};
	char ifname[VSW_IFNAME_SIZE];
	int ret;

	np->driver = driver;
	np->below = driver == NIC_DRIVER_AF_XDP ? &port_xdp_ops : &port_packet_ops;
	ret = nic_hold(&np->nic, port_nic_dir(), &options, err);
	if (ret < 0)
		return ret;
	// Drivers know the interface by its name of now; the configuration keeps its own.
	memcpy(ifname, port->cfg.ifname, sizeof(ifname));
	memcpy(port->cfg.ifname, np->nic.ifname, sizeof(port->cfg.ifname));
	ret = np->below->open(port, err);
	memcpy(port->cfg.ifname, ifname, sizeof(ifname));
	if (ret == 0 && driver == NIC_DRIVER_AF_XDP) {
		ret = nic_hold_xdp(&np->nic, port_nic_dir(), err);
		if (ret < 0)
			np->below->close(port, false);
	}
	return ret;
}

static void forget(struct nic_port *np)
{
	for (struct nic_port **at = &nic_ports; *at != NULL; at = &(*at)->next)
		if (*at == np) {
			*at = np->next;
			break;
		}
	free(np);
}

static void nic_close(struct vsw_port *port, bool keep)
{
	struct nic_port *np = find(port);
	struct vsw_error err;

	np->below->close(port, keep);
	port->ops = &port_nic_ops;
	if (!keep && nic_release(&np->nic, port_nic_dir(), &err) < 0)
		log_error("nic", "%s", err.reason);
	// Whoever opens it again claims it again; an interface that is gone will not be back.
	nic_unclaim(np->nic.ifindex);
	forget(np);
}

static void nic_get_link(struct vsw_port *port, struct port_link *link)
{
	struct nic_port *np = find(port);
	char name[IF_NAMESIZE];
	unsigned flags;

	*link = (struct port_link){};
	if (if_indextoname(np->nic.ifindex, name) == NULL) {
		snprintf(link->reason, sizeof(link->reason), "the interface %s is gone",
			np->nic.ifname);
		return;
	}
	if (strcmp(name, np->nic.ifname) != 0) {
		log_info("nic", "%s is called %s now", np->nic.ifname, name);
		snprintf(np->nic.ifname, sizeof(np->nic.ifname), "%s", name);
	}
	if (netdev_get_flags(name, &flags) < 0 || !(flags & IFF_UP)) {
		snprintf(link->reason, sizeof(link->reason), "the interface %s is down", name);
		return;
	}
	link->up = flags & IFF_RUNNING;
	if (link->up)
		ethtool_speed(name, &link->speed_mbps);
	else
		snprintf(link->reason, sizeof(link->reason), "no carrier");
}

// "driver" is ours; what DPDK calls its own is in "device".
struct describe {
	void (*add)(void *arg, const char *key, const char *value);
	void *arg;
};

static void add_of_below(void *arg, const char *key, const char *value)
{
	const struct describe *d = arg;

	if (strcmp(key, "driver") != 0)
		d->add(d->arg, key, value);
}

static void nic_describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	const struct nic_port *np = find(port);
	struct describe below = {.add = add, .arg = arg};

	add(arg, "interface", np->nic.ifname);
	add(arg, "kernel_driver", np->nic.driver);
	add(arg, "driver", nic_driver_name(np->driver));
	add(arg, "because", np->why);
	if (np->below->describe != NULL)
		np->below->describe(port, add_of_below, &below);
}

static int nic_set_admin(struct vsw_port *port, bool up, struct vsw_error *err)
{
	const struct nic_port *np = find(port);
	int ret = netdev_set_flags(np->nic.ifname, up ? IFF_UP : 0, IFF_UP);

	if (ret < 0)
		return vsw_fail(err, VSW_E_DEVICE, NULL, "NIC '%s' does not go %s: %s",
			np->nic.ifname, up ? "up" : "down", strerror(-ret));
	return 0;
}

static int nic_set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *err)
{
	const struct nic_port *np = find(port);

	if (np->driver == NIC_DRIVER_AF_XDP && mtu > NIC_XDP_MTU)
		return vsw_fail(err, VSW_E_UNSUPPORTED,
			"unbind the NIC and bind it again with that MTU and --driver af-packet",
			"NIC '%s': AF_XDP takes an MTU of at most %u, not %u", np->nic.ifname,
			NIC_XDP_MTU, mtu);
	if (np->below->set_mtu == NULL)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "bind it again with that MTU",
			"NIC '%s' does not change its MTU while bound", np->nic.ifname);
	return np->below->set_mtu(port, mtu, err);
}

static int nic_open(struct vsw_port *port, struct vsw_error *err)
{
	const struct port_config *cfg = &port->cfg;
	struct nic_port *np = calloc(1, sizeof(*np));
	enum nic_driver use;
	int ret;

	if (np == NULL)
		return vsw_fail(err, VSW_E_INTERNAL, NULL, "no memory for port '%s'", cfg->name);
	np->port = port;
	np->next = nic_ports;
	nic_ports = np;
	ret = locate(cfg, &np->nic, err);
	if (ret == 0)
		ret = nic_check_takeover(&np->nic, err);
	if (ret < 0)
		goto fail;
	ret = nic_choose_driver(
		&np->nic, cfg->mtu, cfg->nic.driver, &use, np->why, sizeof(np->why));
	if (ret < 0) {
		vsw_fail(err, -ret, "use --driver af-packet, or a smaller MTU", "NIC '%s': %s",
			np->nic.ifname, np->why);
		goto fail;
	}
	ret = open_with(port, np, use, err);
	if (ret < 0 && cfg->nic.driver == NIC_DRIVER_AUTO && use == NIC_DRIVER_AF_XDP &&
		err->code != VSW_E_STATE) {
		snprintf(np->why, sizeof(np->why), "AF_XDP is not possible: %.130s", err->reason);
		ret = open_with(port, np, NIC_DRIVER_AF_PACKET, err);
	}
	if (ret < 0)
		goto fail_held;
	log_info("nic", "%s: taken with %s: %s", np->nic.ifname, nic_driver_name(np->driver),
		np->why);
	np->ops = *np->below;
	np->ops.open = nic_open;
	np->ops.close = nic_close;
	np->ops.get_link = nic_get_link;
	np->ops.describe = nic_describe;
	np->ops.set_admin = nic_set_admin;
	np->ops.set_mtu = nic_set_mtu;
	port->ops = &np->ops;
	return 0;

fail_held:
	nic_release(&np->nic, port_nic_dir(), NULL);
fail:
	forget(np);
	return ret;
}

// Until open() has put the chosen driver's table, wrapped, into its place.
const struct vsw_port_ops port_nic_ops = {
	.type = "nic",
	.open = nic_open,
	.close = nic_close,
};
