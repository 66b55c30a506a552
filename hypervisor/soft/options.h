/* SPDX-License-Identifier: BSD-3-Clause */
// hvsoft's command line.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/vmbus/handover.h>

#define MAX_ADDRESSES 16

enum pktgen_mode { PKTGEN_NONE, PKTGEN_TX, PKTGEN_RX, PKTGEN_ECHO };

struct options {
	char port[HANDOVER_NAME_SIZE], partition[HANDOVER_NAME_SIZE], nic[HANDOVER_NAME_SIZE];
	char vsp_socket[108];
	uint8_t mac[6];
	bool mac_given;
	uint64_t memory; // bytes
	// The other end: a TAP
	char tap[16]; // "": none
	char netns[256];
	const char *address[MAX_ADDRESSES];
	unsigned n_addresses;
	bool up;
	// or a generator
	enum pktgen_mode pktgen;
	uint32_t size; // bytes of a frame, without FCS
	uint64_t rate; // frames a second, 0: as many as go
	uint32_t flows;
	uint8_t dst[6];
	double seconds; // 0: until told to stop
	// The guest
	uint32_t queues, mtu;
	uint32_t nvsp_version; // NVSP_VERSION_*, 0: the newest both know
	bool no_offloads, no_rsc;
	bool poll;
	cpu_set_t cpus;
	unsigned n_cpus; // 0: none given
	bool json;
};

// 0: go on. > 0: done (--help, --version), exit 0. < 0: bad usage, said on stderr, exit 2.
int options_parse(int argc, char **argv, struct options *opt);
