/* SPDX-License-Identifier: BSD-3-Clause */
// /dev/nbdN by way of generic netlink: the kernel keeps the socket, whoever ends, and what the
// file system asks for waits while there is none.
#pragma once

#include <stdint.h>

#include "negotiate.h"

struct nbd_device {
	int netlink;
	uint16_t family;
	uint32_t index;
	uint32_t sequence;
};

// -ENOENT: the kernel has no nbd, or its module is not loaded. From now on
// nbd_device_await_loss() misses nothing.
int nbd_device_open(struct nbd_device *dev, uint32_t index);
void nbd_device_close(struct nbd_device *dev);

// The socket stays the caller's to close; the kernel has its own reference.
// -EBUSY: the device is connected already.
int nbd_device_connect(struct nbd_device *dev, const struct nbd_export *export, int sock);

// Another socket in place of the lost one; -EINVAL: the device was disconnected meanwhile.
int nbd_device_reconnect(struct nbd_device *dev, int sock);
int nbd_device_disconnect(struct nbd_device *dev);

// Returns when the connection may be lost: 0, or -errno.
int nbd_device_await_loss(struct nbd_device *dev);
