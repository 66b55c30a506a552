/* SPDX-License-Identifier: BSD-3-Clause */
// A netvsp that notes what it is told: for tests of what is around it.
#pragma once

#include <netvsp/netvsp.h>

struct netvsp {
	struct netvsp_options options;
	struct vmbus_channel *channel[NETVSP_MAX_QUEUES];
	unsigned n_opened, n_closed, n_polls;
	int open_result;
	bool failed;
	const struct gpadl *buffer; // in use until a poll, if set
};

// The last one made; NULL after it has been destroyed.
extern struct netvsp *fake_netvsp;
extern unsigned fake_left_open;         // channels of one that was destroyed
extern int fake_create_errno;           // 0: works
extern bool fake_netvsp_may_be_touched; // false: whoever polls has not been stopped
