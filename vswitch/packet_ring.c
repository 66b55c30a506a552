/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>

#define PAGE         4096
#define RING_BYTES   (4 << 20)
#define SLOTS_MIN    512
#define SLOT_HEADERS 128        // the kernel's own, the virtio-net header, Ethernet and tags
#define QUEUE_BYTES  (16 << 20) // frames longer than a slot; the kernel doubles it

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static int set_size(int fd, int option)
{
	int bytes = QUEUE_BYTES;

	return setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes)) == 0 ? 0 : -errno;
}

static int make_ring(struct packet_ring *ring, uint32_t mtu)
{
	uint32_t size = mtu + SLOT_HEADERS <= PAGE / 2
	                        ? PAGE / 2
	                        : (mtu + SLOT_HEADERS + PAGE - 1) / PAGE * PAGE;
	uint32_t n = RING_BYTES / size > SLOTS_MIN ? RING_BYTES / size & ~1u : SLOTS_MIN;
	uint32_t block = size < PAGE ? PAGE : size;
	struct tpacket_req req = {
		.tp_block_size = block,
		.tp_frame_size = size,
		.tp_frame_nr = n,
		.tp_block_nr = n / (block / size),
	};

	if (setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	ring->slots = mmap(NULL, (size_t)n * size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, ring->fd, 0);
	if (ring->slots == MAP_FAILED) {
		ring->slots = NULL;
		return -errno;
	}
	ring->slot_size = size;
	ring->n_slots = n;
	return 0;
}

int packet_ring_open(struct packet_ring *ring, uint32_t mtu)
{
	int ret;

	memset(ring, 0, sizeof(*ring));
	// No protocol: nothing comes in before the ring is there. PACKET_QDISC_BYPASS would save
	// 3 to 5 % of sending; the queue that takes up bursts is worth more.
	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0)
		return -errno;
	if ((ret = set(ring->fd, PACKET_VERSION, TPACKET_V2)) == 0 &&
		(ret = set(ring->fd, PACKET_VNET_HDR, 1)) == 0 &&
		(ret = set(ring->fd, PACKET_IGNORE_OUTGOING, 1)) == 0 &&
		(ret = set(ring->fd, PACKET_COPY_THRESH, 1)) == 0 &&
		(ret = set_size(ring->fd, SO_RCVBUFFORCE)) == 0 &&
		(ret = set_size(ring->fd, SO_SNDBUFFORCE)) == 0)
		ret = make_ring(ring, mtu);
	if (ret < 0)
		packet_ring_close(ring);
	return ret;
}

int packet_ring_bind(struct packet_ring *ring, int ifindex, bool shared, uint16_t group)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = ifindex,
		.sll_protocol = htons(ETH_P_ALL),
	};
	struct packet_mreq promisc = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};
	int fanout = PACKET_FANOUT_HASH << 16 | group;
	socklen_t len = sizeof(fanout);

	if (bind(ring->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) <
			0)
		return -errno;
	if (!shared)
		return 0;
	if (group == 0)
		fanout |= PACKET_FANOUT_FLAG_UNIQUEID << 16;
	if (set(ring->fd, PACKET_FANOUT, fanout) < 0 ||
		getsockopt(ring->fd, SOL_PACKET, PACKET_FANOUT, &fanout, &len) < 0)
		return -errno;
	return fanout & 0xffff;
}

void packet_ring_close(struct packet_ring *ring)
{
	if (ring->slots != NULL)
		munmap(ring->slots, (size_t)ring->n_slots * ring->slot_size);
	ring->slots = NULL;
	if (ring->fd >= 0)
		close(ring->fd);
	ring->fd = -1;
}

uint64_t packet_ring_dropped(struct packet_ring *ring)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	// Reading sets the kernel's count to zero.
	if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		ring->dropped += stats.tp_drops;
	return ring->dropped;
}
