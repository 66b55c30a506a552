/* SPDX-License-Identifier: BSD-3-Clause */
// The other end of the guest: where its frames come from and go to.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vsc.h"

struct endpoint;

struct endpoint_wishes {
	uint32_t mtu;
	enum vsc_filter filter;
	uint8_t mac[6];
};

struct endpoint_ops {
	// Sends what there is, a bounded number of frames: how many. The queue's thread.
	unsigned (*poll)(struct endpoint *ep, struct vsc_queue *q, uint32_t index);
	// A frame from the switch. The queue's thread.
	void (*receive)(struct endpoint *ep, uint32_t index, struct vsc_frame *frame);
	// Becomes readable, edge by edge, when poll() has something; -1: never.
	int (*fd)(const struct endpoint *ep, uint32_t index);
	// Nanoseconds until poll() has something by itself; < 0: never. The queue's thread.
	int64_t (*due)(const struct endpoint *ep, uint32_t index);
	// The NIC has come up, as `vsc` tells; nobody polls yet. 0 or -errno.
	int (*up)(struct endpoint *ep, struct vsc *vsc);
	// Any thread, one at a time.
	void (*link)(struct endpoint *ep, bool up);
	// What the other end wants of the NIC now, and a descriptor that is readable when that may
	// have changed (-1: it never does). VP 0's thread.
	void (*wishes)(struct endpoint *ep, struct endpoint_wishes *wishes);
	int (*wishes_fd)(const struct endpoint *ep);
	void (*destroy)(struct endpoint *ep);
};

struct endpoint_stats {                // of one queue
	_Atomic uint64_t dropped;      // frames that the other end would not take, or we could not
	_Atomic uint64_t numbered;     // frames of a generator that say their place in their flow
	_Atomic uint64_t out_of_order; // of them, such as came after a later one
};

struct endpoint {
	const struct endpoint_ops *ops;
	struct endpoint_stats stats[VSC_MAX_QUEUES];
	_Atomic bool failed; // the other end is gone for good
};

struct options;
// NULL, and said why on stderr.
struct endpoint *tap_create(const struct options *opt);
struct endpoint *pktgen_create(const struct options *opt);
