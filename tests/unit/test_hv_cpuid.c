/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest is told of Hyper-V, bit by bit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <hypervisor/hyperv/cpuid.h>

static const struct hv_cpuid_host nothing = {.n_vps = 4};
static const struct hv_cpuid_host everything = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, 4};

static struct hv_cpuid_leaf get(const struct hv_cpuid_host *host, uint32_t function)
{
	struct hv_cpuid_leaf leaf[HV_CPUID_MAX];
	unsigned n = hv_cpuid_leaves(host, leaf);

	assert_in_range(n, 1, HV_CPUID_MAX);
	for (unsigned i = 0; i < n; i++)
		if (leaf[i].function == function)
			return leaf[i];
	fail_msg("no leaf %#x", function);
	return leaf[0];
}

static void signature_is_hyper_v_s_and_the_highest_leaf_is_there(void **)
{
	struct hv_cpuid_leaf leaf = get(&everything, 0x40000000);
	uint32_t text[] = {leaf.ebx, leaf.ecx, leaf.edx};

	assert_memory_equal(text, "Microsoft Hv", 12);
	assert_in_range(leaf.eax, 0x40000005, 0x4000ffff);
	get(&everything, leaf.eax);
	// Nested and isolation leaves are beyond it.
	assert_true(leaf.eax < 0x4000000a);
}

static void leaves_are_in_order_without_gaps(void **)
{
	struct hv_cpuid_leaf leaf[HV_CPUID_MAX];
	unsigned n = hv_cpuid_leaves(&everything, leaf);

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(leaf[i].function, 0x40000000 + i);
	assert_int_equal(leaf[0].eax, 0x40000000 + n - 1);
}

static void interface_is_hv_1_by_which_kvm_knows_it(void **)
{
	assert_int_equal(get(&nothing, 0x40000001).eax, 0x31237648);
}

static void version_is_one_that_linux_can_print(void **)
{
	struct hv_cpuid_leaf leaf = get(&nothing, 0x40000002);

	assert_int_equal(leaf.ebx >> 16, 10);
	assert_int_equal(leaf.ebx & 0xffff, 0);
	assert_true(leaf.eax > 10000);
}

static void what_no_guest_can_do_without_is_always_there(void **)
{
	struct hv_cpuid_leaf leaf = get(&nothing, 0x40000003);

	// SynIC, APIC and VP assist page, hypercalls, VP index, frequencies: no more.
	assert_int_equal(leaf.eax, 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 11);
	assert_int_equal(leaf.ebx, 1 << 4 | 1 << 5); // post messages, signal events
	assert_int_equal(leaf.edx, 1 << 8);
	// Relaxed timing, AutoEOI deprecated.
	assert_int_equal(get(&nothing, 0x40000004).eax, 1 << 5 | 1 << 9);
}

static void what_the_host_has_is_passed_on_as_far_as_we_mean_it(void **)
{
	struct hv_cpuid_leaf leaf = get(&everything, 0x40000003);

	// VP runtime, reference counter, SynIC, timers, APIC, hypercalls, VP index, reset, TSC
	// page, frequencies. No idle, reenlightenment, invariant TSC.
	assert_int_equal(leaf.eax, 0xff | 1 << 9 | 1 << 11);
	assert_int_equal(leaf.ecx, 0);
	// XMM input, frequencies, crash, direct timers.
	assert_int_equal(leaf.edx, 1 << 4 | 1 << 8 | 1 << 10 | 1 << 19);
	// Relaxed timing, remote flush, no AutoEOI, cluster IPI, processor masks; no APIC by
	// registers (bit 3), no nested pages (14).
	assert_int_equal(
		get(&everything, 0x40000004).eax, 1 << 2 | 1 << 5 | 1 << 9 | 1 << 10 | 1 << 11);
}

static void trap_1_no_partition_id_no_root_partition(void **)
{
	// Nor CreatePartitions (0), debugging (11), extended hypercalls (20), isolation (22).
	assert_int_equal(get(&everything, 0x40000003).ebx, 1 << 4 | 1 << 5);
}

static void trap_2_no_other_hypervisor_s_signature(void **)
{
	for (uint32_t f = 0x40000000; f < 0x50000000; f += 0x100) {
		struct hv_cpuid_leaf leaf = {f, 1, 2, 3, 4};

		assert_false(hv_cpuid_adapt(&leaf));
	}
}

static void trap_5_no_timer_posts_messages(void **)
{
	struct hv_cpuid_host host = everything;
	struct hv_cpuid_leaf leaf;

	host.features_edx = ~(1u << 19);
	leaf = get(&host, 0x40000003);
	assert_int_equal(leaf.eax & 1 << 3, 0);
	assert_int_equal(leaf.edx & 1 << 19, 0);
	host.features_edx = UINT32_MAX;
	host.features_eax = ~(1u << 3);
	leaf = get(&host, 0x40000003);
	assert_int_equal(leaf.eax & 1 << 3, 0);
	assert_int_equal(leaf.edx & 1 << 19, 0);
}

static void processor_masks_only_for_calls_that_take_them(void **)
{
	struct hv_cpuid_host host = nothing;

	host.hints_eax = 1 << 11;
	assert_int_equal(get(&host, 0x40000004).eax & 1 << 11, 0);
	host.hints_eax |= 1 << 10;
	assert_int_equal(get(&host, 0x40000004).eax & (1 << 10 | 1 << 11), 1 << 10 | 1 << 11);
}

static void limits_are_the_machine_s(void **)
{
	struct hv_cpuid_leaf leaf = get(&nothing, 0x40000005);

	assert_int_equal(leaf.eax, 4);
	assert_int_equal(leaf.ebx, 4);
}

static void what_the_host_lacks_is_named(void **)
{
	static const uint32_t eax[] = {1 << 2, 1 << 4, 1 << 5, 1 << 6, 1 << 11};
	struct hv_cpuid_host host;

	assert_null(hv_cpuid_lacks(&everything));
	assert_non_null(hv_cpuid_lacks(&nothing));
	for (unsigned i = 0; i < sizeof(eax) / sizeof(eax[0]); i++) {
		host = everything;
		host.features_eax &= ~eax[i];
		assert_non_null(hv_cpuid_lacks(&host));
	}
	host = everything;
	host.features_ebx &= ~(1u << 5);
	assert_string_equal(hv_cpuid_lacks(&host), "Hyper-V messages and events");
	host = everything;
	host.features_edx = 1 << 8;
	host.hints_eax = 0;
	assert_null(hv_cpuid_lacks(&host)); // the rest can be done without
}

static void processor_says_that_there_is_a_hypervisor(void **)
{
	struct hv_cpuid_leaf leaf = {1, 0x10, 0x20, 0, 0x40};

	assert_true(hv_cpuid_adapt(&leaf));
	assert_int_equal(leaf.ecx, 1u << 31);
	assert_true(leaf.eax == 0x10 && leaf.ebx == 0x20 && leaf.edx == 0x40);
}

static void guest_is_offered_no_guests_of_its_own(void **)
{
	struct hv_cpuid_leaf own = {1, 0, 0, UINT32_MAX, 0};
	struct hv_cpuid_leaf amd = {0x80000001, 0, 0, UINT32_MAX, 0};
	struct hv_cpuid_leaf svm = {0x8000000a, 1, 2, 3, 4};

	assert_true(hv_cpuid_adapt(&own) && hv_cpuid_adapt(&amd) && hv_cpuid_adapt(&svm));
	assert_int_equal(own.ecx, ~(1u << 5));
	assert_int_equal(amd.ecx, ~(1u << 2));
	assert_int_equal(svm.eax | svm.ebx | svm.ecx | svm.edx, 0);
}

static void other_leaves_are_left_alone(void **)
{
	static const uint32_t functions[] = {0, 2, 7, 0xd, 0x3fffffff, 0x80000000, 0x80000008};

	for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct hv_cpuid_leaf leaf = {functions[i], 1, 2, 3, 4}, before = leaf;

		assert_true(hv_cpuid_adapt(&leaf));
		assert_memory_equal(&leaf, &before, sizeof(leaf));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_is_hyper_v_s_and_the_highest_leaf_is_there),
		cmocka_unit_test(leaves_are_in_order_without_gaps),
		cmocka_unit_test(interface_is_hv_1_by_which_kvm_knows_it),
		cmocka_unit_test(version_is_one_that_linux_can_print),
		cmocka_unit_test(what_no_guest_can_do_without_is_always_there),
		cmocka_unit_test(what_the_host_has_is_passed_on_as_far_as_we_mean_it),
		cmocka_unit_test(trap_1_no_partition_id_no_root_partition),
		cmocka_unit_test(trap_2_no_other_hypervisor_s_signature),
		cmocka_unit_test(trap_5_no_timer_posts_messages),
		cmocka_unit_test(processor_masks_only_for_calls_that_take_them),
		cmocka_unit_test(limits_are_the_machine_s),
		cmocka_unit_test(what_the_host_lacks_is_named),
		cmocka_unit_test(processor_says_that_there_is_a_hypervisor),
		cmocka_unit_test(guest_is_offered_no_guests_of_its_own),
		cmocka_unit_test(other_leaves_are_left_alone),
	};

	return cmocka_run_group_tests_name("hv_cpuid", tests, NULL, NULL);
}
