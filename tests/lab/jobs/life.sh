#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# a machine's life: NICs that come and go, reboot, panic, vswitchd's death, power off; exit codes
# lab: timeout=900
#
#   one: eth0 ── p1 ─┬─ switch s ── host (.100)
#        eth1 ── p2 ─┘
. "$(dirname "$0")/../lib.sh"
need_build "$hvhost" "$hvctl" "$vswitchd"
need setpriv

# A guest that runs nothing else answers late here: twice as patient as elsewhere.
soon() { # COMMAND...
	within 60 "$@"
}

links() {
	vm_run one 'ls /sys/class/net' | tr '\n' ' '
}

has_links() { # TEXT
	[ "$(links)" = "$1 " ]
}

machine() { # FIELD: of what hvctl shows
	"$hvctl" --json --run-dir "$tmp/hvhost" show one | jq -r "$1"
}

# refused TEXT ARGUMENT...: hvhost does not start, and says so in one line.
refused() {
	local text=$1 output rc
	shift
	output=$(timeout 60 "$hvhost" --name none --memory 128M --console none --user root \
		--kernel "$(kernel_of cloud-amd64)/vmlinuz" --run-dir "$tmp/hvhost" \
		--vsp-socket "$tmp/run/vsp.sock" "$@" 2>&1)
	rc=$?
	equal "exit code, lines: $output" "$rc $(wc -l <<< "$output")" "1 1"
	[[ $output == *"$text"* ]] || bad "it should mention '$text'"
}

launch_daemon
soon daemon_answers || finish
check "switch" ctl add-switch s --type internal
check "port" ctl add-port s p1 --type vmnic
check "host port" ctl add-port s host --type host
in_space host ip address add 10.77.0.100/16 dev host
in_space host ip link set host up

note "a port that must be there"
refused "add-port SWITCH nowhere --type vmnic" --nic port=nowhere --require-port
refused "see that vswitchd runs" --nic port=p1 --require-port --vsp-socket "$tmp/none"
chmod 755 "$tmp" "$tmp/run"
refused "see add-port --user" --nic port=p1 --require-port --user nobody --run-dir "$tmp/own"
equal "nothing is left" "$(find "$tmp/hvhost" "$tmp/own" -name 'none*')" ""

note "NICs"
VM_APPEND="panic=1" vm_start one --nic port=p1 --require-port --user root --stop-timeout 100
vm_up one 200 || finish
vm_dmesg one
vm_address one 1
check "ping" soon in_space host ping -q -n -c 1 -W 1 10.77.0.1
"$hvctl" --run-dir "$tmp/hvhost" add-nic one port=p2,name=second
check "a second NIC, whose port is not there yet" soon has_links "eth0 eth1 lo"
check "its port" ctl add-port s p2 --type vmnic
vm_address one 2 eth1
check "has link" soon vm_run one 'grep -q 1 /sys/class/net/eth1/carrier'
"$hvctl" --run-dir "$tmp/hvhost" del-nic one second
check "and goes" soon has_links "eth0 lo"
equal "no NIC is left behind" "$(machine '.nics | length')" 1

note "vswitchd dies"
index=$(vm_run one 'cat /sys/class/net/eth0/ifindex')
kill_daemon
sleep 1
launch_daemon
soon daemon_answers
check "ping" soon in_space host ping -q -n -c 1 -W 1 10.77.0.1
equal "the interface is the same" "$(vm_run one 'cat /sys/class/net/eth0/ifindex')" "$index"

note "reboot"
vm_timeout=2 vm_run one 'sync; reboot -f' > /dev/null
vm_up one 200 || finish
vm_address one 1
check "ping" soon in_space host ping -q -n -c 1 -W 1 10.77.0.1
equal "resets" "$(machine .resets)" 1

note "panic"
vm_timeout=2 vm_run one 'echo c > /proc/sysrq-trigger' > /dev/null
vm_up one 200 || finish
check "its text is in the log" grep -q 'Kernel panic - not syncing: sysrq' "$tmp/vm-one.log"
vm_address one 1
check "ping" soon in_space host ping -q -n -c 1 -W 1 10.77.0.1

note "power button"
vm_stop one 100
equal "the control socket is gone" "$(find "$tmp/hvhost" -name "one*")" ""
equal "calls that the sandbox has killed for" "$(dmesg | grep -c 'type=1326.*hvhost')" 0

note "ends by themselves"
check "a port of nobody's" ctl add-port s p3 --type vmnic --user nobody
VM_APPEND="panic=1" vm_start two --no-reboot --nic port=p3 --require-port --user nobody \
	--run-dir "$tmp/own"
vm_up two 200 || finish
pid_two=${vm_pid[two]}
equal "it runs as" "$(ps -o user= -p "$pid_two")" nobody
vm_timeout=2 vm_run two 'echo c > /proc/sysrq-trigger' > /dev/null
soon eval "! kill -0 $pid_two" 2> /dev/null
wait "$pid_two"
equal "exit code of a crash" $? 3
vm_forget two
finish
