/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpuid.h"

#include <stddef.h>

#define BIT(n) (1u << (n))

#define LEAF_FIRST     0x40000000u // and the signature
#define LEAF_INTERFACE 0x40000001u
#define LEAF_VERSION   0x40000002u
#define LEAF_FEATURES  0x40000003u
#define LEAF_HINTS     0x40000004u
#define LEAF_LIMITS    0x40000005u
#define LEAF_END       0x50000000u // of what belongs to hypervisors

// Features, eax: registers.
#define VP_RUNTIME  BIT(0)
#define REF_COUNTER BIT(1)
#define SYNIC       BIT(2)
#define SYNTIMERS   BIT(3)
#define APIC        BIT(4) // and the VP assist page, which Linux turns on without asking
#define HYPERCALLS  BIT(5)
#define VP_INDEX    BIT(6)
#define RESET       BIT(7)
#define TSC_PAGE    BIT(9)
#define FREQUENCIES BIT(11)
// ebx: what the partition may do. Bit 1 makes Linux ask for its partition's number, which nobody
// answers; bit 12 makes it the root partition. Neither is ever set.
#define POST_MESSAGES BIT(4)
#define SIGNAL_EVENTS BIT(5)
// edx: the rest.
#define XMM_INPUT           BIT(4)
#define FREQUENCIES_ARE_SET BIT(8)
#define CRASH               BIT(10)
#define DIRECT_TIMERS       BIT(19)

// Hints, eax.
#define REMOTE_FLUSH    BIT(2)
#define RELAXED_TIMING  BIT(5)
#define NO_AUTO_EOI     BIT(9)
#define CLUSTER_IPI     BIT(10)
#define PROCESSOR_MASKS BIT(11) // more than 64 VPs in the two above
#define SPIN_RETRIES    0xfffu  // before a guest says that it spins

// Windows Server 2022, the first with our newest bus version. Guests print it.
#define HOST_BUILD   20348u
#define HOST_VERSION (10u << 16)

#define NEED_EAX (SYNIC | APIC | HYPERCALLS | VP_INDEX | FREQUENCIES)
#define NEED_EBX (POST_MESSAGES | SIGNAL_EVENTS)
#define NEED_EDX FREQUENCIES_ARE_SET
#define MAY_EAX  (VP_RUNTIME | REF_COUNTER | RESET | TSC_PAGE)
#define MAY_EDX  (XMM_INPUT | CRASH)

// The processor's own leaves.
#define OWN_FEATURES     1u
#define OWN_HYPERVISOR   BIT(31) // ecx
#define OWN_VMX          BIT(5)  // ecx
#define OWN_AMD_FEATURES 0x80000001u
#define OWN_SVM          BIT(2) // ecx
#define OWN_AMD_SVM      0x8000000au

static struct hv_cpuid_leaf features(const struct hv_cpuid_host *host)
{
	struct hv_cpuid_leaf leaf = {
		.function = LEAF_FEATURES,
		.eax = NEED_EAX | (host->features_eax & MAY_EAX),
		.ebx = NEED_EBX,
		.edx = NEED_EDX | (host->features_edx & MAY_EDX),
	};

	// Timers that post messages would fight with the bus for its slot: direct ones or none.
	if ((host->features_eax & SYNTIMERS) != 0 && (host->features_edx & DIRECT_TIMERS) != 0) {
		leaf.eax |= SYNTIMERS;
		leaf.edx |= DIRECT_TIMERS;
	}
	return leaf;
}

static struct hv_cpuid_leaf hints(const struct hv_cpuid_host *host)
{
	uint32_t calls = host->hints_eax & (REMOTE_FLUSH | CLUSTER_IPI);
	struct hv_cpuid_leaf leaf = {
		.function = LEAF_HINTS,
		// An interrupt that ends by itself would keep the hardware's interrupt
	        // controller out of use.
		.eax = RELAXED_TIMING | NO_AUTO_EOI | calls,
		.ebx = SPIN_RETRIES,
	};

	if (calls != 0)
		leaf.eax |= host->hints_eax & PROCESSOR_MASKS;
	return leaf;
}

unsigned hv_cpuid_leaves(const struct hv_cpuid_host *host, struct hv_cpuid_leaf leaf[HV_CPUID_MAX])
{
	unsigned n = 0;

	// "Microsoft Hv"
	leaf[n++] =
		(struct hv_cpuid_leaf){LEAF_FIRST, LEAF_LIMITS, 0x7263694d, 0x666f736f, 0x76482074};
	leaf[n++] = (struct hv_cpuid_leaf){LEAF_INTERFACE, .eax = 0x31237648}; // "Hv#1"
	leaf[n++] = (struct hv_cpuid_leaf){LEAF_VERSION, .eax = HOST_BUILD, .ebx = HOST_VERSION};
	leaf[n++] = features(host);
	leaf[n++] = hints(host);
	leaf[n++] = (struct hv_cpuid_leaf){LEAF_LIMITS, .eax = host->n_vps, .ebx = host->n_vps};
	return n;
}

const char *hv_cpuid_lacks(const struct hv_cpuid_host *host)
{
	static const struct {
		uint32_t eax, ebx, edx;
		const char *name;
	} needs[] = {
		{HYPERCALLS, 0, 0, "Hyper-V hypercalls"},
		{VP_INDEX, 0, 0, "Hyper-V processor indices"},
		{SYNIC, 0, 0, "Hyper-V's synthetic interrupt controller"},
		{0, POST_MESSAGES | SIGNAL_EVENTS, 0, "Hyper-V messages and events"},
		{APIC, 0, 0, "Hyper-V's VP assist page"},
		{FREQUENCIES, 0, FREQUENCIES_ARE_SET, "Hyper-V frequency registers"},
	};

	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if ((needs[i].eax & ~host->features_eax) != 0 ||
			(needs[i].ebx & ~host->features_ebx) != 0 ||
			(needs[i].edx & ~host->features_edx) != 0)
			return needs[i].name;
	return NULL;
}

bool hv_cpuid_adapt(struct hv_cpuid_leaf *leaf)
{
	switch (leaf->function) {
	case OWN_FEATURES: leaf->ecx = (leaf->ecx | OWN_HYPERVISOR) & ~OWN_VMX; break;
	case OWN_AMD_FEATURES: leaf->ecx &= ~OWN_SVM; break;
	// No guests of the guest's own, as Hyper-V does unless told otherwise.
	case OWN_AMD_SVM: leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0; break;
	default: break;
	}
	return leaf->function < LEAF_FIRST || leaf->function >= LEAF_END;
}
