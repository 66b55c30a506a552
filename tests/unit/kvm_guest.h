/* SPDX-License-Identifier: BSD-3-Clause */
// A guest of a few instructions, and what it is heard to do.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/kvm/vm.h>

#define GUEST_RAM    (4ull << 20)
#define GUEST_CODE   0x100000ull
#define GUEST_SECOND 0x8000ull // where the second processor starts
#define GUEST_IDT    0x1000ull
#define GUEST_IDTR   0x2000ull
#define PORT_REPORT  0xe0
#define MAX_HEARD    64

struct heard_access {
	uint64_t where;
	bool write;
	unsigned size;
	uint32_t value;
};

struct kvm_guest {
	struct guest_mem mem;
	struct vm *vm;
	int kvm_fd;
	pthread_mutex_t lock;
	pthread_cond_t told;
	// With the lock: what came, in order.
	unsigned n_reports, n_accesses, n_synic, n_unmasked, n_hypercalls, n_crashes, n_ends;
	uint32_t report[MAX_HEARD];
	struct heard_access access[MAX_HEARD];
	uint64_t synic[MAX_HEARD][3];
	uint64_t hypercall[MAX_HEARD][3];
	bool raises;     // SINT 2 as soon as it is unmasked
	uint64_t result; // what hypercalls are answered
	uint64_t crash[5], crash_control;
	enum vm_end end;
	char end_text[VM_WHY_SIZE];
};

// The code of kvm_code.S between two of its names.
#define CODE(name)         code_##name, (size_t)(code_##name##_end - code_##name)
#define DECLARE_CODE(name) extern const uint8_t code_##name[], code_##name##_end[]

// -1: there is no KVM for Hyper-V's guests here; says why.
int kvm_guest_open(void);
// Memory and processors; what it takes is not there: the test fails.
void kvm_guest_create(struct kvm_guest *g, int kvm_fd, uint32_t n_vcpus);
void kvm_guest_load(struct kvm_guest *g, uint64_t gpa, const uint8_t *code, size_t size);
void kvm_guest_vector(struct kvm_guest *g, unsigned vector, uint64_t handler);
void kvm_guest_start(struct kvm_guest *g);
// A new machine over the same memory, as a reset makes it.
void kvm_guest_renew(struct kvm_guest *g, uint32_t n_vcpus);
void kvm_guest_destroy(struct kvm_guest *g);
// Waits until *counter is n or more; at most ten seconds.
bool kvm_guest_wait(struct kvm_guest *g, const unsigned *counter, unsigned n);
