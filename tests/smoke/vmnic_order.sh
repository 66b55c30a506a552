#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Order never matters: guest before port or port before guest, the daemon before either or in
# between, ports deleted and made again, renamed, moved; each ends the same, and the guest's
# interface is there all the while, its link down without a port.
#
#   v: eth (soft guest, port v, .2) ── switch s ── eth (tap, .3) :a
. "$(dirname "$0")/lib.sh"
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

add_space v
add_space a
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s a a eth 3

carrier() { # up|down
	[ "$(ip -n "$id-v" -j link show eth | jq -r '.[0].flags | index("LOWER_UP") != null')" = \
		"$([ "$1" = up ] && echo true || echo false)" ]
}
attached() { # PORT STATE
	[ "$(query ".guests[] | select(.port == \"$1\") | .state" list-guests)" = "$2" ]
}
index() {
	ip -n "$id-v" -o link show eth | cut -d: -f1
}
works() { # TEXT
	check "$1: link up" within 6 carrier up
	check "$1: v4" within 6 pings v 10.77.0.3
	check "$1: v6" within 6 pings a fd77::2
}

# Guest first: a NIC without a port has its link down.
tap_guest v v eth 2
check "guest first: link down without a port" within 6 carrier down
check "it is told as waiting" within 5 attached v waiting
check "vmnic v" ctl add-port s v --type vmnic
works "guest before port"
link=$(index)
check "it is told as connected" within 5 attached v connected

for round in 1 2 3; do
	check "port deleted ($round)" ctl del-port v
	check "link down" within 6 carrier down
	check "port made again ($round)" ctl add-port s v --type vmnic
	works "port deleted and made again"
done
check "link taken down by the port's owner" ctl set-port v --link down
check "guest sees it" within 6 carrier down
check "no traffic" no_pings a 10.77.0.2
check "and up" ctl set-port v --link up
works "link up again"

check "another switch" ctl add-switch t --type private
check "moved away" ctl move-port v t
check "nobody there" no_pings v 10.77.0.3
check "moved back" ctl move-port v s
works "moved back"
check "renamed: the NIC asks for its old name" ctl rename-port v other
check "link down" within 6 carrier down
check "renamed back" ctl rename-port other v
works "renamed back"
equal "the interface was never made again" "$(index)" "$link"

# The daemon in between
kill_daemon
start_daemon
works "daemon killed"
stop_daemon
check "port gone with a daemon that ended" eval "ip -n $id-v link show eth"
start_daemon
works "daemon stopped and started"
equal "the interface was never made again" "$(index)" "$link"
check "port deleted" ctl del-port v
check "link down" within 6 carrier down
kill_daemon
start_daemon
check "link still down" eval "sleep 1; carrier down"
check "it is told as waiting" within 5 attached v waiting
check "port made after the restart" ctl add-port s v --type vmnic
works "guest, restart, port"
equal "the interface was never made again" "$(index)" "$link"

# Port, daemon, guest in other orders
stop_guest v
check "nobody attached" within 5 eval "[ \$(query '.guests | length' list-guests) = 0 ]"
tap_guest v v eth 2
works "port before guest"
stop_guest v
stop_daemon
tap_guest v v eth 2
start_daemon
works "guest before daemon"
kill_guest v
tap_guest v v eth 2
works "guest killed and started"
stop_guest v
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
