#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ten unmodified Linux guests started and stopped at once, in each way to end: nothing is left
# lab: memory=5G hugepages=1100 timeout=2700
#
#   guest 0 (.100) ═ vmnic g0 ─┐
#   ...                        ├─ switch s ── tap0 (.1, far)
#   guest 9 (.109) ═ vmnic g9 ─┘
#
# JOB_ROUNDS: how often (3: each way to end once).
. "$(dirname "$0")/../lib.sh"
need_build "$vswitchd" "$vswitchctl" "$hvhost" "$hvctl"
rounds=${JOB_ROUNDS:-3}
n=10
# Ten Linux kernels on two emulated processors, which may not be alone on their machine.
up_limit=600
end_limit=300
# shellcheck disable=SC2034 # of tests/lab/vm.sh
vm_timeout=180

# Judged as a whole, with the time it took.
phase() { # TEXT COMMAND...
	local text="round $round: $1" began=$SECONDS
	shift
	if "$@" > "$tmp/phase" 2>&1; then
		ok "$text ($((SECONDS - began)) s)"
	else
		bad "$text ($((SECONDS - began)) s): $(grep -av ' Killed ' "$tmp/phase")"
		return 1
	fi
}

# All of them, even after one has failed.
each() { # COMMAND...: goes with each guest's number
	local i wrong=0
	for ((i = 0; i < n; i++)); do
		"$@" $i || wrong=1
	done
	return $wrong
}

start() { # NUMBER
	VM_MEMORY=128M VM_CPUS=$(($1 % 5 == 3 ? 2 : 1)) \
		vm_start "g$1" --nic "port=g$1" --require-port --stop-timeout $end_limit
}

# The limit is for all of them together.
comes_up() { # NUMBER
	vm_wait "g$1" $((began + up_limit - SECONDS)) "@agent"
}

start_all() {
	local began=$SECONDS
	each start && each comes_up
}

address() { # NUMBER
	vm_address "g$1" $((100 + $1))
}

answers() { # NUMBER
	within 60 pings far "10.77.0.$((100 + $1))" || {
		echo "guest $1 does not answer"
		return 1
	}
}

pair() {
	local a=$((round % n)) b=$(((round + 3) % n))
	within 60 vm_pings "g$a" "10.77.0.$((100 + b))"
}

# By the power button; by SIGKILL; one by itself, the next by hvctl, by itself, by SIGTERM.
way() { # NUMBER
	case $((round % 3)) in
	0) echo TERM ;;
	1) echo KILL ;;
	2) case $(($1 % 4)) in
		1) echo hvctl ;;
		3) echo TERM ;;
		*) echo itself ;;
		esac ;;
	esac
}

begin_end() { # NUMBER
	case $(way "$1") in
	itself) vm_timeout=1 vm_run "g$1" "poweroff" > /dev/null 2>&1 & ;;
	hvctl) "$hvctl" --run-dir "$tmp/hvhost" stop "g$1" > "$tmp/stop-$1" 2>&1 & ;;
	*) kill -"$(way "$1")" "${vm_pid[g$1]}" ;;
	esac
}

has_ended() { # NUMBER
	local rc wanted=0
	[ "$(way "$1")" != KILL ] || wanted=137
	vm_end "g$1" $end_limit
	rc=$?
	[ $rc = $wanted ] && return
	echo "guest $1, by $(way "$1"), ended with $rc, not $wanted:"
	tail -n 3 "$tmp/vm-g$1.log" "$tmp/vm-g$1.console"
	return 1
}

hvctl_says() { # NUMBER
	[ "$(way "$1")" != hvctl ] || [ "$(cat "$tmp/stop-$1")" = "machine 'g$1' is off" ] || {
		echo "hvctl: $(cat "$tmp/stop-$1")"
		return 1
	}
}

end_all() {
	each begin_end && each has_ended && within 10 each hvctl_says
}

# A killed one cannot take its socket along.
kept() { # NUMBER
	[ "$(way "$1")" != KILL ] || echo "g$1.sock"
}

is_free() { # NUMBER
	[ "$(query '.port.guest' show-port "g$1")" = null ] || {
		echo "the port g$1 is still taken"
		return 1
	}
}

nothing_is_left() {
	within 20 no_guests || {
		ctl list-guests
		return 1
	}
	each is_free || return
	[ "$(ls "$tmp/hvhost")" = "$(each kept)" ] || {
		echo "in the run directory: $(ls "$tmp/hvhost")"
		return 1
	}
	within 5 eval '[ "$(left)" = "$before" ]' || {
		echo "now: $(left)"
		return 1
	}
}

round() {
	phase "all are up" start_all || return
	phase "addresses" each address || return
	phase "their NICs run" within 60 guests_run $n || return
	phase "all answer" each answers || return
	phase "guest to guest" pair || return
	[ "$round" != 0 ] || phase "what the kernels say" each kernel_is_content
	phase "all end" end_all || return
	phase "nothing is left" nothing_is_left
}

kernel_is_content() { # NUMBER
	vm_dmesg "g$1"
}

start_daemon
add_space far
check "switch" ctl add-switch s --type private
check "tap tap0" add_tap s tap0 far tap0 1
for ((i = 0; i < n; i++)); do
	check "port g$i" ctl add-port s g$i --type vmnic --user root
done
before=$(left)
note "before: $before"
done=0
for ((round = 0; round < rounds; round++)); do
	began=$SECONDS
	round || {
		query '.guests[] | "\(.port) \(.state) \(.stage) \(.reason)"' list-guests
		break
	}
	done=$((done + 1))
	note "round $round took $((SECONDS - began)) s; the daemon has $(resident) KiB"
	# What a first round takes for good is no leak.
	[ $round != 0 ] || first=$(resident)
done
equal "rounds" $done "$rounds"
[ $done -lt 2 ] ||
	at_most "KiB the daemon has grown by since round 0" $(($(resident) - first)) 2048
logs_are_clean
finish
