/* SPDX-License-Identifier: BSD-3-Clause */
// A tap interface of the kernel that outlives the process: created or attached again, in our
// network namespace or another. Main thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "kernel_link.h"
#include "netns.h"

struct tun_spec {
	const char *ifname;
	const char *netns;  // "": ours
	const char *port;   // goes into the interface's alias
	const uint8_t *mac; // all zero: the kernel's choice
	uint16_t mtu;
	uint16_t queues;
};

struct tun_device {
	int fd[VSW_MAX_QUEUES];
	uint16_t n_queues;
	uint32_t offloads; // TUN_F_* the kernel took
	int index;
	bool reused; // was there before
	bool ours;   // created by us, now or in an earlier life
	struct netns_id netns;
	struct mnl_socket *nl; // in the interface's namespace
};

// 0: the interface is up and persistent. Otherwise a vsw_fail(), and no new one remains.
int tun_device_open(struct tun_device *dev, const struct tun_spec *spec, struct vsw_error *err);
// keep: only lets go. Otherwise removes it, unless somebody else made it.
void tun_device_close(struct tun_device *dev, bool keep);
// The interface was deleted by somebody else.
bool tun_device_is_gone(const struct tun_device *dev);
int tun_device_set_carrier(const struct tun_device *dev, bool up);
