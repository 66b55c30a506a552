#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Guests' NICs as an administrator meets them: who waits and who is connected, whose hypervisor
# may attach, one guest a port, names, diagnoses, events, and a daemon that starts again.
#
#   a: eth (.2) ═ hvsoft ═ vmnic a ─┐
#                                   ├─ switch s (private)
#   b: eth (.3) ═ hvsoft ═ vmnic b ─┘
. "$(dirname "$0")/lib.sh"
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

guest() { # PORT FIELD: of list-guests
	query ".guests[] | select(.port == \"$1\") | .$2" list-guests
}

guest_is() { # PORT FIELD WANTED
	[ "$(guest "$1" "$2")" = "$3" ]
}

fault() { # PORT: where the diagnosis stops; empty: nowhere
	query '.steps[] | select(.state == "stopped") | .name' diagnose-port "$1"
}

fault_is() { # PORT WANTED
	[ "$(fault "$1")" = "$2" ]
}

said() { # EVENT: of the monitor
	grep -q "$1" "$tmp/events"
}

for space in a b; do
	add_space "$space"
done
start_daemon
ctl monitor > "$tmp/events" 2> /dev/null &
children+=("$!")
check "switch" ctl add-switch s --type private

# A NIC without a port, and a port without a NIC
equal "guests" "$(query '.guests | length' list-guests)" 0
tap_guest a a eth 2
check "a waits for its port" within 5 guest_is a state waiting
check "event: attached" within 2 said 'guest-attached.*port=a'
check "port a" ctl add-port s a --type vmnic
check "a is connected" guest_is a state connected
check "a's driver is up" within 5 guest_is a stage running
check "port b" ctl add-port s b --type vmnic --queues 4
equal "b's fault" "$(fault b)" hypervisor
equal "b's link" "$(query .port.link.up show-port b)" false
tap_guest b b eth 3 --queues 2
check "b is connected" within 5 guest_is b state connected
check "nothing is in the way of b" within 5 fault_is b ""
check "a-b" pings_soon a 10.77.0.3

# What show-port tells of the guest
equal "NVSP" "$(query .port.guest.nvsp_version show-port b)" 6.1
check "two channels" within 5 eval \
	'[ "$(query ".port.guest.queues | length" show-port b)" = 2 ]'
equal "of at most" "$(query .port.guest.max_queues show-port b)" 4
equal "filter" "$(query '.port.guest.filter | index("directed") != null' show-port b)" true
at_least "frames of the guest" "$(query '[.port.guest.queues[].rx_packets] | add' show-port b)" 1
equal "no guest on a port of another type" \
	"$(ctl add-port s t --type tap --ifname "${id}t" > /dev/null; query .port.guest show-port t)" null

# Where it breaks
check "b set down" ctl set-port b --link down
equal "b's fault" "$(fault b)" port
check "b set up" ctl set-port b --link up
check "a-b again" pings_soon a 10.77.0.3

# A port has one guest; a second one is told who has it.
"$hvsoft" --port a --name thief --vsp-socket "$tmp/run/vsp.sock" --memory 64M --pktgen rx \
	> /dev/null 2> "$tmp/thief.log" < /dev/null &
thief=$!
children+=("$thief")
check "the second is refused" within 5 grep -q "partition 'a'" "$tmp/thief.log"
check "event: refused" within 2 said 'guest-refused.*partition=thief'
check "a-b all the same" pings a 10.77.0.3
kill "$thief"

# Whose hypervisor: root's always, others' if the port says so.
check "port of nobody's" ctl add-port s n --type vmnic --user nobody
cp "$hvsoft" "$tmp/hvsoft"
chmod 755 "$tmp" "$tmp/run"
as_nobody() { # PORT
	setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/hvsoft" --port "$1" \
		--vsp-socket "$tmp/run/vsp.sock" --memory 64M --pktgen rx \
		> /dev/null 2> "$tmp/nobody-$1.log" < /dev/null &
	children+=("$!")
}
if command -v setpriv > /dev/null; then
	as_nobody n
	check "nobody has his port" within 5 guest_is n state connected
	equal "by his user id" "$(guest n uid)" 65534
	check "port of root's" ctl add-port s r --type vmnic
	as_nobody r
	check "nobody has no other" within 5 grep -q "may not attach port 'r'" "$tmp/nobody-r.log"
	equal "r has no guest" "$(guest r state)" ""
else
	note "setpriv is not installed: users not tried"
fi

# Names: the port goes by another one, its guest stays behind and comes back with the name.
check "rename" ctl rename-port b c
check "b waits" guest_is b state waiting
check "no way through" no_pings a 10.77.0.3
check "rename back" ctl rename-port c b
check "a-b by the old name" pings_soon a 10.77.0.3

# The daemon ends, or is killed: guests stay what they are and are taken up again.
for how in stop_daemon kill_daemon; do
	$how
	start_daemon
	check "after $how: a resumed" within 5 eval '[ "$(query .port.guest.resumed show-port a)" = true ]'
	check "after $how: b" within 5 guest_is b state connected
	check "after $how: a-b" pings_soon a 10.77.0.3
done
equal "b's user is kept" "$(query .port.user show-port n)" nobody

# The guest goes; the port stays.
stop_guest a
check "a is gone" within 5 eval '[ -z "$(guest a state)" ]'
equal "a's fault" "$(fault a)" hypervisor
kill_guest b
check "b is gone" within 5 eval '[ -z "$(guest b state)" ]'
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
