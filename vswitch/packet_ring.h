/* SPDX-License-Identifier: BSD-3-Clause */
// A packet socket with a receive ring on one interface.
//
// TPACKET_V2: version 3 hands frames over in blocks, a lone frame only once a timer of at
// least a tick has run out. Slots hold a frame of the interface's MTU; what is longer (GSO)
// waits whole in the socket's queue and is read straight into its buffers, because slots for
// 64 KiB cost the cache more than the system call does. Measured over veth, us of all CPU per
// frame (of that in our thread):
//
//	                    64 B         1514 B       9014 B       65000 B
//	this ring           2.1 (0.09)   2.2 (0.26)   4.4 (0.53)   9.3 (4.1)
//	slots of 68 KiB                                            13.2 (3.3)
//	no ring, recvmmsg   2.2 (0.64)   2.4 (0.70)   4.8 (1.8)    8.4 (3.9)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <linux/if_packet.h>

#include "error.h"

struct packet_ring {
	int fd;
	uint8_t *slots;
	uint32_t slot_size, n_slots, head;
	uint64_t dropped; // by the kernel
};

// Not bound to the interface yet. 0 or -errno.
int packet_ring_open(struct packet_ring *ring, uint32_t mtu);
// Frames come from now on. group: of n > 1 rings that share the interface's flows, by the
// group's number; 0 makes a new one. Its number, 0 if alone, or -errno.
int packet_ring_bind(struct packet_ring *ring, int ifindex, bool shared, uint16_t group);
void packet_ring_close(struct packet_ring *ring);
uint64_t packet_ring_dropped(struct packet_ring *ring); // so far. Main thread

static inline struct tpacket2_hdr *packet_ring_head(const struct packet_ring *ring)
{
	return (struct tpacket2_hdr *)(ring->slots + (uint64_t)ring->head * ring->slot_size);
}

static inline uint32_t packet_slot_status(const struct tpacket2_hdr *slot)
{
	return __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
}

// Gives the slot back to the kernel.
static inline void packet_ring_advance(struct packet_ring *ring)
{
	__atomic_store_n(&packet_ring_head(ring)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	if (++ring->head == ring->n_slots)
		ring->head = 0;
}
