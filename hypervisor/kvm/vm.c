/* SPDX-License-Identifier: BSD-3-Clause */
#include "vm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm_state.h"

// Four pages that KVM needs on Intel's processors, in the hole below the firmware's place.
#define IDENTITY_MAP_ADDR 0xfffbc000ull
#define TSS_ADDR          0xfffbd000ull

static int add_memory(struct vm *vm, const struct guest_mem *mem, char *why)
{
	for (unsigned i = 0; i < mem->n; i++) {
		const struct guest_region *r = &mem->region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) != 0)
			return vm_refuse(why, errno,
				"KVM does not take %llu MiB of memory at %#llx for the guest",
				(unsigned long long)(r->size >> 20), (unsigned long long)r->gpa);
	}
	return 0;
}

// KVM would keep the control register of a crash to itself, and the guest's text with it: its
// reads and writes come to us. The parameters stay with KVM. So does SINT 2, but for its writes:
// what was raised while it was masked KVM has dropped, and does not make good.
static int filter_msrs(struct vm *vm, char *why)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args[0] = KVM_MSR_EXIT_REASON_FILTER,
	};
	uint8_t denied = 0;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] =
			{
				.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
				.base = MSR_CRASH_CTL,
				.nmsrs = 1,
				.bitmap = &denied,
			},
		.ranges[1] =
			{
				.flags = KVM_MSR_FILTER_WRITE,
				.base = MSR_SINT2,
				.nmsrs = 1,
				.bitmap = &denied,
			},
	};

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) != 0 ||
		ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter) != 0)
		return vm_refuse(why, errno, "KVM does not hand over registers of Hyper-V");
	return 0;
}

static int create_board(struct vm *vm, const struct guest_mem *mem, char *why)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	uint64_t identity_map = IDENTITY_MAP_ADDR;
	int err;

	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0 && (errno == ENODEV || errno == ENXIO || errno == EOPNOTSUPP))
		return vm_refuse(why, errno,
			"KVM has no hardware to make a virtual machine: turn on VT-x or AMD-V in "
			"the firmware");
	if (vm->fd < 0)
		return vm_refuse(why, errno, "KVM does not make a virtual machine");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0 ||
		ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) != 0)
		return vm_refuse(why, errno, "KVM does not take its own pages' place");
	err = add_memory(vm, mem, why);
	if (err != 0)
		return err;
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) != 0)
		return vm_refuse(why, errno, "KVM makes no interrupt controllers");
	// Guests that know Hyper-V's frequencies leave it alone; old ones cannot boot without.
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) != 0)
		return vm_refuse(why, errno, "KVM makes no interval timer");
	return filter_msrs(vm, why);
}

static int create_vcpus(struct vm *vm, char *why)
{
	int most = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int err = 0;

	if (most > 0 && vm->n_vcpus > (uint32_t)most) {
		vm_refuse(why, 0, "%u processors are too many for this KVM: at most %d",
			vm->n_vcpus, most);
		return -EINVAL;
	}
	if (size < (int)sizeof(struct kvm_run))
		return vm_refuse(why, EINVAL, "KVM's processors are of an unknown kind");
	vm->run_size = size;
	// In the order of their indices: KVM takes a processor's place for its VP index.
	for (uint32_t i = 0; i < vm->n_vcpus && err == 0; i++)
		err = vcpu_create(&vm->vcpu[i], why);
	return err;
}

struct vm *vm_create(const struct vm_options *options, char why[VM_WHY_SIZE])
{
	const uint32_t n = options->n_vcpus;
	struct vm *vm = NULL;
	int err;

	if (n == 0 || n > VM_MAX_VCPUS) {
		vm_refuse(why, 0, "a guest has 1 to %d processors, not %u", VM_MAX_VCPUS, n);
		errno = EINVAL;
		return NULL;
	}
	if (posix_memalign((void **)&vm, 64, sizeof(*vm) + n * sizeof(vm->vcpu[0])) != 0) {
		vm_refuse(why, ENOMEM, "no memory for %u processors", n);
		errno = ENOMEM;
		return NULL;
	}
	memset(vm, 0, sizeof(*vm) + n * sizeof(vm->vcpu[0]));
	vm->kvm_fd = options->kvm_fd;
	vm->fd = -1;
	vm->ops = options->ops;
	vm->arg = options->arg;
	vm->n_vcpus = n;
	pthread_mutex_init(&vm->lock, NULL);
	for (uint32_t i = 0; i < n; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		vcpu->vm = vm;
		vcpu->vp = i;
		vcpu->fd = vcpu->inject_fd = vcpu->slot_fd = -1;
	}
	err = create_board(vm, options->mem, why);
	if (err == 0)
		err = create_vcpus(vm, why);
	if (err == 0)
		err = irq_create(vm, why);
	if (err == 0)
		return vm;
	vm_destroy(vm);
	errno = -err;
	return NULL;
}

void vm_destroy(struct vm *vm)
{
	if (vm == NULL)
		return;
	vm_stop(vm);
	irq_destroy(vm);
	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		vcpu_destroy(&vm->vcpu[i]);
	if (vm->fd >= 0)
		close(vm->fd);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

static int start_thread(struct vcpu *vcpu, const pthread_attr_t *attr)
{
	int err = pthread_create(&vcpu->thread, attr, vcpu_thread, vcpu);

	vcpu->started = err == 0;
	return -err;
}

// What the processor's threads take: our own signal, and those that mean a fault of the thread's
// own doing, which nobody can hold back.
static void block_signals(sigset_t *old)
{
	static const int taken[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigdelset(&set, taken[i]);
	sigdelset(&set, VM_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, old);
}

// With the lock. A processor that has looked at `stopping` too early enters the guest only to
// leave it at once, as immediate_exit is there; one that is in the guest, the signal takes out.
static void wake_all(struct vm *vm)
{
	atomic_store(&vm->stopping, true);
	for (uint32_t i = 0; i < vm->n_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		if (!vcpu->started)
			continue;
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(vcpu->thread, VM_SIGNAL);
	}
}

int vm_start(struct vm *vm, const struct vm_entry *entry)
{
	pthread_attr_t attr;
	sigset_t old;
	int err = vcpu_set_entry(&vm->vcpu[0], entry);

	if (err != 0)
		return err;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VCPU_STACK_SIZE);
	block_signals(&old);
	// The threads wait for this, so that each may wake all others.
	pthread_mutex_lock(&vm->lock);
	for (uint32_t i = 0; i < vm->n_vcpus && err == 0; i++)
		err = start_thread(&vm->vcpu[i], &attr);
	if (err != 0)
		wake_all(vm);
	pthread_mutex_unlock(&vm->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err != 0)
		vm_stop(vm);
	return err;
}

void vm_stop(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	wake_all(vm);
	pthread_mutex_unlock(&vm->lock);
	// From here on no thread wakes another: those may be gone.
	for (uint32_t i = 0; i < vm->n_vcpus; i++) {
		if (vm->vcpu[i].started)
			pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].started = false;
	}
}

void vm_end(struct vm *vm, enum vm_end end, const char *format, ...)
{
	char text[VM_WHY_SIZE];
	bool first;
	va_list args;

	pthread_mutex_lock(&vm->lock);
	first = !atomic_load(&vm->stopping);
	if (first)
		wake_all(vm);
	pthread_mutex_unlock(&vm->lock);
	if (!first)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	vm->ops->ended(vm->arg, end, text);
}

void vm_get_stats(const struct vm *vm, struct vm_stats *stats)
{
	uint64_t sum[N_EXIT_KINDS] = {};

	*stats = (struct vm_stats){};
	for (uint32_t i = 0; i < vm->n_vcpus; i++) {
		for (unsigned k = 0; k < N_EXIT_KINDS; k++)
			sum[k] += atomic_load_explicit(&vm->vcpu[i].exits[k], memory_order_relaxed);
	}
	for (unsigned k = 0; k < N_EXIT_KINDS; k++)
		stats->returns += sum[k];
	stats->port = sum[EXIT_PORT];
	stats->mmio = sum[EXIT_MMIO];
	stats->synic = sum[EXIT_SYNIC];
	stats->hypercall = sum[EXIT_HYPERCALL];
	stats->signal = sum[EXIT_SIGNAL];
	stats->other = sum[EXIT_OTHER];
}
