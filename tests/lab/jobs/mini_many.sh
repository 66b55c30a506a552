#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ten guests of few words started and stopped at once, again and again: nothing is left of them
# lab: timeout=300
# JOB_ROUNDS: how often; JOB_SECONDS: but no longer. A long run: JOB_ROUNDS=50 JOB_SECONDS=900.
# shellcheck source=../mini.sh
. "$(dirname "$0")/../mini.sh"
rounds=${JOB_ROUNDS:-50}
seconds=${JOB_SECONDS:-60}
n=10

start_daemon
add_space far
check "switch" ctl add-switch s --type private
check "tap tap0" add_tap s tap0 far tap0 1
for ((i = 0; i < n; i++)); do
	check "port g$i" ctl add-port s g$i --type vmnic --user root
done

# What a guest itself says went wrong, which it does not stop for.
complaints() {
	grep -aH '^mini: FAIL' "$tmp"/vm-m*.console
}

all_answer() {
	local i children=()
	for ((i = 0; i < n; i++)); do
		within 40 pings far "10.77.0.$((100 + i))" &
		children+=($!)
	done
	for i in "${children[@]}"; do
		wait "$i" || return
	done
}

start_all() {
	local i
	for ((i = 0; i < n; i++)); do
		mini_start m$i "contact nic address=10.77.0.$((100 + i)) serve close unload poweroff" \
			--nic port=g$i --cpus $((1 + i % 2)) || return
	done
}

# By the power button; by SIGKILL; one so, the next so.
ends_by() { # ROUND GUEST
	case $(($1 % 3)) in
	0) echo TERM ;;
	1) echo KILL ;;
	2) [ $(($2 % 2)) = 0 ] && echo TERM || echo KILL ;;
	esac
}

end_all() { # ROUND
	local i rc wrong=0
	for ((i = 0; i < n; i++)); do
		# shellcheck disable=SC2154 # of tests/lab/vm.sh
		kill -"$(ends_by "$1" $i)" "${vm_pid[m$i]}"
	done
	for ((i = 0; i < n; i++)); do
		vm_end m$i 30
		rc=$?
		case $(ends_by "$1" $i):$rc in
		KILL:137) continue ;;
		TERM:0) [ -e "$tmp/vm/m$i.sock" ] || [ -n "$(mini_said m$i)" ] || continue ;;
		esac
		echo "guest $i ended with $rc:"
		tail -n 3 "$tmp/vm-m$i.log" "$tmp/vm-m$i.console"
		wrong=1
	done
	return $wrong
}

round() { # NUMBER
	start_all || return
	within 60 guests_run $n || { complaints; echo "not all are running"; return 1; }
	all_answer || { complaints; echo "one does not answer"; return 1; }
	end_all "$1" || return
	within 10 no_guests || { echo "list-guests is not empty"; return 1; }
}

before=$(left)
note "before: $before"
wrong=0
for ((done = 0; done < rounds && SECONDS < seconds; done++)); do
	round $done > "$tmp/round" 2>&1 || {
		wrong=$((wrong + 1))
		bad "round $done: $(grep -av ' Killed ' "$tmp/round")"
		query '.guests[] | "\(.port) \(.state) \(.stage) \(.reason)"' list-guests
		for ((i = 0; i < n; i++)); do
			within 1 pings far "10.77.0.$((100 + i))" || vm_doing m$i
			query '.port | {name, counters, guest: .guest.queues}' show-port g$i | tr -d ' \n'
			echo
		done
		tail -n 4 "$tmp"/vm-m*.console
		break
	}
	# What a first round takes for good is no leak.
	[ $done != 3 ] || first=$(resident)
done
note "$done rounds of $n guests in $SECONDS s"
at_least "rounds" $done 1
equal "rounds that went wrong" $wrong 0
equal "afterwards" "$(left)" "$before"
[ $done -lt 5 ] || at_most "KiB the daemon has grown by since round 4" $(($(resident) - first)) 2048
equal "what the daemon complains of" "$(grep -aE ' error ' "$tmp/log" | head -n 3)" ""
finish
