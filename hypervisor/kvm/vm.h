/* SPDX-License-Identifier: BSD-3-Clause */
// A virtual machine on KVM: processors, their interrupt controllers, exits. Knows no device.
//
// A machine that resets gets a new struct vm over the same memory: KVM has no better reset.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/guest_mem.h>

#define VM_MAX_VCPUS 64
#define VM_WHY_SIZE  256

struct vm;

enum vm_end {
	VM_RESET,  // triple fault, reset register
	VM_CRASH,  // the guest has told of its panic; it goes on
	VM_BROKEN, // KVM gave up, or an exit we do not know: text says which
};

// What a guest's processor does. On the processor's thread, any of them at the same time.
struct vm_ops {
	// Port and memory accesses that nobody in the kernel takes; reads that nobody answers
	// must give all ones.
	void (*port)(void *arg, uint16_t port, bool write, uint8_t *data, unsigned size);
	void (*mmio)(void *arg, uint64_t gpa, bool write, uint8_t *data, unsigned size);
	void (*synic)(void *arg, uint32_t vp, uint64_t control, uint64_t siefp, uint64_t simp);
	// SINT 2 can interrupt now, as it could before or not: KVM has dropped what was raised
	// while it was masked.
	void (*unmasked)(void *arg, uint32_t vp);
	uint64_t (*hypercall)(void *arg, uint64_t input, const uint64_t params[2]);
	// The control is what the guest wrote. KVM forgets it, and does not show that a text may
	// be given (HV_CRASH_NOTIFY_TEXT): that register is ours, by an MSR filter.
	void (*crash)(void *arg, const uint64_t param[5], uint64_t control);
	// The processors stop after this; VM_CRASH is not told here.
	void (*ended)(void *arg, enum vm_end end, const char *text);
};

struct vm_options {
	int kvm_fd; // of vm_open()
	uint32_t n_vcpus;
	const struct guest_mem *mem;
	const struct vm_ops *ops;
	void *arg;
};

// Where the first processor begins.
struct vm_entry {
	bool long_mode; // else 32-bit protected mode, flat segments, no paging
	uint64_t rip;
	uint64_t rsi; // boot parameters
	uint64_t cr3; // long mode: page tables that map the first 4 GiB one to one
	uint64_t gdt; // guest physical address; and its size in bytes, less one
	uint16_t gdt_limit;
};

// How often KVM_RUN came back, by reason. All processors.
struct vm_stats {
	uint64_t returns; // all of these
	uint64_t port, mmio, synic, hypercall, signal, other;
};

// Opens /dev/kvm and sees that it has all we need. The descriptor, or -errno with `why`: one
// sentence with the remedy.
int vm_open(const char *path, char why[VM_WHY_SIZE]);
// NULL + errno, with `why`. The processors stand still.
struct vm *vm_create(const struct vm_options *options, char why[VM_WHY_SIZE]);
// Stops the processors, waits for their threads, and lets go of everything.
void vm_destroy(struct vm *vm);
// Starts the threads, the first processor at `entry`, the others waiting for it. 0 or -errno.
int vm_start(struct vm *vm, const struct vm_entry *entry);
// Has all processors leave the guest and stand still; any thread but theirs.
void vm_stop(struct vm *vm);
void vm_get_stats(const struct vm *vm, struct vm_stats *stats);

// ---- interrupts. Any thread.
// A line of the interrupt controllers (ISA numbers).
int vm_irq_line(struct vm *vm, unsigned line, bool level);
int vm_inject_sint(struct vm *vm, uint32_t vp); // SINT 2
// HvSignalEvent on the connection writes to fd, in the kernel; -1 unbinds. 0 or -errno.
int vm_bind_connection(struct vm *vm, uint32_t connection_id, int fd);
// A write to fd raises SINT 2 of the VP, in the kernel. 0 or -errno.
int vm_bind_interrupt(struct vm *vm, uint32_t vp, int fd, bool on);
// Readable once the guest has ended a message or an interrupt of SINT 2 on the VP; whoever waits
// for that reads it. Not polled: costs nothing.
int vm_slot_fd(const struct vm *vm, uint32_t vp);

// The ioctl numbers of all that is asked of KVM after vm_open(), also for a machine made anew.
const unsigned long *vm_requests(unsigned *n);
