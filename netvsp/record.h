/* SPDX-License-Identifier: BSD-3-Clause */
// What a NIC needs to live on when its provider dies: the provider's part of the handover's
// record. The provider only ever writes it, except when it resumes; then nothing in it is
// trusted unless it adds up.
//
// kill -9 ends a process between two instructions, so stores become visible in program order
// (compiler barriers are enough): fill the slot that is not in force, then say that it is.
//
// A burst: copy the frames; put completions and receive records beyond the published index; stamp
// the lent sections with seq + 1; commit {from_guest.read, to_guest.write} as seq + 1; publish
// both indices; signal. Control: the new state goes to the slot not in force, naming the commit
// that makes it true. Recovery takes the last commit, republishes both indices, frees sections
// stamped later, drops a state that names a later commit, signals once.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/vmbus/handover.h>
#include <ndis_compat/ndis_rss.h>

#define NETVSP_RECORD_MAGIC  0x3152534eu // "NSR1"
#define NETVSP_RECORD_LAYOUT 1u
#define NETVSP_MAX_SECTIONS  65536u // of a receive buffer

struct netvsp_commit {
	uint32_t read;  // from_guest
	uint32_t write; // to_guest
	uint64_t check; // of seq, read and write
};

struct netvsp_commits {       // one a channel, one cache line and a half of its own
	_Atomic uint64_t seq; // the last; slot[seq & 1] holds it
	struct netvsp_commit slot[2];
	uint64_t reserved[11];
};
static_assert(sizeof(struct netvsp_commits) == 128);

struct netvsp_state {    // what the guest and we have agreed on
	uint64_t commit; // of the primary, from which on this is true
	uint32_t nvsp_version;
	uint32_t ndis_major, ndis_minor;
	uint32_t guest_mtu;
	uint64_t capabilities;
	uint32_t receive_gpadl, send_gpadl; // while the count below is not 0
	uint32_t receive_id;                // what the guest calls it
	uint32_t receive_section, n_receive, send_section, n_send;
	uint32_t rndis_initialized, filter;
	uint32_t n_granted;   // sub-channels
	uint32_t told_link;   // bits 1:0 0: nothing, 1: up, 2: down; above: speed in Mbit/s
	uint8_t offloads[16]; // as chosen
	uint8_t mac[6];
	uint16_t flags; // single-shot messages that have been
	struct ndis_rss_params rss;
	uint32_t check; // CRC-32C of all before
};

struct netvsp_section {
	_Atomic uint64_t seq; // commit with which it was lent; 0: free
	uint32_t transaction; // first section of the packet it was lent in; given back as the last
	uint32_t channel;     // whose commit seq is
};

struct netvsp_record {
	uint32_t magic, layout, size, reserved;
	_Atomic uint64_t state_seq; // slot state_seq & 1 is the newest
	struct netvsp_state state[2];
	struct netvsp_commits commits[HANDOVER_MAX_CHANNELS] __attribute__((aligned(128)));
	struct netvsp_section section[NETVSP_MAX_SECTIONS];
};
static_assert(sizeof(struct netvsp_record) <= HANDOVER_RECORD_SIZE - HANDOVER_RECORD_VSP);
