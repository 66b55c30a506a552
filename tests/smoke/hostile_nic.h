/* SPDX-License-Identifier: BSD-3-Clause */
// What hostile_guest does as other guests do: be a NIC, come up, take and complete.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/soft/guest_pages.h>
#include <hypervisor/vmbus/ring.h>
#include <ndis_compat/rndis.h>
#include <netvsp/nvsp_proto.h>

#define RING_PAGES 32u // each direction

struct hostile_nic {
	struct guest_pages pages;
	uint64_t ring, receive, send, scratch, siefp;
	struct gpadl ring_list;
	struct vmbus_ring out, in;
	int sock, record_fd, kick_fd, call_fd;
	uint8_t *record;
	bool keeps; // completes nothing
	bool is_open, failed;
	uint64_t transaction;
	uint64_t sent, completed, received, thrown_out, errors, attached;
	uint64_t end; // ns
	_Atomic bool stop;
};
extern struct hostile_nic t;

// One page of the guest's as an RNDIS message.
struct direct {
	struct vmbus_gpa_header head;
	struct vmbus_gpa_range range;
	uint64_t pfn;
};

uint64_t now(void);
bool over(void);
bool make_memory(void);
// True: up, the filter open.
bool attach(const char *path, const char *port);
bool reopen(void); // likewise, after the channel stood still
// Waits `ms` for what the other side says. False: it has nothing more to say.
bool listen_to(int ms);
// The flag of ours that says "interrupted" is cleared, so that the next interrupt is one.
void clear_flag(void);

void kick(void);
bool put_in_band(const struct nvsp_message *m);
bool put_direct(const struct direct *d, uint32_t channel);
bool put_control(const struct rndis_control *c);
void take(void); // what has come, completed unless t.keeps
