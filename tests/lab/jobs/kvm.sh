#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# guests of a few instructions: each thing a machine on KVM tells of, and how it ends
# lab: timeout=240 hugepages=0
. "$(dirname "$0")/../lib.sh"
need_build "$build/tests/unit/test_vm_kvm"

"$build/tests/unit/test_vm_kvm" > "$LAB_OUT/test_vm_kvm.log" 2>&1
equal "exit code of test_vm_kvm" $? 0
# The one that wants a KVM without Hyper-V.
equal "tests that were skipped" "$(sed -n 's/^\[  SKIPPED \] \([a-z_]*\)$/\1/p' \
	"$LAB_OUT/test_vm_kvm.log" | sort -u)" says_that_kvm_is_without_hyperv
grep -E "ERROR|LINE|FAILED" "$LAB_OUT/test_vm_kvm.log"
finish
