/* SPDX-License-Identifier: BSD-3-Clause */
// What the switch changes on a kernel interface while it holds it, as values that can be put
// back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vswitch/config.h>
#include <vswitch/error.h>

#include "ethtool.h"
#include "inventory.h"

#define SETTINGS_MAX_ADDRESSES 8
#define SETTINGS_N_FEATURES    9

extern const char *const settings_features[SETTINGS_N_FEATURES]; // the kernel's names

struct nic_address {
	uint8_t ip[16];
	uint8_t prefix;
};

struct nic_settings {
	bool up, promisc, noarp;
	uint32_t mtu;
	int disable_ipv6; // -1: this kernel has no IPv6
	int arp_ignore;
	struct ethtool_queues queues;      // all zero: it has none to set
	int features[SETTINGS_N_FEATURES]; // as asked for: 0, 1, or -1: not changeable
	bool has_clsact;                   // a qdisc that is not ours
	// IPv6 link-local addresses: turning IPv6 off removes them.
	unsigned n_addresses;
	struct nic_address address[SETTINGS_MAX_ADDRESSES];
};

struct hold_options {
	enum nic_driver driver; // AF_XDP or AF_PACKET
	uint16_t mtu;           // 0: as it is
	uint16_t queues;        // AF_XDP: receive queues, at least one
};

int settings_read(const struct nic_info *nic, struct nic_settings *settings); // 0 or -errno
// Changes what the driver needs, each step idempotent. 0 or a vsw_fail(); the caller restores.
int settings_take(const struct nic_info *nic, const struct hold_options *options,
	const struct nic_settings *original, struct vsw_error *err);
// Puts everything back that differs; goes on after a failure, logs it, returns the first.
int settings_restore(const struct nic_info *nic, const struct nic_settings *original);
