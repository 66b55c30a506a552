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

mini_said() { # NAME: what it said wrong
	grep -a '^mini: FAIL' "$tmp/vm-$1.console" | head -n 5
}
