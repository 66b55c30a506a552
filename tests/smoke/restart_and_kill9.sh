#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What survives SIGTERM and SIGKILL under traffic: configuration, interfaces, addresses, and
# pings within 3 seconds of the start.
#
#   namespace a           daemon's namespace           namespace b
#   eth (tap, .2) ── switch s ── h0 (host, .1)
#                        └────── n0 ═══ veth ═══════ eth (.3)
#   switch v (private): tr (tap, trunk)     switch e: nothing
. "$(dirname "$0")/lib.sh"
need iperf3

add_space a
add_space b
add_nic n0 b eth 3
start_daemon
check "switch with an uplink" ctl add-switch s --nic "${id}n0" --ageing 77
check "host port" ctl add-port s h0 --type host --ifname "${id}h0" --mac 02:77:00:00:00:aa
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
check "tap port" add_tap s t0 a eth 2
check "private switch" ctl add-switch v --type private --mac-limit 500
check "trunk port" ctl add-port v tr --type tap --ifname "${id}tr" --trunk-vlans 10,20-29 \
	--native-vlan 5 --mtu 4000 --mac-limit 7
check "external switch without NIC" ctl add-switch e --type external
check "static entry" ctl add-fdb v 02:77:00:00:00:01 tr --vlan 21
check "guest pings wire" pings_soon a 10.77.0.3
check "guest pings host" pings_soon a 10.77.0.1
check "export" ctl export-config "$tmp/before"

indices() {
	ip -n "$id-a" -o link show eth | cut -d: -f1
	ip -n "$id-host" -o link show "${id}h0" | cut -d: -f1
	ip -n "$id-host" -o link show "${id}tr" | cut -d: -f1
}
addresses() {
	ip -n "$id-a" -o address show dev eth | awk '$4 ~ /77/ { print $4 }'
	ip -n "$id-host" -o address show dev "${id}h0" | awk '$4 ~ /77/ { print $4 }'
}
links=$(indices)
had=$(addresses)

judge() { # WORD
	local started ms
	equal "interfaces stay through $1" "$(indices)" "$links"
	equal "addresses stay through $1" "$(addresses)" "$had"
	started=$(date +%s%N)
	launch_daemon
	check "$1: guest pings wire again" within 10 pings a 10.77.0.3 -W 0.2
	check "$1: guest pings host again" within 10 pings a fd77::1 -W 0.2
	check "$1: wire pings host again" within 10 pings b 10.77.0.1 -W 0.2
	ms=$((($(date +%s%N) - started) / 1000000))
	at_most "$1: ms from start to pings" $ms "${VSW_SLOW:-3000}"
	within 10 daemon_answers
	check "export after $1" ctl export-config "$tmp/after"
	check "configuration identical after $1" cmp "$tmp/before" "$tmp/after"
	equal "static entry after $1" \
		"$(query '.entries[] | "\(.mac) \(.vlan) \(.port)"' show-fdb v --static)" \
		"02:77:00:00:00:01 21 tr"
	equal "interfaces re-opened after $1, not made again" "$(indices)" "$links"
}

background b iperf3 -s > /dev/null 2>&1
sleep 0.3
for round in 1 2; do
	background a iperf3 -c 10.77.0.3 -t 30 > /dev/null 2>&1
	sleep 1
	kill_daemon
	judge "kill -9 ($round)"
	kill "${children[-1]}" 2> /dev/null
done
stop_daemon
judge "SIGTERM"

# Once more where the crash left a NIC without its daemon: unbinding restores the interface.
check "unbind after all that" ctl unbind-nic "${id}n0"
check "no XDP program left" eval "! ip -n $id-host link show ${id}n0 | grep -q xdp"
check "not promiscuous" eval "! ip -n $id-host link show ${id}n0 | grep -q PROMISC"
ip -n "$id-host" address add 10.77.0.9/24 dev "${id}n0"
ip -n "$id-host" link set "${id}h0" down
check "the host's stack has the interface again" within 5 pings host 10.77.0.3 -I "${id}n0"
finish
