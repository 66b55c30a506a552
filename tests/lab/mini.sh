# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# For jobs with guests of few words (tests/lab/mini), in place of lib.sh: their lines begin with
# "mini: ".
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mini=$build/tests/lab/mini/mini.bzimage
need_build "$vswitchd" "$vswitchctl" "$hvhost" "$mini"

# A guest that does what the words say; see it with vm_wait, vm_kill and the like.
mini_start() { # NAME "WORD..." [HVHOST-OPTION...]
	local name=$1 words=$2
	shift 2
	vm_launch "$name" ip netns exec "$id-host" "$hvhost" --name "$name" --memory 32M \
		--huge-pages no --kernel "$mini" --append "$words" --console stdio --user root \
		--run-dir "$tmp/vm" --vsp-socket "$tmp/run/vsp.sock" "$@"
}

# Its exit code, once it is off; 124: it is not, and is killed.
mini_end() { # NAME SECONDS
	local rc name=$1
	if within "$2" eval "! kill -0 ${vm_pid[$name]}" 2> /dev/null; then
		wait "${vm_pid[$name]}"
		rc=$?
	else
		kill -KILL "${vm_pid[$name]}"
		wait "${vm_pid[$name]}" 2> /dev/null
		rc=124
	fi
	vm_forget "$name"
	return $rc
}

mini_said() { # NAME: what it said wrong
	grep -a '^mini: FAIL' "$tmp/vm-$1.console" | head -n 5
}

no_guests() {
	[ "$(query '.guests | length' list-guests)" = 0 ]
}

# What is there of guests, and what the daemon holds.
left() {
	echo "guests $(query '.guests | length' list-guests)" \
		"descriptors $(find "/proc/$pid/fd" -mindepth 1 | wc -l)" \
		"threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" \
		"hypervisors $(pgrep -c -x hvhost)"
}

resident() { # KiB
	awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
}
