/* SPDX-License-Identifier: BSD-3-Clause */
// The kernel's virtio-net header in front of a frame, and the same facts in an mbuf.
#pragma once

#include <rte_mbuf.h>

#include <linux/virtio_net.h>

// Newer than the headers of Debian 12
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

// A frame just read, private and writable. Sets offload state. 0, or -EINVAL when header and
// bytes contradict each other: drop the frame.
int vnet_hdr_to_mbuf(const struct virtio_net_hdr *hdr, struct rte_mbuf *m);

// Reads the mbuf only.
void vnet_hdr_from_mbuf(struct virtio_net_hdr *hdr, const struct rte_mbuf *m);
