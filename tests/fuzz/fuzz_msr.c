/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest reaches by CPUID and by its crash registers (those of the synthetic interrupts
// are fuzz_synic's): any host below, any leaf of its, any registers over any memory. Nothing is
// shown that is not meant, and what gets into the log is printable and bounded.
//
// Input: a leaf and the host's bits, the registers' palette and values, the size of the text,
// then the memory.
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <hypervisor/hyperv/cpuid.h>
#include <hypervisor/hyperv/crash.h>

#include "guest_pages.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOW_PAGES  2u
#define HIGH       (4ull * GUEST_PAGE_SIZE)
#define HIGH_PAGES 1u

static struct guest_mem mem;

static void cpuid(struct input *in)
{
	struct hv_cpuid_host host;
	struct hv_cpuid_leaf leaf[HV_CPUID_MAX], own;
	unsigned n;

	host.features_eax = next_value(in, 4);
	host.features_ebx = next_value(in, 4);
	host.features_edx = next_value(in, 4);
	host.hints_eax = next_value(in, 4);
	host.n_vps = next_value(in, 1) % 64 + 1;
	n = hv_cpuid_leaves(&host, leaf);
	require(n >= 6 && n <= HV_CPUID_MAX);
	for (unsigned i = 0; i < n; i++) {
		require(leaf[i].function == 0x40000000 + i);
		require(!hv_cpuid_adapt(&(struct hv_cpuid_leaf){.function = leaf[i].function}));
	}
	require(leaf[0].eax == leaf[n - 1].function);
	// Never more than the list, whatever the host has; never less than the bus needs.
	require((leaf[3].eax & ~0xaffu) == 0 && (leaf[3].eax & 0x874) == 0x874);
	require(leaf[3].ebx == 0x30 && leaf[3].ecx == 0);
	require((leaf[3].edx & ~0x80510u) == 0 && (leaf[3].edx & 0x100) != 0);
	require((leaf[3].eax >> 3 & 1) == (leaf[3].edx >> 19 & 1));
	require((leaf[4].eax & ~0xe24u) == 0);
	if (hv_cpuid_lacks(&host) == NULL) {
		require((leaf[3].eax & ~host.features_eax) == 0);
		require((leaf[3].ebx & ~host.features_ebx) == 0);
		require((leaf[3].edx & ~host.features_edx) == 0);
	}
	own.function = next_value(in, 4);
	own.eax = own.ebx = own.ecx = own.edx = next_value(in, 4);
	require(hv_cpuid_adapt(&own) == (own.function >> 28 != 4));
}

static uint64_t next_register(struct input *in)
{
	switch (next_value(in, 1) % 4) {
	case 0: return next_value(in, 2);
	case 1: return HIGH + next_value(in, 2);
	case 2: return UINT64_MAX - next_value(in, 2);
	default: return next_value(in, 8);
	}
}

static void crash(struct input *in)
{
	size_t size = next_value(in, 2) % (HV_CRASH_TEXT_MAX + 2), at = 0, n;
	uint64_t control = next_value(in, 1) << 56, param[5];
	char *text = malloc(size > 0 ? size : 1); // exactly: sanitizers see one byte past

	for (unsigned i = 0; i < 5; i++)
		param[i] = next_register(in);
	while (in->at < in->end && at < LOW_PAGES * GUEST_PAGE_SIZE) {
		*guest_mem_at(&mem, at, 1) = *in->at;
		*guest_mem_at(&mem, HIGH + at % GUEST_PAGE_SIZE, 1) = *in->at++;
		at++;
	}
	require(text != NULL);
	hv_crash_text(&mem, param, control, text, size);
	n = size > 0 ? strnlen(text, size) : 0;
	require(size == 0 || n < size);
	for (size_t i = 0; i < n; i++)
		require(isprint((unsigned char)text[i]) || text[i] == '\n');
	require(size < 2 || n > 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	if (mem.n == 0) {
		guest_pages(&mem, 0, LOW_PAGES);
		guest_pages(&mem, HIGH, HIGH_PAGES);
	}
	for (unsigned i = 0; i < mem.n; i++)
		memset(mem.region[i].host, 0, mem.region[i].size);
	cpuid(&in);
	crash(&in);
	return 0;
}
