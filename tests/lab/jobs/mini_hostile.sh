#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# a guest does all it can to hurt its host: others lose nothing, the switch goes on
# lab: timeout=240
# JOB_TIMES: how often a hostile word does its thing; JOB_FUZZ: seconds of all of them mixed, with
# JOB_SEED (the first of four).
# shellcheck source=../mini.sh
. "$(dirname "$0")/../mini.sh"
times=${JOB_TIMES:-40}
fuzz=${JOB_FUZZ:-8}
seed=${JOB_SEED:-1}
deadly=

start_daemon
add_space far
check "switch" ctl add-switch s --type private
check "tap tap0" add_tap s tap0 far tap0 1
check "port good" ctl add-port s good --type vmnic --user root
check "port bad" ctl add-port s bad --type vmnic --user root

# The neighbour pings and is pinged all the time.
mini_start good "seconds=3600 contact nic address=10.77.0.2 ping=10.77.0.1,0,50 close poweroff" \
	--nic port=good
check "the neighbour has its NIC" vm_wait good 20 "mini: ok address"
check "the neighbour answers" pings_soon far 10.77.0.2
background far ping -n -i 0.1 -W 5 10.77.0.2 > "$tmp/pings" 2>&1
pinger=$!
before=$(left)

# The exit codes that are its own affair: off, and crashed; but it must have said why.
judge() { # NAME RC WHAT
	local why
	why=$(grep -avE ' (started|power button)' "$tmp/vm-$1.log" | tail -n 1)
	case $2 in
	0) ok "$3" ;;
	1 | 3)
		if [ -n "$why" ]; then
			ok "$3: its own end: $why"
		else
			bad "$3: ended with $2 and said nothing"
		fi
		;;
	124)
		[ -n "$deadly" ] && ok "$3: it went on for ever, and was killed" ||
			bad "$3: not done in time"
		;;
	*) bad "$3: ended with $2: $(tail -n 3 "$tmp/vm-$1.log")" ;;
	esac
	# One that kills itself may well complain.
	[ -n "$deadly" ] || [ -z "$(mini_said "$1")" ] || bad "$3: $(mini_said "$1")"
	check "the switch goes on" daemon_answers
}

run_bad() { # WHAT SECONDS "WORD..." [HVHOST-OPTION...]
	local what=$1 limit=$2 words=$3
	shift 3
	mini_start bad "$words" --nic port=bad "$@"
	vm_end bad "$limit"
	judge bad $? "$what"
	cp "$tmp/vm-bad.console" "$LAB_OUT/bad-${what// /-}.console"
	: > "$tmp/vm-bad.log"
	check "nothing is left of it" within 10 eval \
		"[ -z \"\$(query '.guests[] | select(.port == \"bad\")' list-guests)\" ]"
}

run_bad "each word" 100 "times=$times seed=$seed hostile=all poweroff" --cpus 2
at_least "hostile words" "$(grep -ac '^mini: hostile' "$LAB_OUT/bad-each-word.console")" 30
for ((i = 0; i < 4; i++)); do
	run_bad "fuzz seed $((seed + i))" $((fuzz + 30)) \
		"smp=2 seed=$((seed + i)) times=$times seconds=$((fuzz / 4 + 1)) fuzz poweroff" --cpus 2
done
# Not of the hostile kind: what came while its interrupts were masked is made good.
background far ping -n -i 0.1 10.77.0.3 > /dev/null 2>&1
stirrer=$!
run_bad "masks its interrupts" 60 \
	"contact nic address=10.77.0.3 mask ping=10.77.0.1,5,50 mask close unload poweroff"
equal "interrupts made good" \
	"$(grep -ac '^mini: ok mask' "$LAB_OUT/bad-masks-its-interrupts.console")" 2
kill -INT $stirrer
deadly=yes
# What is left of it runs in circles.
for word in simp_on_code lose_tables; do
	run_bad "$word" 5 "loops=2 contact hostile=$word"
done
for word in triple_fault run_hole run_garbage lose_stack reset_all_ways; do
	run_bad "$word" 30 "loops=2 contact hostile=$word"
done

equal "afterwards" "$(left)" "$before"
kill -INT $pinger
wait $pinger
equal "pings to the neighbour lost" "$(grep -oE '[0-9.]+% packet loss' "$tmp/pings")" "0% packet loss"
in_space far ping -q -n -c 3 -i 0.3 -W 1 10.77.0.2 > /dev/null || vm_doing good
# shellcheck disable=SC2154 # of tests/lab/vm.sh
kill -TERM "${vm_pid[good]}"
vm_end good 20
equal "the neighbour ends with" $? 0
equal "what the neighbour lost" "$(grep -aoE 'lost [0-9]+' "$tmp/vm-good.console")" "lost 0"
equal "what the daemon complains of" "$(grep -aE ' error ' "$tmp/log" | head -n 3)" ""
finish
