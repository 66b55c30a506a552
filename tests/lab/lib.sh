# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every job starts with: `. "$LAB_TREE/tests/lab/lib.sh"`.
#
# A job has the machine, or namespaces of its own, to itself; what it leaves behind is removed
# with them. Logs go to LAB_OUT, everything else to $tmp. No pipefail: `tool | grep -q` ends the
# tool early, and that is no fault.
# shellcheck disable=SC2034 # the jobs use them
set -u

lab=$LAB_TREE/tests/lab
tmp=$(mktemp -d)
vswitchd=$VSW_BUILD/vswitch/vswitchd
vswitchctl=$VSW_BUILD/ctl/vswitchctl
hvhost=$VSW_BUILD/hypervisor/host/hvhost
