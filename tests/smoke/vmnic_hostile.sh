#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest that means harm, in nine ways, is contained: two others on the same worker lose less
# than a tenth of what they had without it, and nothing is left of it afterwards.
#
#   t (soft guest, sends) ── switch s, one worker ── r (soft guest, receives)
#   f (soft guest, sends to h) ──┘            └── h (the hostile one)
. "$(dirname "$0")/lib.sh"
need taskset
[ -x "$hvsoft" ] || skip "$hvsoft is not built"
hostile=$build/tests/smoke/hostile_guest
[ -x "$hostile" ] || skip "$hostile is not built"

seconds=${VSW_SECONDS:-1}
# The worker has a core of its own, guests share the others.
cores=$(nproc)
guests_on=$([ "$cores" -gt 1 ] && echo "1-$((cores - 1))" || echo 0)
start_daemon --cpus 0
check "switch" ctl add-switch s --type private
for port in t r f h; do
	check "vmnic $port" ctl add-port s $port --type vmnic
done
check "static entry" ctl add-fdb s 02:77:00:00:02:01 r
check "static entry" ctl add-fdb s 02:77:00:00:09:09 h

connected() { # PORT...
	local port
	for port; do
		[ "$(query ".guests[] | select(.port == \"$port\") | .state" list-guests)" = \
			connected ] || return
	done
}
to_r() {
	query '.ports[] | select(.name == "r") | .tx_packets' show-stats
}
rate() { # what r gets in a second
	local first started
	first=$(to_r)
	started=$(date +%s%N)
	sleep "$seconds"
	echo $((($(to_r) - first) * 1000000 / (($(date +%s%N) - started) / 1000)))
}
senders() { # RATE OPTION...
	local rate=$1
	shift
	start_guest t --pktgen tx --cpus "$guests_on" --dst 02:77:00:00:02:01 --rate "$rate" "$@"
}

start_guest r --pktgen rx --cpus "$guests_on" --mac 02:77:00:00:02:01
start_guest f --pktgen tx --cpus "$guests_on" --dst 02:77:00:00:09:09 --rate 20000
senders 1000000000
check "guests are there" within 20 connected t r f
sleep 0.5
most=$(rate)
stop_guest t
offer=$((most * 7 / 10))
[ $offer -le 2000000 ] || offer=2000000
senders $offer
check "the sender is back" within 10 connected t
sleep 0.5
note "this machine carries $most frames a second; offered: $offer"
at_least "frames a second without harm" "$(rate)" 1000
descriptors() {
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}
before=$(descriptors)

# Percent of what r has without harm that it has with it. Others may be busy on this machine, so
# the two are measured one after the other, three times at most.
share() { # MODE
	local alone got best=0
	for _ in 1 2 3; do
		alone=$(rate)
		taskset -c "$guests_on" nice -n 19 "$hostile" "$tmp/run/vsp.sock" h "$1" \
			$((seconds + 1)) > "$tmp/$1" 2>&1 &
		sleep 0.5
		got=$(rate)
		wait $! || echo "ended with $?" >> "$tmp/$1"
		[ $((100 * got / (alone + 1))) -le $best ] || best=$((100 * got / (alone + 1)))
		[ $best -lt 90 ] || break
	done
	echo $best
}

for mode in floods keeps deaf absurd scribbles storms blocks reopens returns; do
	percent=$(share $mode)
	note "$(tail -n 1 "$tmp/$mode")"
	check "$mode: the hostile guest was there" grep -q 'attached [1-9]' "$tmp/$mode"
	if [ -n "${VSW_SLOW:-}" ]; then
		at_least "$mode: the others get frames" "$percent" 1
	else
		at_least "$mode: the others get percent of what they had" "$percent" 90
	fi
	check "$mode: the daemon answers" within 5 daemon_answers
	check "$mode: it is gone afterwards" within 5 \
		eval "[ -z \"\$(query '.guests[] | select(.port == \"h\")' list-guests)\" ]"
done
check "descriptors are back" within 5 eval "[ \$(descriptors) = $before ]"
note "descriptors: $before, then $(descriptors)"

# Its port is as good as any other afterwards.
start_guest h --pktgen echo
check "a well-behaved guest in its place" within 10 connected h
stop_guest h t f r
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
