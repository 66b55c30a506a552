/* SPDX-License-Identifier: BSD-3-Clause */
// What a virtual machine is made of.
//
// System calls of this folder, for whoever writes the allow-list. Once: openat and ioctl of
// vm_open(), rt_sigaction. After that, as a reset makes a new machine:
//	clone3, clone   processors' threads (rt_sigprocmask, mmap, mprotect, munmap, madvise,
//	                set_robust_list, rseq, futex, exit: what the C library does for them)
//	prctl           PR_SET_NAME
//	eventfd2, mmap, munmap, close, read, write, getpid, tgkill, rt_sigreturn
//	ioctl           on KVM's descriptors:
//	  machine       KVM_CREATE_VM, KVM_CHECK_EXTENSION, KVM_ENABLE_CAP, KVM_X86_SET_MSR_FILTER,
//	                KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_USER_MEMORY_REGION,
//	                KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_SET_GSI_ROUTING, KVM_CREATE_VCPU,
//	                KVM_IRQFD, KVM_IRQ_LINE, KVM_HYPERV_EVENTFD
//	  processor     KVM_GET_VCPU_MMAP_SIZE, KVM_GET_SUPPORTED_CPUID,
//	                KVM_GET_SUPPORTED_HV_CPUID, KVM_SET_CPUID2, KVM_ENABLE_CAP, KVM_GET_REGS,
//	                KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_MSRS, KVM_SET_MSRS,
//	                KVM_RUN
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "vm.h"

// Wakes a processor's thread out of the guest. The C library keeps 32 and 33.
#define VM_SIGNAL (SIGRTMIN + 1)

// The first 24 interrupts are the IOAPIC's; the first 16 of them reach the PICs too.
#define GSI_IOAPIC 24
#define GSI_PIC    16

#define MSR_SINT2       0x40000092u
#define MSR_CRASH_P0    0x40000100u
#define MSR_CRASH_CTL   0x40000105u
#define CRASH_PARAMS    5
#define VCPU_STACK_SIZE (256u << 10)

enum exit_kind {
	EXIT_PORT,
	EXIT_MMIO,
	EXIT_SYNIC,
	EXIT_HYPERCALL,
	EXIT_SIGNAL,
	EXIT_OTHER,
	N_EXIT_KINDS,
};

struct vcpu {
	struct vm *vm;
	uint32_t vp; // its index, its APIC's number, KVM's own
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	// Counted by its own thread only.
	_Alignas(64) _Atomic uint64_t exits[N_EXIT_KINDS];
	// SINT 2: a write to inject_fd raises it, slot_fd can be read once the guest has ended it.
	_Alignas(64) int inject_fd;
	int slot_fd;
};

struct vm {
	int kvm_fd, fd;
	const struct vm_ops *ops;
	void *arg;
	size_t run_size;
	uint32_t n_vcpus;
	pthread_mutex_t lock;  // who starts, ends, wakes
	_Atomic bool stopping; // set with the lock: the processors go, nobody is told any more
	struct vcpu vcpu[];
};

// -err, with `why` as printf() says it; the reason for `err` is added if that is not 0.
int vm_refuse(char why[VM_WHY_SIZE], int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// The machine ends by itself; told once. On a processor's thread.
void vm_end(struct vm *vm, enum vm_end end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// ---- processors. 0, or -errno with `why`.
int vcpu_create(struct vcpu *vcpu, char why[VM_WHY_SIZE]);
void vcpu_destroy(struct vcpu *vcpu);
// On its own thread, or while that stands still. 0 or -errno.
int vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
int vcpu_set_entry(struct vcpu *vcpu, const struct vm_entry *entry);
void *vcpu_thread(void *vcpu);
// What the machine below offers of Hyper-V. 0 or -errno.
struct hv_cpuid_host;
int vcpu_cpuid_host(int kvm_fd, struct hv_cpuid_host *host);
int vcpu_cpuid_set(struct vcpu *vcpu, char why[VM_WHY_SIZE]);

// ---- interrupts; after the processors. 0, or -errno with `why`.
int irq_create(struct vm *vm, char why[VM_WHY_SIZE]);
void irq_destroy(struct vm *vm);
