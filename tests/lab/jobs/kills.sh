#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# vswitchd is killed over and over under a guest's TCP session: the session and the netdev live
# lab: timeout=540
#
#   guest one: eth0 (.2, echo) ── vmnic p1 ── switch s ── host (.100, the session's other end)
#
# JOB_KILLS: how often (5; 100 takes a quarter of an hour).
. "$(dirname "$0")/../lib.sh"
need_build "$hvhost" "$vswitchd" "$vswitchctl"
kills=${JOB_KILLS:-5}
limit=${JOB_KILL_MS:-5000} # ms, of the median; three times that of any

answers() {
	in_space host ping -q -n -c 1 -W 1 10.77.0.2
}

# What must not change: the interface's number, its addresses, its queues.
netdev() {
	vm_run one "cat /sys/class/net/eth0/ifindex; ip -o address show dev eth0 | grep -c 77
		ls -d /sys/class/net/eth0/queues/rx-* | wc -l
		ethtool -l eth0 | tail -n 1" | tr -s '\n\t ' ' '
}

start_daemon
check "switch" ctl add-switch s --type internal
check "port" ctl add-port s p1 --type vmnic --queues 2
check "host port" ctl add-port s host --type host
in_space host ip address add 10.77.0.100/16 dev host
in_space host ip link set host up
VM_CPUS=2 vm_start one --nic port=p1
vm_up one 200 || finish
vm_address one 2
check "ping" within 20 answers
before=$(netdev)
note "netdev: $before"
vm_run one "busybox nc -ll -p 7000 -e cat > /dev/null 2>&1 &"
sleep 1
background host python3 "$LAB_TREE/tests/smoke/steady.py" run 10.77.0.2 7000 "$tmp/session"
# shellcheck disable=SC2154 # of tests/smoke/lib.sh
session=${children[-1]}
check "a TCP session" within 30 test -e "$tmp/session.alive"

late=0
for ((i = 1; i <= kills; i++)); do
	killed=$(date +%T.%3N)
	kill_daemon
	launch_daemon
	# How long vswitchd takes to start is this machine's slowness: judged is what comes after.
	within 90 daemon_answers || break
	ready=$(date +%s%3N)
	within 30 answers
	ms=$(($(date +%s%3N) - ready))
	note "kill $i at $killed: ready $(date -d @${ready%???}.${ready: -3} +%T.%3N), traffic $ms ms later"
	echo $ms >> "$tmp/times"
	! grep -q 'reset:' "$tmp/vm-one.log" || {
		bad "the guest was reset: $(grep -m 1 'reset:' "$tmp/vm-one.log")"
		break
	}
	[ $ms -le $((3 * limit)) ] || late=$((late + 1))
	sleep 0.5
done
equal "deaths of vswitchd" $((i - 1)) "$kills"
sort -n "$tmp/times" > "$tmp/sorted"
note "ms from vswitchd's return to traffic: least $(head -n 1 "$tmp/sorted")," \
	"most $(tail -n 1 "$tmp/sorted")"
at_most "the median" "$(sed -n "$(((kills + 1) / 2))p" "$tmp/sorted")" "$limit"
equal "deaths after which traffic was late" $late 0
kill -TERM "$session"
wait "$session"
note "the session: $(cat "$tmp/session")"
equal "the session lived" "$(jq -r .ended "$tmp/session")" null
equal "records lost" "$(jq .missing "$tmp/session")" 0
equal "records wrong" "$(jq .wrong "$tmp/session")" 0
at_least "records" "$(jq .records "$tmp/session")" $((kills * 5))
equal "the netdev is the same" "$(netdev)" "$before"
check "one queue" vm_run one 'ethtool -L eth0 combined 1'
check "ping" within 20 answers
check "two queues" vm_run one 'ethtool -L eth0 combined 2'
check "ping" within 20 answers
vm_dmesg one
logs_are_clean
vm_stop one 100
finish
