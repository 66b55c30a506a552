/* SPDX-License-Identifier: BSD-3-Clause */
// What the switch asks of an interface by ioctl: driver, speed, offload features, queues, flags.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// All: 0 or -errno. An interface without ethtool support gives -EOPNOTSUPP.
int ethtool_driver(const char *ifname, char *driver, size_t size);
int ethtool_speed(const char *ifname, uint32_t *mbps);

struct ethtool_queues {
	uint32_t rx, tx, combined; // a combined one counts for neither rx nor tx
	uint32_t max_rx, max_tx, max_combined;
};
int ethtool_get_queues(const char *ifname, struct ethtool_queues *queues);
int ethtool_set_queues(const char *ifname, const struct ethtool_queues *queues);

// A feature by the kernel's name ("rx-gro"). -ENOENT: unknown to this kernel.
struct ethtool_feature {
	bool available; // can be changed
	bool wanted;    // asked for
	bool active;
};
int ethtool_get_feature(const char *ifname, const char *name, struct ethtool_feature *feature);
int ethtool_set_feature(const char *ifname, const char *name, bool on);

int netdev_get_flags(const char *ifname, unsigned *flags);
// Sets the bits of mask to those of flags.
int netdev_set_flags(const char *ifname, unsigned flags, unsigned mask);
int netdev_set_mtu(const char *ifname, uint32_t mtu);
