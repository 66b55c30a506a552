#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# what a Debian guest's user turns: ethtool, MTU, modules, addresses; reboot, kexec, panic
# lab: timeout=600
#
#   guest g (.2), 2 vCPUs ═ VMBus ═ vmnic g ── switch s ── host port (.1, this host)
#
# After each turn both ping each other, over IPv4 and IPv6, and data goes there and back by TCP.
# JOB_ROUNDS: how many times that is done which users do again and again (3).
. "$(dirname "$0")/../lib.sh"
kexec=$build/tests/lab/guest-kexec
need socat
need_build "$vswitchd" "$vswitchctl" "$hvhost" "$kexec"
rounds=${JOB_ROUNDS:-3}
# shellcheck disable=SC2034 # vm_run uses it
vm_timeout=300

# --- what the guest runs: it is silent about all that goes well ---

cat > "$tmp/turns" <<'END'
address() {
	ip link set eth0 up
	ip address replace 10.77.0.2/16 dev eth0
	ip address replace fd77::2/64 dev eth0 nodad
}

soon() { # COMMAND...: succeeds within a while
	tries=0
	until "$@"; do
		[ $((tries += 1)) -lt 40 ] || return
		usleep 250000
	done
}

there() { # ADDRESS [OPTION...]
	to=$1
	shift
	ping -q -n -c 1 -W 3 "$@" $to > /dev/null 2>&1
}

and_back() {
	timeout 60 nc 10.77.0.1 7 < /run/data > /run/back
	cmp /run/data /run/back
}

flows() {
	soon there 10.77.0.1 && soon there fd77::1 && and_back
}

turn() { # COMMAND
	if eval "$1" > /run/said 2>&1; then
		flows > /run/flows 2>&1 || echo "no traffic after '$1': $(head -n 3 /run/flows)"
	else
		echo "'$1' ends with $?: $(head -n 3 /run/said)"
	fi
}

up_and_down() {
	for n in 1 2 3 4 5; do
		ip link set eth0 down && ip link set eth0 up || return
	done
	address
}

mtu() { # BYTES
	ip link set eth0 mtu $1 && soon there 10.77.0.1 -M do -s $(($1 - 28))
}

mac() { # ADDRESS
	ip link set eth0 down && ip link set eth0 address $1 && address &&
		[ "$(cat /sys/class/net/eth0/address)" = $1 ]
}

driver_again() {
	rmmod hv_netvsc && modprobe hv_netvsc && soon test -e /sys/class/net/eth0 && address
}

get() { # PORT FILE
	until nc 10.77.0.1 $1 > $2 && [ -s $2 ]; do
		sleep 1
	done
}

# All that is in memory is the initrd again.
kexec() {
	get 82 /run/kexec && get 83 /run/vmlinuz && chmod 755 /run/kexec || return
	cd /
	find . -xdev | cpio -o -H newc > /run/initrd 2> /dev/null || return
	/run/kexec /run/vmlinuz /run/initrd "$(cat /proc/cmdline)"
}

[ -e /run/data ] || head -c 100000 /dev/urandom > /run/data
END

serve() { # PORT FILE
	background host socat "TCP-LISTEN:$1,reuseaddr,fork" "OPEN:$2,rdonly"
}

# --- what is judged ---

turned() { # TEXT COMMAND...: in the guest, each by itself
	local text=$1 script=". /run/turns" command said
	shift
	for command; do
		script+=$'\n'"turn '$command'"
	done
	said=$(vm_run g "$script")
	equal "$text: trouble" "$said" ""
	check "$text: the host pings the guest" host_pings
}

again() { # COMMAND...: each in turn, $rounds times
	local n
	turns=()
	for ((n = 0; n < rounds; n++)); do
		turns+=("$@")
	done
}

host_pings() {
	within 20 in_space host ping -q -n -c 1 -W 3 10.77.0.2 &&
		within 20 in_space host ping -q -n -c 1 -W 3 fd77::2
}

# The guest has just started; what it had is gone.
begins() { # TEXT
	vm_up g 200 || finish
	vm_run g "until nc 10.77.0.1 81 > /run/turns && [ -s /run/turns ]; do sleep 1; done"
	turned "$1" true
}

say() { # TEXT SCRIPT WANTED: judged by what is said
	equal "$1" "$(vm_run g "$2")" "$3"
}

# --- the guest ---

start_daemon
check "switch" ctl add-switch s --type internal
check "host port" ctl add-port s h --type host --ifname "${id}h" --mtu 9000
check "vmnic" ctl add-port s g --type vmnic --mtu 9000
ip -n "$id-host" link set "${id}h" up
add_address host "${id}h" 1
background host socat TCP-LISTEN:7,reuseaddr,fork PIPE
serve 81 "$tmp/turns"
serve 82 "$kexec"
serve 83 "$(kernel_of cloud-amd64)/vmlinuz"
VM_MEMORY=256M VM_CPUS=2 VM_APPEND="panic=1 hv.ip=10.77.0.2/16 hv.ip=fd77::2/64" \
	vm_start g --nic port=g
begins "a first start"

# --- ethtool ---

say "driver" "ethtool -i eth0 | grep ^driver" "driver: hv_netvsc"
say "channels" "ethtool -l eth0 | grep Combined | tr -d '\t '" "$(printf 'Combined:2\nCombined:2')"
turned "ethtool -L" "ethtool -L eth0 combined 1" "ethtool -L eth0 combined 2"
say "the table names both queues" "ethtool -x eth0 | sed -n 's/^ *[0-9]*:  *//p' |
	tr -s ' ' '\n' | grep . | sort -u | paste -sd ' '" "0 1"
key=$(printf '%02x:' {1..40})
turned "ethtool -X" "ethtool -X eth0 equal 1" "ethtool -X eth0 weight 1 3" \
	"ethtool -X eth0 equal 2" "ethtool -X eth0 hkey ${key%:}"
say "the key is taken" "ethtool -x eth0 | grep -c ${key%:}" 1
turned "ethtool -G" "ethtool -G eth0 rx 500 tx 40" "ethtool -G eth0 rx 9000 tx 170"
# Of whole pages: there may be room for one section more.
say "ring sizes" "ethtool -g eth0 | grep -E '^[RT]X:' | tail -n 2 | tr -d '\t ' | sed s/900./900/" \
	"$(printf 'RX:900\nTX:170')"
turned "ethtool -N" "ethtool -N eth0 rx-flow-hash udp4 sdfn" "ethtool -N eth0 rx-flow-hash tcp6 sd"
features=(tx sg tso gso gro rxhash lro)
off=("${features[@]/%/ off}")
on=${features[*]/%/ on}
# Of 'rx off' no host is told: sums that were left to offloads stay unfinished, so no traffic then.
turned "ethtool -K" "${off[@]/#/ethtool -K eth0 }" "ethtool -K eth0 $on" \
	"ethtool -K eth0 rx off && ethtool -K eth0 rx on"
say "errors counted" "ethtool -S eth0 | grep -E 'no_memory|no_space|too_big' | grep -v ': 0$'" ""

# --- ip, modprobe ---

again "mtu 9000" "mtu 1500"
turned "MTU" "${turns[@]}"
again up_and_down
turned "ifdown, ifup" "${turns[@]}"
old=$(vm_run g "cat /sys/class/net/eth0/address")
turned "another MAC address" "mac 02:77:00:00:00:07" "mac $old"
again driver_again
turned "rmmod, modprobe" "${turns[@]}"
vm_dmesg g

# --- the kernel's ends ---

vm_run g "(sleep 1; reboot) > /dev/null 2>&1 &"
begins "a reboot"
turned "MTU after it" "mtu 9000"
vm_dmesg g
if vm_run g "[ -e /sys/kernel/kexec_loaded ]"; then
	vm_run g "(. /run/turns; kexec; echo \$?) > /run/kexec.said 2>&1 &"
	begins "kexec"
	vm_dmesg g
else
	note "kexec is left out: the guest's kernel has none"
fi
logs_are_clean
vm_run g "(sleep 1; echo c > /proc/sysrq-trigger) > /dev/null 2>&1 &"
begins "a panic"
vm_dmesg g
check "its last words are kept" grep -q \
	'error guest: .*Kernel panic - not syncing: sysrq triggered crash' "$tmp/vm-g.log"
equal "errors in vswitchd's log" "$(grep -E ' (error|fatal) ' "$tmp/log" | head -n 3)" ""
vm_stop g
finish
