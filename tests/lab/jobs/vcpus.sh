#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# as many queues as processors, all of them used; and how seldom the guest stops for a packet
# lab: memory=3G timeout=540
#
#   guest vN (.N): N processors ═ N queues ═ vmnic vN ─── switch s (internal) ─── host0 (.100)
#
# JOB_LONG=1: 1, 2, 4 and 8 processors, ten seconds; else JOB_VCPUS and JOB_SECONDS.
. "$(dirname "$0")/../lib.sh"
need iperf3
need_build "$vswitchd" "$vswitchctl" "$hvhost" "$hvctl"
if [ -n "${JOB_LONG:-}" ]; then
	counts=(1 2 4 8)
	seconds=10
else
	read -ra counts <<< "${JOB_VCPUS:-1 4}"
	seconds=${JOB_SECONDS:-5}
fi
event=/sys/kernel/tracing/events/kvm/kvm_userspace_exit
table=()

# Lines of "name value": what hvhost, the kernel below it and the switch have counted.
counters() { # NAME
	"$hvctl" --json --run-dir "$tmp/hvhost" show "$1" |
		jq -r '.exits | to_entries[] | "exit_\(.key) \(.value)"'
	[ ! -e $event/hist ] ||
		awk '/hitcount:/ { n += $NF } END { print "traced", n + 0 }' $event/hist
	query '.port.guest.queues | "interrupts \(map(.interrupts) | add)",
		"spared \(map(.interrupts_spared) | add)"' show-port "$1"
}

# Lines of "name value": packets of either direction, by queue and in all.
guest_counters() { # NAME
	vm_run "$1" "ethtool -S eth0 | sed -nE 's/^ *([rt]x_queue_[0-9]+_packets): /\1 /p'
		for way in rx tx; do echo \$way \$(cat /sys/class/net/eth0/statistics/\${way}_packets); done"
}

# How much a counter has grown from one file to another.
grown() { # BEFORE AFTER NAME
	awk -v name="$3" '$1 == name { n = $2 - n } END { print n + 0 }' "$1" "$2"
}

value() { # NAME: before
	awk -v name="$1" '$1 == name { print $2 }' "$tmp/before"
}

# The console is silent: each character of it leaves the guest.
is_silent() { # NAME
	local before
	before=$("$hvctl" --json --run-dir "$tmp/hvhost" show "$1" | jq .exits.port)
	sleep 0.5
	[ "$before" = "$("$hvctl" --json --run-dir "$tmp/hvhost" show "$1" | jq .exits.port)" ]
}

# A connection refused: one packet each way, of a flow of its own.
knock() { # ADDRESS N
	in_space host /usr/bin/python3 -c '
import socket, sys
for n in range(int(sys.argv[2])):
    with socket.socket() as s:
        s.bind(("10.77.0.100", 20000 + n))
        s.settimeout(5)
        try:
            s.connect((sys.argv[1], 9))
        except OSError:
            pass' "$1" "$2"
}

# QUEUE:ENTRIES...
table_of() { # NAME
	vm_run "$1" "ethtool -x eth0" | sed -nE 's/^ *[0-9]+: +//p' | tr -s ' ' '\n' | grep . |
		sort -n | uniq -c | awk '{ print $2 ":" $1 }' | paste -sd ' '
}

queues() { # NAME N
	local name=$1 n=$2 queue way flows=$(($2 * 24))
	equal "$name: queues" "$(vm_run "$name" "ethtool -l eth0 | sed -n 's/^Combined:[^0-9]*//p'" |
		paste -sd ' ')" "$n $n"
	# With a single queue there is no table.
	[ "$n" = 1 ] || equal "$name: flows in the table, by queue" "$(table_of "$name")" \
		"$(for ((queue = 0; queue < n; queue++)); do echo "$queue:$((128 / n))"; done | paste -sd ' ')"
	guest_counters "$name" > "$tmp/before"
	knock "10.77.0.$n" "$flows"
	guest_counters "$name" > "$tmp/after"
	for way in rx tx; do
		for ((queue = 0; queue < n; queue++)); do
			grown "$tmp/before" "$tmp/after" "${way}_queue_${queue}_packets"
		done > "$tmp/spread"
		note "$name: packets by queue, $way: $(paste -sd ' ' "$tmp/spread") of $flows flows"
		at_least "$name: least of a queue, $way" "$(sort -n "$tmp/spread" | head -n 1)" 1
	done
}

exits() { # NAME N WAY IPERF-OPTION...
	local name=$1 n=$2 way=$3 packets returns reasons interrupts spared ratio mbits traced said heard
	shift 3
	guest_counters "$name" > "$tmp/guest-before"
	within 20 is_silent "$name"
	said=$(stat -c %s "$tmp/vm-$name.console")
	counters "$name" > "$tmp/before"
	mbits=$(in_space host iperf3 -J -t "$seconds" -c "10.77.0.$n" "$@" |
		jq -r '.end.sum_received.bits_per_second // 0 | . / 1e6 | floor')
	counters "$name" > "$tmp/after"
	heard=$(stat -c %s "$tmp/vm-$name.console")
	guest_counters "$name" > "$tmp/guest-after"
	packets=$(($(grown "$tmp/guest-before" "$tmp/guest-after" rx) +
		$(grown "$tmp/guest-before" "$tmp/guest-after" tx)))
	returns=$(grown "$tmp/before" "$tmp/after" exit_returns)
	at_least "$name: returns since it was started" "$(value exit_returns)" 100
	reasons=$(sed -nE 's/^exit_([a-z]+) .*/\1/p' "$tmp/after" | grep -v returns | while read -r reason; do
		echo "$reason $(grown "$tmp/before" "$tmp/after" "exit_$reason")"
	done | awk '$2 > 0 { print $1, $2 }' | paste -sd ,)
	interrupts=$(grown "$tmp/before" "$tmp/after" interrupts)
	spared=$(grown "$tmp/before" "$tmp/after" spared)
	at_least "$name: packets $way" "$packets" 100 || return
	ratio=$(awk "BEGIN { printf \"%.5f\", $returns / $packets }")
	at_most "$name: returns of KVM_RUN per packet $way" "$ratio" 0.01 || {
		note "returns: ${reasons:-none}; the console's new lines:"
		tail -c "+$((said + 1))" "$tmp/vm-$name.console" | head -c $((heard - said))
	}
	if [ -e $event/hist ]; then
		# Neither is read at the very same moment.
		at_least "$name: and as the kernel has counted" "$(value traced)" 100
		traced=$(grown "$tmp/before" "$tmp/after" traced)
		at_most "$name: the kernel counts $traced, hvhost $returns; difference" \
			$((traced > returns ? traced - returns : returns - traced)) $((5 + returns / 10))
	fi
	table+=("$(awk -v OFS='|' "BEGIN { print $n, \"$way\", $packets, $returns, \"${reasons:-none}\",
		\"$ratio\", sprintf(\"%.2f\", $interrupts / $packets),
		sprintf(\"%.2f\", $spared / $packets), $mbits }")")
}

[ "$LAB_MODE" != nested ] || echo 'hist:keys=reason' > $event/trigger
start_daemon
check "switch" ctl add-switch s --type internal
check "host port" ctl add-port s host0 --type host
ip -n "$id-host" link set host0 up
in_space host ip address add 10.77.0.100/16 dev host0

for n in "${counts[@]}"; do
	name=v$n
	note "$n processors"
	check "port with $n queues" ctl add-port s "$name" --type vmnic --queues "$n"
	VM_MEMORY=256M VM_CPUS=$n vm_start "$name" --nic "port=$name"
	vm_up "$name" $((120 + n * 60)) || finish
	equal "$name: processors" "$(vm_run "$name" nproc)" "$n"
	vm_address "$name" "$n"
	check "$name answers" within 20 in_space host ping -q -n -c 1 -W 1 "10.77.0.$n"
	queues "$name" "$n"
	vm_run "$name" "iperf3 -s -D"
	exits "$name" "$n" "to the guest"
	exits "$name" "$n" "from the guest" -R
	vm_dmesg "$name"
	vm_stop "$name"
done
logs_are_clean

printf '%s\n' "processors|way|packets|returns|for|per packet|interrupts|spared|Mbit/s" "${table[@]}" |
	column -t -s '|'
finish
