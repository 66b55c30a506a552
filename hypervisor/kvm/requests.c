/* SPDX-License-Identifier: BSD-3-Clause */
// What is asked of KVM while a machine runs, or resets: for whoever allows nothing else.
#include <linux/kvm.h>

#include "vm.h"

static const unsigned long requests[] = {
	KVM_RUN,
	// of the machine
	KVM_CREATE_VM,
	KVM_CHECK_EXTENSION,
	KVM_ENABLE_CAP, // and of the processor
	KVM_X86_SET_MSR_FILTER,
	KVM_SET_TSS_ADDR,
	KVM_SET_IDENTITY_MAP_ADDR,
	KVM_SET_USER_MEMORY_REGION,
	KVM_CREATE_IRQCHIP,
	KVM_CREATE_PIT2,
	KVM_SET_GSI_ROUTING,
	KVM_CREATE_VCPU,
	KVM_IRQFD,
	KVM_IRQ_LINE,
	KVM_HYPERV_EVENTFD,
	// of the processor
	KVM_GET_VCPU_MMAP_SIZE,
	KVM_GET_SUPPORTED_CPUID,
	KVM_GET_SUPPORTED_HV_CPUID,
	KVM_SET_CPUID2,
	KVM_GET_REGS,
	KVM_SET_REGS,
	KVM_GET_SREGS,
	KVM_SET_SREGS,
	KVM_GET_MSRS,
	KVM_SET_MSRS,
};

const unsigned long *vm_requests(unsigned *n)
{
	*n = sizeof(requests) / sizeof(requests[0]);
	return requests;
}
