/* SPDX-License-Identifier: BSD-3-Clause */
// What a processor says of itself: this machine's, as one of n cores of a single package.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <hypervisor/hyperv/cpuid.h>

#include "vm_state.h"

#define MAX_LEAVES    256
#define MAX_HV_LEAVES 64

#define HYPERVISOR_FIRST 0x40000000u
#define HYPERVISOR_LAST  0x4fffffffu
#define HV_FEATURES      0x40000003u
#define HV_HINTS         0x40000004u

#define LEAF_TOPOLOGY     0xbu
#define LEAF_TOPOLOGY_V2  0x1fu
#define LEVEL_THREAD      (1u << 8)
#define LEVEL_CORE        (2u << 8)
#define LEAF_1_HTT        (1u << 28)
#define EXT_1_CMP_LEGACY  (1u << 1)
#define CACHE_TYPE        0x1fu
#define CACHE_LEVEL(eax)  ((eax) >> 5 & 7)
#define CACHE_SHARED_MASK (0xfffu << 14)
#define CACHE_CORES_MASK  (0x3fu << 26)

struct leaves {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[MAX_LEAVES];
};

int vcpu_cpuid_host(int kvm_fd, struct hv_cpuid_host *host)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[MAX_HV_LEAVES];
	} hv = {.head.nent = MAX_HV_LEAVES};

	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_HV_CPUID, &hv) != 0)
		return -errno;
	for (uint32_t i = 0; i < hv.head.nent && i < MAX_HV_LEAVES; i++) {
		const struct kvm_cpuid_entry2 *e = &hv.entry[i];

		if (e->function == HV_FEATURES) {
			host->features_eax = e->eax;
			host->features_ebx = e->ebx;
			host->features_edx = e->edx;
		} else if (e->function == HV_HINTS) {
			host->hints_eax = e->eax;
		}
	}
	return 0;
}

// How many bits of an APIC's number tell n cores apart.
static uint32_t core_bits(uint32_t n)
{
	return n > 1 ? 32 - (uint32_t)__builtin_clz(n - 1) : 0;
}

static struct kvm_cpuid_entry2 *find(struct leaves *l, uint32_t function)
{
	for (uint32_t i = 0; i < l->head.nent; i++) {
		if (l->entry[i].function == function)
			return &l->entry[i];
	}
	return NULL;
}

static bool is_amd(struct leaves *l)
{
	const struct kvm_cpuid_entry2 *first = find(l, 0);

	// "Auth" of AMD, "Hygo" of its heir
	return first != NULL && (first->ebx == 0x68747541 || first->ebx == 0x6f677948);
}

// Caches are a core's own, but for the third level, which all share.
static uint32_t cache_shared(uint32_t eax, uint32_t n)
{
	uint32_t shared = CACHE_LEVEL(eax) >= 3 ? (1u << core_bits(n)) - 1 : 0;

	return (eax & ~CACHE_SHARED_MASK) | shared << 14;
}

static void set_place(struct kvm_cpuid_entry2 *e, uint32_t vp, uint32_t n, bool amd)
{
	const uint32_t bits = core_bits(n);

	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | (1u << bits) << 16 | vp << 24;
		e->edx = n > 1 ? e->edx | LEAF_1_HTT : e->edx & ~LEAF_1_HTT;
		break;
	case 4:
		if ((e->eax & CACHE_TYPE) != 0)
			e->eax = (cache_shared(e->eax, n) & ~CACHE_CORES_MASK) | ((1u << bits) - 1)
			                                                                 << 26;
		break;
	case 0x80000001:
		if (amd)
			e->ecx = n > 1 ? e->ecx | EXT_1_CMP_LEGACY : e->ecx & ~EXT_1_CMP_LEGACY;
		break;
	case 0x80000008:
		if (amd)
			e->ecx = (e->ecx & ~0xf0ffu) | bits << 12 | (n - 1);
		break;
	case 0x8000001d:
		if ((e->eax & CACHE_TYPE) != 0)
			e->eax = cache_shared(e->eax, n);
		break;
	case 0x8000001e:
		e->eax = vp;
		e->ebx = vp & 0xff; // the core, of one thread
		e->ecx = 0;         // one node
		break;
	}
}

static void add(struct leaves *l, struct kvm_cpuid_entry2 entry)
{
	if (l->head.nent < MAX_LEAVES)
		l->entry[l->head.nent++] = entry;
}

// Kept only if a guest may see it; KVM's own signature is nothing for Hyper-V's guests.
static bool adapt(struct kvm_cpuid_entry2 *e)
{
	struct hv_cpuid_leaf leaf = {e->function, e->eax, e->ebx, e->ecx, e->edx};

	if (e->function >= HYPERVISOR_FIRST && e->function <= HYPERVISOR_LAST)
		return false;
	if (e->function == LEAF_TOPOLOGY || e->function == LEAF_TOPOLOGY_V2)
		return false; // added anew
	if (!hv_cpuid_adapt(&leaf))
		return false;
	e->eax = leaf.eax;
	e->ebx = leaf.ebx;
	e->ecx = leaf.ecx;
	e->edx = leaf.edx;
	return true;
}

static void adapt_all(struct leaves *l, uint32_t vp, uint32_t n)
{
	const bool amd = is_amd(l);
	const uint32_t all = l->head.nent;

	l->head.nent = 0;
	for (uint32_t i = 0; i < all; i++) {
		struct kvm_cpuid_entry2 e = l->entry[i];

		if (!adapt(&e))
			continue;
		set_place(&e, vp, n, amd);
		add(l, e);
	}
}

static void add_topology(struct leaves *l, uint32_t vp, uint32_t n)
{
	const struct kvm_cpuid_entry2 *first = find(l, 0);
	struct kvm_cpuid_entry2 e = {
		.function = LEAF_TOPOLOGY,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.edx = vp,
	};

	if (first == NULL || first->eax < LEAF_TOPOLOGY)
		return;
	e.ebx = 1;
	e.ecx = LEVEL_THREAD;
	add(l, e);
	e.index = 1;
	e.eax = core_bits(n);
	e.ebx = n;
	e.ecx = LEVEL_CORE | 1;
	add(l, e);
}

static int add_hyperv(struct leaves *l, const struct vm *vm)
{
	struct hv_cpuid_host host = {.n_vps = vm->n_vcpus};
	struct hv_cpuid_leaf leaf[HV_CPUID_MAX];
	int err = vcpu_cpuid_host(vm->kvm_fd, &host);
	unsigned n;

	if (err != 0)
		return err;
	n = hv_cpuid_leaves(&host, leaf);
	for (unsigned i = 0; i < n; i++)
		add(l, (struct kvm_cpuid_entry2){
			       .function = leaf[i].function,
			       .eax = leaf[i].eax,
			       .ebx = leaf[i].ebx,
			       .ecx = leaf[i].ecx,
			       .edx = leaf[i].edx,
		       });
	return 0;
}

int vcpu_cpuid_set(struct vcpu *vcpu, char why[VM_WHY_SIZE])
{
	const struct vm *vm = vcpu->vm;
	struct leaves *l = calloc(1, sizeof(*l));
	int err = 0;

	if (l == NULL)
		return vm_refuse(why, ENOMEM, "no memory for processor %u", vcpu->vp);
	l->head.nent = MAX_LEAVES;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, l) != 0) {
		err = vm_refuse(why, errno, "KVM does not say what its processors can");
		goto out;
	}
	adapt_all(l, vcpu->vp, vm->n_vcpus);
	add_topology(l, vcpu->vp, vm->n_vcpus);
	err = add_hyperv(l, vm);
	if (err == 0 && ioctl(vcpu->fd, KVM_SET_CPUID2, l) != 0)
		err = -errno;
	if (err != 0)
		vm_refuse(why, -err, "KVM does not take what processor %u should be", vcpu->vp);
out:
	free(l);
	return err;
}
