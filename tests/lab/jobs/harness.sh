#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# the lab itself: QEMU as the hypervisor shows a guest VMBus; commands in it
# lab: timeout=240
. "$(dirname "$0")/../lib.sh"
[ "$LAB_MODE" = nested ] || need qemu-system-x86_64

folder=$(kernel_of cloud-amd64)
vm_launch a qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
	-machine q35 -accel kvm -m 192M -serial stdio -device vmbus-bridge \
	-cpu host,kvm=off,hv-vpindex,hv-synic,hv-time,hv-stimer,hv-relaxed,hv-vapic,hv-runtime \
	-kernel "$folder/vmlinuz" -initrd "$(cat "$folder/initrd")" -append "$(vm_append a)"
vm_up a || finish
# QEMU's bus is an old one.
VM_VMBUS=4.0 vm_dmesg a
equal "its name" "$(vm_run a hostname)" a
equal "its clock" "$(vm_run a cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" \
	hyperv_clocksource_tsc_page
vm_run a 'exit 42'
equal "exit code of a command" $? 42
vm_run a 'seq 1 3000' > "$tmp/lines"
equal "much output" "$(md5sum < "$tmp/lines")" "$(seq 1 3000 | md5sum)"
vm_run a 'printf "no line end"' > "$tmp/lines"
equal "output without a line's end" "$(cat "$tmp/lines")" "no line end"
equal "programs in the guest" "$(vm_run a 'iperf3 --version; ethtool --version; ip -V; ping -V' |
	grep -oE '^(iperf|ethtool|ip utility|ping from)' | paste -sd ' ')" \
	"iperf ethtool ip utility ping from"
check "hv_netvsc can be removed" vm_run a 'rmmod hv_netvsc && modprobe hv_netvsc'
finish
