#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A full or read-only state directory: the command fails with a clear error, traffic and the
# old state are unharmed, and once there is room it works again.
#
#   namespace a: eth (tap, .2) ── switch s ── eth (tap, .3) :namespace b
. "$(dirname "$0")/lib.sh"

add_space a
add_space b
mkdir -p "$tmp/state"
mount -t tmpfs -o size=128k none "$tmp/state" || skip "cannot mount a tmpfs"
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s t0 a eth 2
check "tap" add_tap s t1 b eth 3
check "traffic" pings_soon a 10.77.0.3
ctl export-config "$tmp/before"

judge() { # WORD
	local sum
	sum=$(sha256sum < "$tmp/state/state.json")
	background a ping -q -n -i 0.01 -c 100 10.77.0.3 > "$tmp/ping"
	equal "$1: stable error code" \
		"$(rpc_code add-port '{"switch":"s","port":"t2","type":"tap"}')" 1009
	refused "state" add-port s t2 --type tap --ifname "${id}t2"
	refused "state" add-switch other --type private
	refused "state" set-port t0 --access-vlan 9
	refused "state" del-port t1
	refused "state" add-fdb s 02:77:00:00:00:01 t0
	refused "state" rename-switch s z
	ctl export-config "$tmp/after"
	check "$1: configuration as before" cmp "$tmp/before" "$tmp/after"
	equal "$1: the state file as before" "$(sha256sum < "$tmp/state/state.json")" "$sum"
	check "$1: no interface left behind" eval "! ip -n $id-host link show ${id}t2"
	wait "${children[-1]}"
	equal "$1: pings lost" "$(sed -n 's/.*, \([0-9.]*\)% packet loss.*/\1/p' "$tmp/ping")" 0
}

dd if=/dev/zero of="$tmp/state/filler" bs=4k 2> /dev/null
judge "full"
rm "$tmp/state/filler"
check "room again: add-port works" ctl add-port s t2 --type tap --ifname "${id}t2"
check "del-port works" ctl del-port t2
mount -o remount,ro "$tmp/state"
judge "read-only"
mount -o remount,rw "$tmp/state"
check "writable again" ctl add-switch other --type private
kill_daemon
start_daemon
equal "what was said done is there after kill -9" \
	"$(query '[.switches[].name] | join(" ")' list-switches)" "other s"
finish
