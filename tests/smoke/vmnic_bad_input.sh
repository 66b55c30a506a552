#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What must be refused is, with a reason on both sides, and nothing else is touched: a guest and a
# TAP talk all the while, and descriptors are where they were.
#
#   v: eth (soft guest, port v, .2) ── switch s ── eth (tap, .3) :a
#   free (vmnic) : who says wrong things on the handover socket
. "$(dirname "$0")/lib.sh"
need setpriv
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

add_space v
add_space a
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s a a eth 3
check "vmnic" ctl add-port s v --type vmnic
check "vmnic" ctl add-port s free --type vmnic
tap_guest v v eth 2
check "ping" pings_soon v 10.77.0.3
ctl export-config "$tmp/before"

descriptors() {
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}
fds=$(descriptors)
background a ping -n -q -i 0.02 10.77.0.2 > "$tmp/ping"
ping_pid=${children[-1]}

wrong_things() { # [COMMAND PREFIX...] -- [ARGUMENT...]
	local prefix=()
	while [ "$1" != -- ]; do
		prefix+=("$1")
		shift
	done
	shift
	"${prefix[@]}" "$python" - "$tmp/run/vsp.sock" v free "$@" \
		< "$smoke_dir/vmnic_bad_input.py" > "$tmp/verdicts" 2>&1
	[ $? -le 1 ] || bad "the wrong things said ended early"
	cat "$tmp/verdicts"
	passed=$((passed + $(grep -c '^ok' "$tmp/verdicts")))
	failed=$((failed + $(grep -c '^FAIL' "$tmp/verdicts")))
	! grep -q Traceback "$tmp/verdicts" || bad "the client failed"
}
wrong_things --
chmod 755 "$tmp" "$tmp/run"
wrong_things setpriv --reuid 65534 --regid 65534 --clear-groups -- stranger
check "the daemon tells of refusals" \
	grep -q 'guest refused port=' "$tmp/log"

# A second guest for the same port: refused, and it says why and waits.
start_guest free --name second --pktgen echo
check "a well-behaved guest has the other port" within 5 \
	eval "[ \"\$(query '.guests[] | select(.port == \"free\") | .state' list-guests)\" = connected ]"
"$hvsoft" --port v --name rival --vsp-socket "$tmp/run/vsp.sock" --pktgen echo --memory 32M \
	--seconds 3 > "$tmp/rival" 2>&1
check "the rival says what is wrong" grep -qi "port\|holds\|attached" "$tmp/rival"
note "$(grep -i "port\|holds\|attached" "$tmp/rival" | head -n 1)"

kill -INT "$ping_pid"
wait "$ping_pid"
equal "pings lost meanwhile" "$(awk '/packets transmitted/ { print $1 - $4 }' "$tmp/ping")" 0
stop_guest free
check "descriptors are back" within 5 eval "[ \$(descriptors) = $fds ]"
ctl export-config "$tmp/after"
check "configuration is untouched" cmp "$tmp/before" "$tmp/after"
stop_guest v
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
