/* SPDX-License-Identifier: BSD-3-Clause */
// A running virtual machine: memory, processors, bus, NICs, console. All functions from the main
// thread, the bus lock not held, unless said otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/kvm/vm.h>
#include <hypervisor/vmbus/vsp_link.h>

#include "options.h"

#define PARTITION_WHY_SIZE 256

#define PARTITION_EXIT_OFF     0
#define PARTITION_EXIT_FAILURE 1
#define PARTITION_EXIT_USAGE   2
#define PARTITION_EXIT_KILLED  3 // or crashed

struct console;
struct partition;

enum partition_state {
	PARTITION_RUNNING,
	PARTITION_STOPPING, // the power button has been pressed
	PARTITION_CRASHED,  // the guest has told of a panic and has not reset (yet)
	PARTITION_OFF,
};

struct partition_nic_info {
	char name[HANDOVER_NAME_SIZE], port[HANDOVER_NAME_SIZE];
	char instance[37]; // GUID
	uint8_t mac[6];    // its own, which the port's may replace
	enum vsp_link_state link;
	char reason[HANDOVER_REASON_SIZE];
	bool removing;
};

struct partition_info {
	const char *name, *console; // console: where it is, "stdio", a path, or "none"
	enum partition_state state;
	uint64_t memory; // bytes
	bool huge;
	uint32_t n_vcpus;
	uint32_t vmbus_version; // 0: no contact yet
	uint64_t started_us;    // CLOCK_MONOTONIC
	uint32_t n_resets;
	struct vm_stats exits;
	uint32_t n_nics;
	struct partition_nic_info nic[OPTIONS_MAX_NICS];
};

// Memory, images, KVM, bus: all that takes privileges. NULL, with `why`: one sentence with the
// remedy. Both must outlive it; the console is NULL for none.
struct partition *partition_create(
	const struct options *opt, struct console *console, char why[PARTITION_WHY_SIZE]);
// Its NICs look for their provider: as the user that it sees. 0 or -errno with `why`.
int partition_connect(struct partition *p, char why[PARTITION_WHY_SIZE]);
// Boots, and serves until it is off: the exit code.
int partition_run(struct partition *p);
void partition_destroy(struct partition *p);
size_t partition_type(void *partition, const uint8_t *data, size_t len); // for console_start()

void partition_get_info(struct partition *p, struct partition_info *info);
// Presses the power button; kills what has not gone off after `seconds` (0: never).
void partition_stop(struct partition *p, unsigned seconds);
void partition_kill(struct partition *p); // power cut
int partition_reset(struct partition *p);
// 0, or -errno with `why`, one sentence with the remedy.
int partition_add_nic(
	struct partition *p, const struct options_nic *nic, char why[PARTITION_WHY_SIZE]);
int partition_del_nic(struct partition *p, const char *name, char why[PARTITION_WHY_SIZE]);
// Something for the main loop to wait on: `ready` is called on the main thread. 0 or -errno.
int partition_watch(struct partition *p, int fd, uint32_t events,
	void (*ready)(void *arg, uint32_t events), void *arg);
int partition_rewatch(struct partition *p, int fd, uint32_t events);
void partition_unwatch(struct partition *p, int fd); // before it is closed
