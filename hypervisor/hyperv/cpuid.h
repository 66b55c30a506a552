/* SPDX-License-Identifier: BSD-3-Clause */
// The CPUID leaves by which a guest knows Hyper-V and what it may use of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HV_CPUID_MAX 8

struct hv_cpuid_leaf {
	uint32_t function, eax, ebx, ecx, edx;
};

// What the machine below can do: leaves 0x40000003 and 0x40000004 as the kernel offers them.
struct hv_cpuid_host {
	uint32_t features_eax, features_ebx, features_edx;
	uint32_t hints_eax;
	uint32_t n_vps;
};

// Fills `leaf` with all leaves from 0x40000000 on: how many there are. Features the guest cannot
// do without are there whatever the host says; hv_cpuid_lacks() says whether it can carry them.
unsigned hv_cpuid_leaves(const struct hv_cpuid_host *host, struct hv_cpuid_leaf leaf[HV_CPUID_MAX]);
// What the host lacks that no guest can do without, for people; NULL: nothing.
const char *hv_cpuid_lacks(const struct hv_cpuid_host *host);
// Changes a leaf of the processor's own (below 0x40000000) where Hyper-V's guests expect it; false
// if the guest must not see the leaf at all (another hypervisor's signature).
bool hv_cpuid_adapt(struct hv_cpuid_leaf *leaf);
