/* SPDX-License-Identifier: BSD-3-Clause */
// The TAP end: a kernel's own stack behind the guest's NIC. Frames of 64 KiB cross whole, both
// ways.
#include "endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "tap_device.h"
#include "vnet.h"

#define BURST       64
#define BURST_BYTES (128u << 10) // then the switch gets them, while they are in the caches
#define TYPE_AT     12u
#define EXTRA_IO    4 // header, addresses, tag, rest of the first segment

struct tap {
	struct endpoint ep;
	struct tap_device dev;
	struct vnet_caps caps;
	uint8_t mac[6];
	uint32_t mtu; // of the NIC
};

static struct tap *tap_of(struct endpoint *ep)
{
	return (struct tap *)ep;
}

static void drop(struct tap *tap, uint32_t index)
{
	stat_add(&tap->ep.stats[index].dropped, 1);
}

static unsigned tap_poll(struct endpoint *ep, struct vsc_queue *q, uint32_t index)
{
	struct tap *tap = tap_of(ep);
	struct virtio_net_hdr hdr;
	struct ndis_packet_info info;
	uint32_t bytes = 0;
	unsigned n;

	for (n = 0; n < BURST && bytes < BURST_BYTES && vsc_ready(q); n++) {
		uint8_t *frame = vsc_buffer(q);
		struct iovec iov[2] = {
			{.iov_base = &hdr, .iov_len = sizeof(hdr)},
			{.iov_base = frame, .iov_len = VSC_FRAME_MAX},
		};
		ssize_t got = readv(tap->dev.fd[index], iov, 2);
		uint32_t len;

		if (got < 0) {
			if (errno == EBADFD)
				atomic_store(&ep->failed, true);
			break;
		}
		len = got > (ssize_t)sizeof(hdr) ? got - sizeof(hdr) : 0;
		bytes += len;
		if (vnet_to_ndis(&hdr, &tap->caps, &frame, &len, &info) < 0)
			drop(tap, index);
		else
			vsc_send(q, frame, len, &info);
	}
	return n;
}

static void tap_receive(struct endpoint *ep, uint32_t index, struct vsc_frame *f)
{
	struct tap *tap = tap_of(ep);
	struct iovec iov[VSC_MAX_SEGS + EXTRA_IO];
	struct virtio_net_hdr hdr;
	uint8_t tag[4] = {0x81, 0, f->info.vlan_tci >> 8, (uint8_t)f->info.vlan_tci};
	unsigned n = 1;

	vnet_from_ndis(&hdr, &f->seg[0], f->len, &f->info, tap->mtu);
	iov[0] = (struct iovec){.iov_base = &hdr, .iov_len = sizeof(hdr)};
	if (f->info.flags & NDIS_INFO_VLAN && f->seg[0].iov_len > TYPE_AT) {
		iov[n++] = (struct iovec){.iov_base = f->seg[0].iov_base, .iov_len = TYPE_AT};
		iov[n++] = (struct iovec){.iov_base = tag, .iov_len = sizeof(tag)};
		f->seg[0].iov_base = (uint8_t *)f->seg[0].iov_base + TYPE_AT;
		f->seg[0].iov_len -= TYPE_AT;
		if (hdr.csum_start != 0)
			hdr.csum_start += sizeof(tag);
		if (hdr.hdr_len != 0)
			hdr.hdr_len += sizeof(tag);
	}
	memcpy(&iov[n], f->seg, f->n_segs * sizeof(iov[0]));
	if (writev(tap->dev.fd[index], iov, n + f->n_segs) >= 0)
		return;
	if (errno == EBADFD)
		atomic_store(&ep->failed, true);
	drop(tap, index);
}

static int tap_fd(const struct endpoint *ep, uint32_t index)
{
	return ((const struct tap *)ep)->dev.fd[index];
}

static int64_t tap_due(const struct endpoint *, uint32_t)
{
	return -1;
}

static int tap_up(struct endpoint *ep, struct vsc *vsc)
{
	const struct vsc_info *info = vsc_get_info(vsc);
	struct tap *tap = tap_of(ep);
	int ret;

	tap->caps = (struct vnet_caps){
		.tcp_csum = info->offloads.tx_csum,
		.udp_csum = info->udp_csum,
		.lso4 = info->offloads.tx_csum && info->offloads.lso4,
		.lso6 = info->offloads.tx_csum && info->offloads.lso6,
	};
	tap->mtu = info->mtu;
	ret = tap_device_use_queues(&tap->dev, info->n_queues);
	if (ret == 0)
		ret = tap_device_set_offloads(
			&tap->dev, tap->caps.tcp_csum, tap->caps.lso4, tap->caps.lso6);
	if (ret == 0)
		ret = tap_device_set_mtu(&tap->dev, info->mtu);
	// Only what changed: a user may have chosen another address since.
	if (ret == 0 && memcmp(tap->mac, info->mac, sizeof(tap->mac)) != 0) {
		memcpy(tap->mac, info->mac, sizeof(tap->mac));
		ret = tap_device_set_mac(&tap->dev, info->mac);
	}
	return ret;
}

static void tap_link(struct endpoint *ep, bool up)
{
	tap_device_set_carrier(&tap_of(ep)->dev, up);
}

// As Linux's driver: an interface that is down wants no frames.
static void tap_wishes(struct endpoint *ep, struct endpoint_wishes *w)
{
	struct tap *tap = tap_of(ep);
	struct tap_state state;

	tap_device_drain_events(&tap->dev);
	if (tap_device_get_state(&tap->dev, &state) < 0) {
		atomic_store(&ep->failed, true);
		state = (struct tap_state){.mtu = tap->mtu};
		memcpy(state.mac, tap->mac, sizeof(state.mac));
	}
	w->mtu = state.mtu;
	memcpy(w->mac, state.mac, sizeof(w->mac));
	w->filter = VSC_FILTER_DOWN;
	if (state.up)
		w->filter = state.promiscuous ? VSC_FILTER_PROMISCUOUS : VSC_FILTER_UP;
}

static int tap_wishes_fd(const struct endpoint *ep)
{
	return ((const struct tap *)ep)->dev.events;
}

static void tap_destroy(struct endpoint *ep)
{
	tap_device_close(&tap_of(ep)->dev);
	free(ep);
}

static const struct endpoint_ops tap_ops = {
	.poll = tap_poll,
	.receive = tap_receive,
	.fd = tap_fd,
	.due = tap_due,
	.up = tap_up,
	.link = tap_link,
	.wishes = tap_wishes,
	.wishes_fd = tap_wishes_fd,
	.destroy = tap_destroy,
};

static int set_up(struct tap *tap, const struct options *opt)
{
	int ret;

	tap_device_set_carrier(&tap->dev, false);
	ret = tap_device_set_mtu(&tap->dev, opt->mtu);
	if (ret < 0) {
		fprintf(stderr, "hvsoft: cannot set the MTU of %s to %u: %s\n", opt->tap, opt->mtu,
			strerror(-ret));
		return ret;
	}
	for (unsigned i = 0; i < opt->n_addresses; i++) {
		ret = tap_device_add_address(&tap->dev, opt->address[i]);
		if (ret < 0) {
			fprintf(stderr, "hvsoft: cannot give %s the address '%s': %s\n", opt->tap,
				opt->address[i],
				ret == -EINVAL ? "write it as 10.77.0.5/24" : strerror(-ret));
			return ret;
		}
	}
	ret = opt->up ? tap_device_set_up(&tap->dev) : 0;
	if (ret < 0)
		fprintf(stderr, "hvsoft: cannot set %s up: %s\n", opt->tap, strerror(-ret));
	return ret;
}

struct endpoint *tap_create(const struct options *opt)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	char reason[512];

	if (tap == NULL) {
		fputs("hvsoft: out of memory\n", stderr);
		return NULL;
	}
	tap->ep.ops = &tap_ops;
	tap->mtu = opt->mtu;
	if (tap_device_open(&tap->dev, opt->tap, opt->netns, opt->queues, reason, sizeof(reason)) <
		0) {
		fprintf(stderr, "hvsoft: %s\n", reason);
		free(tap);
		return NULL;
	}
	if (set_up(tap, opt) < 0) {
		tap_destroy(&tap->ep);
		return NULL;
	}
	return &tap->ep;
}
