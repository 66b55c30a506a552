/* SPDX-License-Identifier: BSD-3-Clause */
// A netvsp that notes what it is told: for tests of what is around it.
#pragma once

#include <netvsp/netvsp.h>

struct netvsp {
	struct netvsp_options options;
	struct vmbus_channel *channel[NETVSP_MAX_QUEUES];
	unsigned poll_usec; // that a poll takes
	unsigned n_opened, n_closed, n_polls;
	int open_result;
	bool failed;
	const struct gpadl *buffer; // until it is forgotten
	bool link_up, armed;
	enum netvsp_stage stage;
	bool takes_large, hashes;
	// From the guest: given by the next polls of that queue
	struct netvsp_frame *frame;
	unsigned n_frames, n_completed;
	uint32_t queue;
	// To the guest: what it was given last, and what it will say to the next frames (errno)
	uint8_t sent[NETVSP_MAX_FRAME];
	uint32_t sent_len, sent_queue, n_flushed;
	struct ndis_packet_info sent_info;
	unsigned n_sent;
	const int *answers;
};

// The last one made; NULL after it has been destroyed.
extern struct netvsp *fake_netvsp;
extern unsigned fake_left_open;         // channels of one that was destroyed
extern int fake_create_errno;           // 0: works
extern bool fake_netvsp_may_be_touched; // false: whoever polls has not been stopped
