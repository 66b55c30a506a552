/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of a partition share. Nobody else includes it.
//
// Threads: the main one, and one a processor. The bus and the links to the provider are worked
// on with `bus_lock` held, by either; `vm` changes only while there are no processors' threads;
// what a processor wants of the main thread it leaves in `wants`.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <hypervisor/hyperv/crash.h>
#include <hypervisor/hyperv/synic.h>
#include <hypervisor/kvm/vm.h>
#include <hypervisor/machine/pci.h>
#include <hypervisor/machine/power.h>
#include <hypervisor/machine/ram.h>
#include <hypervisor/machine/rtc.h>
#include <hypervisor/machine/serial.h>
#include <hypervisor/vmbus/bus.h>

#include "console.h"
#include "partition.h"

#define PARTITION_MAX_WATCHES 128

enum partition_want {
	WANT_OFF = 1u << 0,
	WANT_RESET = 1u << 1,
	WANT_BROKEN = 1u << 2,
	WANT_CRASH = 1u << 3,
	WANT_BUS = 1u << 4,  // there is room for messages again
	WANT_NICS = 1u << 5, // one may be removed
};

struct watch {
	int fd;              // -1: free
	uint32_t generation; // an event of an earlier one is nobody's
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

struct nic {
	struct partition *p;
	struct options_nic opt;
	struct vmbus_guid instance;
	uint8_t mac[6];
	struct vsp_link *link; // NULL: free
	bool removing;
};

struct slot_watch {
	struct partition *p;
	uint32_t vp;
};

struct partition {
	const struct options *opt;
	int kvm_fd, kernel_fd, initrd_fd;
	int epoll, wake_fd, timer_fd, signal_fd;
	uint32_t n_generations;
	struct watch watch[PARTITION_MAX_WATCHES];
	struct console *console;

	struct ram ram;
	struct vm *vm; // NULL: being made anew
	struct serial *serial;
	struct power *power;
	pthread_mutex_t rtc_lock;
	struct rtc rtc;
	struct pci pci;

	pthread_mutex_t bus_lock;
	struct hv_synic *synic;
	struct vmbus_bus *bus;
	struct slot_watch slot[VM_MAX_VCPUS];
	struct nic nic[OPTIONS_MAX_NICS];

	_Atomic unsigned wants;
	pthread_mutex_t crash_lock;
	bool crash_untold;
	char crash[HV_CRASH_TEXT_MAX];
	char why_ended[VM_WHY_SIZE]; // by the machine itself, before WANT_RESET or WANT_BROKEN

	// Main thread
	enum partition_state state;
	bool resetting; // no vm; waits for the bus
	bool crashed;   // since it booted
	int status;     // once OFF: the exit code
	uint64_t started_us, reset_us;
	bool quiet;     // what links have to say goes into one sentence
	bool slow_told; // that the bus takes its time
	uint32_t n_resets;
	struct vm_entry entry; // of the images as they were loaded last
	struct vm_stats past;  // of the machines before a reset
};

// partition.c. Any thread: has the main thread look.
void partition_want(struct partition *p, enum partition_want want);
void partition_end(struct partition *p, int status); // main thread

// partition_info.c
void partition_add_stats(struct vm_stats *sum, const struct vm_stats *s);

// partition_loop.c: descriptors the main thread waits for. 0 or -errno.
int loop_create(struct partition *p);
void loop_destroy(struct partition *p);
// Waits, and has what is ready dealt with.
int loop_turn(struct partition *p, int timeout_ms);
int loop_add_slots(struct partition *p); // of the machine that there is now; not waited for yet
void loop_remove_slots(struct partition *p);
// Any thread.
void loop_watch_slot(struct partition *p, uint32_t vp, bool on);
uint64_t loop_now_us(void);

// partition_guest.c: what the guest's processors do
extern const struct vm_ops partition_vm_ops;
extern const struct hv_synic_host partition_synic_host;
int guest_devices_create(struct partition *p); // 0 or -errno
void guest_devices_destroy(struct partition *p);
void guest_devices_reset(struct partition *p);

// partition_boot.c: the machine over the memory. 0, or -errno with `why`.
int boot_open_images(struct partition *p, char why[PARTITION_WHY_SIZE]);
int boot_load_images(struct partition *p, char why[PARTITION_WHY_SIZE]);
int boot_make(struct partition *p, char why[PARTITION_WHY_SIZE]);
int boot_start(struct partition *p); // what was made, at what was loaded
void boot_stop(struct partition *p); // the machine goes; what it counted stays

// partition_nics.c
int nics_create(struct partition *p, char why[PARTITION_WHY_SIZE]);
void nics_destroy(struct partition *p);
void nics_sweep(struct partition *p); // lets go of those that are removed
// Waits until each has its port. 0, or -errno with `why`: one has not.
int nics_require(struct partition *p, char why[PARTITION_WHY_SIZE]);
