/* SPDX-License-Identifier: BSD-3-Clause */
// A TAP interface with virtio-net headers, in any network namespace.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vsc.h"

struct tap_state {
	uint32_t mtu;
	uint8_t mac[6];
	bool up, promiscuous;
};

struct tap_device {
	char ifname[16];
	unsigned index;
	uint32_t n_queues;
	int fd[VSC_MAX_QUEUES];
	int control; // a socket in its namespace
	int netlink; // likewise
	int events;  // likewise: readable when an interface has changed
};

// 0, or -errno and a reason. `netns`: name or path, "" for ours. The interface goes with the fds.
int tap_device_open(struct tap_device *dev, const char *ifname, const char *netns,
	uint32_t n_queues, char *reason, size_t size);
void tap_device_close(struct tap_device *dev);

// 0 or -errno
// The first n queues take part; the kernel gives the others no frames.
int tap_device_use_queues(const struct tap_device *dev, uint32_t n);
int tap_device_set_offloads(const struct tap_device *dev, bool csum, bool tso4, bool tso6);
int tap_device_set_carrier(const struct tap_device *dev, bool up);
int tap_device_set_mac(const struct tap_device *dev, const uint8_t mac[6]);
int tap_device_set_mtu(const struct tap_device *dev, uint32_t mtu);
int tap_device_set_up(const struct tap_device *dev);
int tap_device_add_address(const struct tap_device *dev, const char *cidr); // -EINVAL: is none

// What it is now. 0; -ENODEV: it was deleted.
int tap_device_get_state(const struct tap_device *dev, struct tap_state *state);
void tap_device_drain_events(const struct tap_device *dev);
