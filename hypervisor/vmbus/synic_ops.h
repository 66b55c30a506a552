/* SPDX-License-Identifier: BSD-3-Clause */
// What the bus asks of whoever plays the synthetic interrupt controller.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

struct synic_ops {
	// Queues a message for SINT 2 of a VP, in order. 0; -EAGAIN: as many wait already as may;
	// -ENODEV: no such VP.
	int (*post_message)(void *synic, uint32_t vp, const void *msg, size_t len);
	// Binds what the guest signals on a connection id to an eventfd; -1 unbinds.
	int (*bind_connection)(void *synic, uint32_t connection_id, int kick_fd);
	// Binds an eventfd to interrupts of SINT 2 on a VP, replacing where it was bound before;
	// vp UINT32_MAX unbinds. Keeps `place` (NULL: none) up to date from then on.
	int (*bind_interrupt)(
		void *synic, uint32_t vp, int call_fd, struct vmbus_event_place *place);
};
