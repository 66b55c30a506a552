#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bound NIC vanishes under traffic and returns; it is renamed; other NICs come and go.
#
#   a: eth (tap, .2) ── switch s ── ${id}n ══ veth ══ far: wire (.3)
. "$(dirname "$0")/lib.sh"
need ping

add_space a
add_space far
nic=${id}n
start_daemon

ctl monitor --json > "$tmp/events" 2> /dev/null &
children+=($!)
check "switch" ctl add-switch s --type external --ageing 77
check "tap" add_tap s t0 a eth 2

# How many events of that NAME there were whose KEY is VALUE.
events() { # NAME KEY VALUE
	jq -s --arg n "$1" --arg k "$2" --arg v "$3" \
		'[.[] | .params? // . | select(.event == $n and .[$k] == $v)] | length' "$tmp/events"
}

heard() { # COUNT NAME KEY VALUE
	[ "$(events "${@:2}")" -ge "$1" ]
}

link_reason() {
	query '.port.link | if .up then "up" else .reason end' show-port "$nic"
}

link_is() {
	[ "$(link_reason)" = "$1" ]
}

# With the address it had, or others would have to learn it first.
remake() {
	ip -n "$id-host" link add "$nic" type veth \
		peer name wire address 02:77:00:00:00:03 netns "$id-far"
	in_space host sh -c "echo 1 > /proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	ip -n "$id-far" link set wire up
	add_address far wire 3
}

remake
# Gone in the midst of frames in both directions.
background a ping -q -n -f -w 90 10.77.0.3 > /dev/null 2>&1
background far ping -q -n -f -w 90 10.77.0.2 > /dev/null 2>&1
round=0
for driver in af-xdp af-xdp af-packet af-packet; do
	round=$((round + 1))
	note "round $round, $driver"
	ctl unbind-nic "$nic" --if-exists > /dev/null
	check "bind" ctl bind-nic s "$nic" --driver $driver --trunk-vlans 10,20 --native-vlan 0
	check "static entry" ctl add-fdb s 02:77:00:00:00:01 "$nic" --vlan 10
	ctl export-config "$tmp/before" > /dev/null
	check "ping" pings_soon a 10.77.0.3
	check "link-up" within 2 heard $((2 * round - 1)) link-up port "$nic"
	ip -n "$id-host" link del "$nic"
	check "the port is down" within 1 link_is "the interface $nic is gone"
	check "the daemon lives" daemon_answers
	check "nic-removed" within 1 heard "$round" nic-removed nic "$nic"
	check "link-down" within 1 heard "$round" link-down port "$nic"
	equal "no NIC to be seen" "$(query "[.nics[] | select(.name == \"$nic\")] | .[0].link" \
		list-nics | grep -c true)" 0
	started=$(date +%s%3N)
	remake
	check "traffic again, with no command" within 3 pings a 10.77.0.3 -W 0.2
	at_most "ms to the first ping" $(($(date +%s%3N) - started)) 3000
	check "nic-added" within 1 heard "$round" nic-added nic "$nic"
	check "link-up" within 2 heard $((2 * round)) link-up port "$nic"
	ctl export-config "$tmp/after" > /dev/null
	check "configuration as before" cmp "$tmp/before" "$tmp/after"
	equal "static entry" "$(query '.entries[] | "\(.mac) \(.vlan) \(.port)"' show-fdb s --static)" \
		"02:77:00:00:00:01 10 $nic"
done

# What a busy kernel said too fast is made up for.
kill -STOP "$pid"
for ((i = 0; i < 3000; i++)); do
	echo "link set dev ${id}n mtu $((1400 + i % 2))"
done | in_space host ip -batch -
ip -n "$id-host" link del "$nic"
kill -CONT "$pid"
check "lost messages: the port is down" within 2 link_is "the interface $nic is gone"
check "a new list was asked for" grep -q "listing its interfaces again" "$tmp/log"
remake
check "and it is found again" within 3 pings a 10.77.0.3 -W 0.2

# Carrier is not waited for until the next look.
ip -n "$id-far" link set wire down
check "no carrier" within 2 link_is "no carrier"
ip -n "$id-far" link set wire up
check "carrier" within 2 link_is up

# Its new name is its own affair.
renamed=${id}x
ip -n "$id-host" link set "$nic" down
ip -n "$id-host" link set "$nic" name "$renamed"
ip -n "$id-host" link set "$renamed" up
check "renamed: traffic" within 3 pings a 10.77.0.3 -W 0.2
equal "renamed: the interface is told" \
	"$(query '.port.driver.interface' show-port "$nic")" "$renamed"
equal "renamed: it is the port's NIC" \
	"$(query ".nics[] | select(.name == \"$renamed\") | .port" list-nics)" "$nic"
equal "renamed: one NIC, not two" \
	"$(query "[.nics[] | select(.port == \"$nic\")] | length" list-nics)" 1
kill_daemon
start_daemon
check "renamed: found again after kill -9" within 3 pings a 10.77.0.3 -W 0.2
stop_daemon
start_daemon
check "renamed: and after a restart" within 3 pings a 10.77.0.3 -W 0.2
ctl monitor --json > "$tmp/events" 2> /dev/null &
children+=($!)
sleep 0.3

# Another NIC by the old name is not the port's as long as the port has one.
ip -n "$id-host" link add "$nic" type veth peer name "${id}p"
check "another by the old name" within 1 heard 1 nic-added nic "$nic"
check "it is free" eval \
	"[ \"\$(query '.nics[] | select(.name == \"$nic\") | .state' list-nics)\" = free ]"
ip -n "$id-host" link del "$nic"
check "gone" within 1 heard 1 nic-removed nic "$nic"
check "still the same port" pings a 10.77.0.3
check "a tap port" ctl add-port s t1 --type tap --ifname "${id}t1"
check "a tap port deleted" ctl del-port t1
sleep 0.3
equal "our own taps are no NICs" "$(events nic-added nic "${id}t1")" 0
check "unbind by the new name" ctl unbind-nic "$renamed"
check "the NIC is as before" eval "! ip -n $id-host link show $renamed | grep -q PROMISC"
equal "no journal is left" "$(find "$tmp/state/nics" -name '*.json' | wc -l)" 0
finish
