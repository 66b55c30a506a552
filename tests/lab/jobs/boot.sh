#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# two unmodified Debian guests: ping, TCP and UDP to each other, the host and a PCI NIC's far end
# lab: nics=e1000e timeout=540
#
#   guest a (.2) ═ VMBus ═ vmnic a ─┐                        ┌─ host0 (.1, this host)
#                                   ├─ switch lan (external) ┤
#   guest b (.3) ═ VMBus ═ vmnic b ─┘                        └─ nic0 ═ PCI ═ far end (.9)
. "$(dirname "$0")/../lib.sh"
need iperf3
need_build "$vswitchd" "$vswitchctl" "$hvhost"
[ -n "$LAB_NICS" ] || skip "wants a PCI NIC: tests/lab/run has to give one"

place_nics || exit 1
start_daemon
check "switch with the NIC as its uplink" ctl add-switch lan --nic nic0
check "host port" ctl add-port lan host0 --type host
ip -n "$id-host" link set host0 up
add_address host host0 1
add_address far0 eth0 9
for name in a b; do
	check "port $name" ctl add-port lan $name --type vmnic
	vm_start $name --nic port=$name
done
vm_up a && vm_up b || finish

vm_address a 2
vm_address b 3
in_space host iperf3 -s -D
in_space far0 iperf3 -s -D
vm_run b "iperf3 -s -D"

# What each hears of the others, told by the guest in one go.
hear() { # NAME OPTIONS ADDRESS...
	local name=$1 options=$2 line
	shift 2
	while read -r line; do
		equal "$name pings ${line% *}${options:+ ($options)}" "${line##* }" yes
	done < <(vm_run "$name" "for to in $*; do
		n=0
		until ping -q -n -c 1 -W 1 $options \$to > /dev/null 2>&1; do
			n=\$((n + 1))
			[ \$n -lt 5 ] || { echo \$to no; continue 2; }
		done
		echo \$to yes
	done")
}

hear a "" 10.77.0.1 10.77.0.3 10.77.0.9 fd77::1 fd77::3 fd77::9
hear b "" 10.77.0.2 10.77.0.9 fd77::2
hear a "-M do -s 1472" 10.77.0.3 10.77.0.9
hear a "-s 20000" 10.77.0.3

for to in 10.77.0.1 10.77.0.3 10.77.0.9 fd77::3; do
	at_least "TCP a to $to, Mbit/s" "$(vm_iperf a $to)" 0.1
	at_least "TCP $to to a, Mbit/s" "$(vm_iperf a $to -R)" 0.1
done
for to in 10.77.0.1 10.77.0.3 10.77.0.9 fd77::9; do
	lost=$(vm_iperf a $to -u -b 500K -l 1400)
	at_most "UDP a to $to, lost percent" "${lost##* }" 10
done

# Guests in a VLAN: the far end is reached with a tag, the untagged host not.
ip -n "$id-far0" link add link eth0 name v10 type vlan id 10
ip -n "$id-far0" link set v10 up
ip -n "$id-far0" address add 10.78.0.9/24 dev v10
for name in a b; do
	check "$name in VLAN 10" ctl set-port $name --access-vlan 10
done
vm_run a "ip address add 10.78.0.2/24 dev eth0"
hear a "" 10.77.0.3 10.78.0.9
check "VLAN 10 does not reach the untagged host" vm_no_pings a 10.77.0.1
# A guest that tags by itself.
check "a is a trunk" ctl set-port a --trunk-vlans 10
vm_run a "ip address del 10.78.0.2/24 dev eth0; ip link add link eth0 name v10 type vlan id 10
	ip link set v10 up; ip address add 10.78.0.2/24 dev v10"
hear a "" 10.78.0.9
for name in a b; do
	ctl set-port $name --untagged > /dev/null
done

for name in a b; do
	check "$name may send 9 000 bytes" ctl set-port $name --mtu 9000
	vm_run $name "ip link set eth0 mtu 9000" > /dev/null
done
hear a "-M do -s 8952" 10.77.0.3
at_least "TCP a to b with 9 000 bytes, Mbit/s" "$(vm_iperf a 10.77.0.3)" 0.1

vm_dmesg a
vm_dmesg b
logs_are_clean
vm_stop a
vm_stop b
finish
