/* SPDX-License-Identifier: BSD-3-Clause */
// hypervisor/host/partition.h without a machine behind it: notes what it is told to do.
#pragma once

#include <hypervisor/host/partition.h>

#define FAKE_WATCHES 32

struct partition {
	struct partition_info info;
	int epoll;
	struct fake_watch {
		int fd; // -1: free
		void (*ready)(void *arg, uint32_t events);
		void *arg;
	} watch[FAKE_WATCHES];
	// What came.
	bool killed;
	unsigned n_stops, stop_seconds, n_resets;
	struct options_nic added; // last
	char removed[HANDOVER_NAME_SIZE];
	int nic_result; // of the next add-nic or del-nic, if not 0
	int reset_result;
};

void fake_partition_init(struct partition *p, const char *name);
void fake_partition_close(struct partition *p);
// Waits for `ms` at most and deals with what there is; false: nothing came.
bool fake_partition_run(struct partition *p, int ms);
void fake_partition_settle(struct partition *p); // until nothing comes any more
unsigned fake_partition_watches(const struct partition *p);
