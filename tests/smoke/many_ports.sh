#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 256 TAP ports come and go, twice, while another switch carries traffic: nothing is lost
# there, and memory, descriptors and buffers are back where they were.
#
#   a: eth (tap, .2) ── switch s ── eth (tap, .3) :b
#   switch m: p1 … p256 (taps in the namespace many)
. "$(dirname "$0")/lib.sh"

add_space a
add_space b
add_space many
in_space many sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
count=${VSW_MANY:-256}
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s t0 a eth 2
check "tap" add_tap s t1 b eth 3
check "switch for the many" ctl add-switch m --type private
check "ping" pings_soon a 10.77.0.3

descriptors() {
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}
resident() { # KiB
	awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
}

mbufs() {
	query .mbufs_in_use show-workers
}

one_round() {
	local i failures=0
	for ((i = 1; i <= count; i++)); do
		ctl add-port m "p$i" --type tap --netns "$id-many" > /dev/null || failures=$((failures + 1))
	done
	equal "ports there" "$(query '.ports | length' list-ports m)" "$count"
	equal "interfaces there" "$(ip -n "$id-many" -o link show type tun | wc -l)" "$count"
	for ((i = 1; i <= count; i++)); do
		ctl del-port "p$i" > /dev/null || failures=$((failures + 1))
	done
	equal "failed commands" "$failures" 0
	equal "interfaces left" "$(ip -n "$id-many" -o link show type tun | wc -l)" 0
}

background a ping -n -q -i 0.005 10.77.0.3 > "$tmp/ping"
ping_pid=${children[-1]}
one_round # the first round warms up what is allocated once
fds=$(descriptors)
rss=$(resident)
held=$(mbufs)
one_round
equal "descriptors are back" "$(descriptors)" "$fds"
at_most "RSS grew by, KiB" "$(($(resident) - rss))" "${VSW_RSS_SLACK:-1024}"
# Frames under way hold some; a leak would be one a port at least.
at_most "packet buffers held more" "$(($(mbufs) - held))" 64
kill -INT "$ping_pid"
wait "$ping_pid"
tail -n 2 "$tmp/ping" | sed 's/^/   /'
equal "pings lost on the other switch" \
	"$(awk '/packets transmitted/ { print $1 - $4 }' "$tmp/ping")" 0
equal "the sum holds" "$(query .sum.balanced show-stats)" true

# The same by one document each way, as a tool would.
for ((i = 1; i <= count; i++)); do
	echo "{\"switch\":\"m\",\"name\":\"p$i\",\"type\":\"tap\",\"netns\":\"$id-many\"}"
done > "$tmp/ports"
ctl export-config "$tmp/before"
jq --slurpfile p "$tmp/ports" '.ports += $p' "$tmp/before" > "$tmp/after"
started=$(date +%s%N)
check "apply a document with $count ports more" ctl apply-config "$tmp/after"
note "in $((($(date +%s%N) - started) / 1000000)) ms"
started=$(date +%s%N)
check "prune them" ctl apply-config "$tmp/before" --prune
note "in $((($(date +%s%N) - started) / 1000000)) ms"
equal "descriptors are back" "$(descriptors)" "$fds"
finish
