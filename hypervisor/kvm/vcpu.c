/* SPDX-License-Identifier: BSD-3-Clause */
// A processor as it is before its first instruction.
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm_state.h"

#define MSR_MISC_ENABLE   0x1a0u
#define MISC_FAST_STRINGS 1ull
#define MSR_MTRR_DEFAULT  0x2ffu
#define MTRR_WRITE_BACK   0x806ull // on, and everything is cached

#define CR0_PE    (1ull << 0)
#define CR0_ET    (1ull << 4)
#define CR0_NE    (1ull << 5)
#define CR0_PG    (1ull << 31)
#define CR4_PAE   (1ull << 5)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10)
#define FLAGS_ONE 2 // the bit that is always set

// What Linux's boot protocol wants in its registers, and boot loaders in their tables.
#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18
#define TYPE_CODE     11 // read, execute, accessed
#define TYPE_DATA     3  // read, write, accessed

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static int enable(struct vcpu *vcpu, uint32_t cap, uint64_t value)
{
	struct kvm_enable_cap request = {.cap = cap, .args[0] = value};

	return ioctl(vcpu->fd, KVM_ENABLE_CAP, &request) != 0 ? -errno : 0;
}

int vcpu_create(struct vcpu *vcpu, char why[VM_WHY_SIZE])
{
	void *run;
	int err;

	vcpu->fd = ioctl(vcpu->vm->fd, KVM_CREATE_VCPU, (unsigned long)vcpu->vp);
	if (vcpu->fd < 0)
		return vm_refuse(why, errno, "KVM does not make processor %u", vcpu->vp);
	run = mmap(NULL, vcpu->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return vm_refuse(why, errno, "no memory for processor %u", vcpu->vp);
	vcpu->run = run;
	err = enable(vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
	if (err == 0)
		err = enable(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, 1);
	if (err != 0)
		return vm_refuse(why, -err, "KVM gives processor %u nothing of Hyper-V", vcpu->vp);
	return vcpu_cpuid_set(vcpu, why);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run != NULL)
		munmap(vcpu->run, vcpu->vm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}

int vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};
	int n = ioctl(vcpu->fd, KVM_SET_MSRS, &msr);

	return n < 0 ? -errno : n == 1 ? 0 : -EINVAL;
}

// What firmware would leave behind. A processor without the one or the other does as well.
static void set_reset_msrs(struct vcpu *vcpu)
{
	struct one_msr misc = {.head.nmsrs = 1, .entry.index = MSR_MISC_ENABLE};

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &misc) == 1)
		vcpu_set_msr(vcpu, MSR_MISC_ENABLE, misc.entry.data | MISC_FAST_STRINGS);
	vcpu_set_msr(vcpu, MSR_MTRR_DEFAULT, MTRR_WRITE_BACK);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_code)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !long_code,
		.s = 1,
		.l = long_code,
		.g = 1,
	};
}

int vcpu_set_entry(struct vcpu *vcpu, const struct vm_entry *entry)
{
	struct kvm_regs regs = {.rip = entry->rip, .rsi = entry->rsi, .rflags = FLAGS_ONE};
	struct kvm_sregs sregs;

	for (uint32_t i = 0; i < vcpu->vm->n_vcpus; i++)
		set_reset_msrs(&vcpu->vm->vcpu[i]);
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) != 0)
		return -errno;
	sregs.cs = flat(CODE_SELECTOR, TYPE_CODE, entry->long_mode);
	sregs.ds = flat(DATA_SELECTOR, TYPE_DATA, false);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.gdt.base = entry->gdt;
	sregs.gdt.limit = entry->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	if (entry->long_mode) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = entry->cr3;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) != 0 ||
		ioctl(vcpu->fd, KVM_SET_REGS, &regs) != 0)
		return -errno;
	return 0;
}
