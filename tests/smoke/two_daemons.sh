#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two daemons side by side on one host: neither path nor interface of one is the other's.
#
#   a: eth (tap, .2) ── switch s of daemon 1 ══ veth n0-n1 ══ switch s of daemon 2 ── eth :b
. "$(dirname "$0")/lib.sh"

add_space a
add_space b
ip -n "$id-host" link add "${id}n0" type veth peer name "${id}n1"
in_space host sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
ip -n "$id-host" link set "${id}n0" up
ip -n "$id-host" link set "${id}n1" up
start_daemon
first=$pid
check "daemon 1: switch" ctl add-switch s --nic "${id}n0"
check "daemon 1: tap" add_tap s t0 a eth 2
log=$tmp/log
cp "$log" "$tmp/log.first"

# The same run directory is refused and the first one is none the worse.
if in_space host timeout 20 "$vswitchd" --no-huge --run-dir "$tmp/run" --state-dir "$tmp/state" \
	--socket "$tmp/run/control.sock" > "$tmp/second" 2>&1; then
	bad "a second daemon in the same run directory was not refused"
else
	ok "refused in the same run directory: $(tail -n 1 "$tmp/second")"
fi
check "daemon 1 still answers" ctl version

mkdir -p "$tmp/two/run" "$tmp/two/state"
in_space host "$vswitchd" --no-huge --run-dir "$tmp/two/run" --state-dir "$tmp/two/state" \
	--socket "$tmp/two/run/control.sock" > "$tmp/log.two" 2>&1 &
second=$!
children+=("$second")
ctl2() {
	"$vswitchctl" --socket "$tmp/two/run/control.sock" "$@"
}
check "daemon 2 answers" within 20 ctl2 version
check "daemon 2: a switch of the same name" ctl2 add-switch s --type external
if output=$(ctl2 bind-nic s "${id}n0" 2>&1); then
	bad "daemon 2 took daemon 1's NIC"
else
	ok "daemon 2 may not take daemon 1's NIC: $(head -n 1 <<< "$output")"
fi
check "daemon 2: the other end" ctl2 bind-nic s "${id}n1"
check "daemon 2: tap" ctl2 add-port s t0 --type tap --ifname eth --netns "$id-b"
if output=$(ctl2 add-port s t1 --type tap --ifname eth --netns "$id-a" 2>&1); then
	bad "daemon 2 took daemon 1's TAP"
else
	ok "daemon 2 may not take daemon 1's TAP: $(head -n 1 <<< "$output")"
fi
ip -n "$id-b" link set eth up
add_address b eth 3
check "through both" pings_soon a 10.77.0.3
check "through both, v6" pings_soon a fd77::3
kill -KILL "$second"
wait "$second" 2> /dev/null
check "daemon 1 outlives daemon 2" ctl version
in_space host "$vswitchd" --no-huge --run-dir "$tmp/two/run" --state-dir "$tmp/two/state" \
	--socket "$tmp/two/run/control.sock" >> "$tmp/log.two" 2>&1 &
second=$!
children+=("$second")
check "daemon 2 is back over its dead socket" within 20 ctl2 version
check "through both again" pings_soon a 10.77.0.3
check "same process for daemon 1" kill -0 "$first"
kill -TERM "$second"
within 10 eval "! kill -0 $second" || bad "daemon 2 does not end"
finish
