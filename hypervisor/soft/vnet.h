/* SPDX-License-Identifier: BSD-3-Clause */
// The kernel's virtio-net header in front of a TAP's frame, and the same facts as NDIS tells them.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#include <ndis_compat/packet_info.h>

struct vnet_caps {
	bool tcp_csum, udp_csum; // what can be left to the host
	bool lso4, lso6;
};

// A frame from the kernel, *len bytes at *frame, ours to change: takes the VLAN tag out, writes
// what an NDIS host expects in the headers of a frame to be cut. A sum that the host does not do
// is done. 0, or -EINVAL: header and bytes contradict each other, or it cannot be sent.
int vnet_to_ndis(const struct virtio_net_hdr *hdr, const struct vnet_caps *caps, uint8_t **frame,
	uint32_t *len, struct ndis_packet_info *info);

// A frame for the kernel, `len` bytes of which `head` holds the first; its headers are changed to
// say what `hdr` does. A frame longer than the MTU is one that the switch, or a chain, joined:
// the kernel may cut it again.
void vnet_from_ndis(struct virtio_net_hdr *hdr, const struct iovec *head, uint32_t len,
	const struct ndis_packet_info *info, uint32_t mtu);
