/* SPDX-License-Identifier: BSD-3-Clause */
// A processor's thread: into the guest, and what it comes back for.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <hypervisor/hyperv/crash.h>
#include <hypervisor/hyperv/synic.h>

#include "vm_state.h"

#define CRASH_CAN (HV_CRASH_NOTIFY | HV_CRASH_NOTIFY_TEXT)

struct crash_msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[CRASH_PARAMS];
};

// No other thread writes it.
static void count(struct vcpu *vcpu, enum exit_kind kind)
{
	_Atomic uint64_t *exits = &vcpu->exits[kind];

	atomic_store_explicit(
		exits, atomic_load_explicit(exits, memory_order_relaxed) + 1, memory_order_relaxed);
}

static unsigned long long where(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	return ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0 ? regs.rip : 0;
}

// String instructions bring several accesses at once.
static void on_port(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	const unsigned size = vcpu->run->io.size;
	const bool write = vcpu->run->io.direction == KVM_EXIT_IO_OUT;
	uint8_t *data = (uint8_t *)vcpu->run + vcpu->run->io.data_offset;

	for (uint32_t i = 0; i < vcpu->run->io.count; i++)
		vm->ops->port(vm->arg, vcpu->run->io.port, write, data + (size_t)i * size, size);
}

static void on_mmio(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	vm->ops->mmio(vm->arg, vcpu->run->mmio.phys_addr, vcpu->run->mmio.is_write != 0,
		vcpu->run->mmio.data, vcpu->run->mmio.len);
}

static void on_hyperv(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	struct kvm_hyperv_exit *exit = &vcpu->run->hyperv;
	uint64_t params[2];

	switch (exit->type) {
	case KVM_EXIT_HYPERV_SYNIC:
		count(vcpu, EXIT_SYNIC);
		vm->ops->synic(vm->arg, vcpu->vp, exit->u.synic.control, exit->u.synic.evt_page,
			exit->u.synic.msg_page);
		break;
	case KVM_EXIT_HYPERV_HCALL:
		count(vcpu, EXIT_HYPERCALL);
		params[0] = exit->u.hcall.params[0];
		params[1] = exit->u.hcall.params[1];
		exit->u.hcall.result = vm->ops->hypercall(vm->arg, exit->u.hcall.input, params);
		break;
	default:
		count(vcpu, EXIT_OTHER);
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: KVM has stopped for Hyper-V's %u, which "
			"is not known here",
			vcpu->vp, exit->type);
	}
}

static void tell_crash(struct vcpu *vcpu, uint64_t control)
{
	struct crash_msrs msrs = {.head.nmsrs = CRASH_PARAMS};
	uint64_t param[CRASH_PARAMS] = {};

	for (unsigned i = 0; i < CRASH_PARAMS; i++)
		msrs.entry[i].index = MSR_CRASH_P0 + i;
	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msrs) == CRASH_PARAMS) {
		for (unsigned i = 0; i < CRASH_PARAMS; i++)
			param[i] = msrs.entry[i].data;
	}
	vcpu->vm->ops->crash(vcpu->vm->arg, param, control);
}

static void access_crash(struct vcpu *vcpu, bool write)
{
	struct kvm_run *run = vcpu->run;

	if (!write)
		run->msr.data = CRASH_CAN;
	else if ((run->msr.data & HV_CRASH_NOTIFY) != 0)
		tell_crash(vcpu, run->msr.data);
}

// KVM would take any value from us, but not from the guest. False: it faults.
//
// An INIT takes what is pending from the processor, too, and leaves its SynIC as it is; KVM tells
// nobody. That is made good when the guest next writes the register, changed or not; a guest that
// keeps its SynIC through an INIT and writes nothing has to look at its pages by itself.
static bool write_sint(struct vcpu *vcpu, uint64_t value)
{
	const bool masked = (value & HV_SINT_MASKED) != 0;

	if (!masked && (value & HV_SINT_VECTOR) < HV_SINT_VECTOR_MIN)
		return false;
	if (vcpu_set_msr(vcpu, MSR_SINT2, value) != 0)
		return false;
	if (!masked)
		vcpu->vm->ops->unmasked(vcpu->vm->arg, vcpu->vp);
	return true;
}

// The registers that we have asked for.
static void on_msr(struct vcpu *vcpu, bool write)
{
	struct kvm_run *run = vcpu->run;

	run->msr.error = 0;
	if (write && run->msr.index == MSR_SINT2) {
		count(vcpu, EXIT_SYNIC);
		run->msr.error = !write_sint(vcpu, run->msr.data);
		return;
	}
	count(vcpu, EXIT_OTHER);
	if (run->msr.index == MSR_CRASH_CTL)
		access_crash(vcpu, write);
	else
		run->msr.error = 1;
}

static void on_system_event(struct vcpu *vcpu)
{
	const uint32_t type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_RESET:
		vm_end(vcpu->vm, VM_RESET, "the guest has written the reset register");
		break;
	case KVM_SYSTEM_EVENT_CRASH: tell_crash(vcpu, HV_CRASH_NOTIFY); break;
	default:
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: KVM has stopped for system event %u, which "
			"is not known here",
			vcpu->vp, type);
	}
}

static void on_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	const uint32_t why = run->internal.suberror;
	char bytes[3 * sizeof(run->emulation_failure.insn_bytes) + 1] = " unknown";

	if (why != KVM_INTERNAL_ERROR_EMULATION) {
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: KVM has an internal error %u at %#llx, see "
			"the kernel's log",
			vcpu->vp, why, where(vcpu));
		return;
	}
	if (run->emulation_failure.ndata >= 1 &&
		(run->emulation_failure.flags &
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0) {
		unsigned n = run->emulation_failure.insn_size;

		if (n > sizeof(run->emulation_failure.insn_bytes))
			n = sizeof(run->emulation_failure.insn_bytes);
		for (unsigned i = 0; i < n; i++)
			snprintf(bytes + (size_t)3 * i, 4, " %02x",
				run->emulation_failure.insn_bytes[i]);
	}
	vm_end(vcpu->vm, VM_BROKEN,
		"processor %u: KVM cannot run the instruction at %#llx (bytes%s): the guest has "
		"left its code, or touches what is no memory in a way no device allows",
		vcpu->vp, where(vcpu), bytes);
}

// KVM_RUN has failed.
static void on_error(struct vcpu *vcpu, int err)
{
	switch (err) {
	case EINTR:
	case EAGAIN: // a processor that waits to be started has been started, or not
		count(vcpu, EXIT_SIGNAL);
		return;
	case EFAULT:
	case EHWPOISON:
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: the guest's memory is gone at %#llx: no huge page was left, "
			"or the memory is faulty",
			vcpu->vp, where(vcpu));
		break;
	default:
		vm_end(vcpu->vm, VM_BROKEN, "processor %u: KVM does not run it: %s", vcpu->vp,
			strerror(err));
	}
	count(vcpu, EXIT_OTHER);
}

static void on_rare(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	count(vcpu, EXIT_OTHER);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		vm_end(vcpu->vm, VM_RESET, "processor %u: triple fault", vcpu->vp);
		break;
	case KVM_EXIT_SYSTEM_EVENT: on_system_event(vcpu); break;
	case KVM_EXIT_INTERNAL_ERROR: on_internal_error(vcpu); break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: the hardware refuses the guest's state (reason %#llx)",
			vcpu->vp,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		vm_end(vcpu->vm, VM_BROKEN,
			"processor %u: KVM has stopped for reason %u at %#llx, "
			"which is not known here",
			vcpu->vp, run->exit_reason, where(vcpu));
	}
}

static void on_exit_reason(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		count(vcpu, EXIT_PORT);
		on_port(vcpu);
		break;
	case KVM_EXIT_MMIO:
		count(vcpu, EXIT_MMIO);
		on_mmio(vcpu);
		break;
	case KVM_EXIT_HYPERV: on_hyperv(vcpu); break;
	case KVM_EXIT_X86_RDMSR: on_msr(vcpu, false); break;
	case KVM_EXIT_X86_WRMSR: on_msr(vcpu, true); break;
	case KVM_EXIT_INTR: count(vcpu, EXIT_SIGNAL); break;
	default: on_rare(vcpu);
	}
}

void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->vp);
	pthread_setname_np(pthread_self(), name);
	pthread_mutex_lock(&vm->lock);
	pthread_mutex_unlock(&vm->lock);
	while (!atomic_load_explicit(&vm->stopping, memory_order_relaxed)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
			on_exit_reason(vcpu);
		else
			on_error(vcpu, errno);
	}
	return NULL;
}
