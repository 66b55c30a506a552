#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# a 32-bit guest and a 64-bit one, both Debian's kernels as they are, on one switch
# lab: guests=cloud-amd64,686 timeout=540
#
#   guest a, 64 bits (.2) ═ vmnic a ─── switch s (private) ─── vmnic b ═ guest b, 32 bits (.3)
. "$(dirname "$0")/../lib.sh"
need_build "$vswitchd" "$vswitchctl" "$hvhost"

start_daemon
check "switch" ctl add-switch s --type private
for name in a b; do
	check "port $name" ctl add-port s $name --type vmnic
done
vm_start a --nic port=a
VM_FLAVOUR=686 vm_start b --nic port=b
vm_up a && vm_up b || finish
equal "a: bits" "$(vm_run a uname -m)" x86_64
equal "b: bits" "$(vm_run b uname -m)" i686

vm_address a 2
vm_address b 3
check "a to b v4" vm_pings_soon a 10.77.0.3
check "b to a v6" vm_pings_soon b fd77::2
check "fragments" vm_pings a 10.77.0.3 -s 20000
vm_run b "iperf3 -s -D"
at_least "TCP a to b, Mbit/s" "$(vm_iperf a 10.77.0.3)" 0.1
at_least "TCP b to a, Mbit/s" "$(vm_iperf a 10.77.0.3 -R)" 0.1
check "the 32-bit NIC opens anew for 9 000 bytes" ctl set-port b --mtu 9000
vm_run b "ip link set eth0 mtu 9000"
check "and goes on" vm_pings_soon b 10.77.0.2

vm_dmesg a
vm_dmesg b
logs_are_clean
vm_stop a
vm_stop b
finish
