#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A port whose namespace is gone when the daemon starts: down with the reason, seen everywhere,
# kept in the configuration, and up by itself once the namespace is back. Likewise namespaces and
# interfaces that are deleted while it runs.
#
#   namespace a                daemon's namespace
#   eth (tap) ────── web ── switch s ── h0 (host)
. "$(dirname "$0")/lib.sh"

add_space a
start_daemon
check "switch" ctl add-switch s
check "host port" ctl add-port s h0 --type host --ifname "${id}h0"
check "tap" ctl add-port s web --type tap --ifname eth --netns "$id-a"
ctl export-config "$tmp/before.json" > /dev/null
kill_daemon
ip netns del "$id-a"
start_daemon

ctl export-config "$tmp/after.json" > /dev/null
check "the configuration is whole" cmp "$tmp/before.json" "$tmp/after.json"
equal "the other port is up" "$(query '.port.link.up' show-port h0)" true
equal "list-switches counts it" "$(query '.switches[0].n_ports' list-switches)" 2
equal "list-ports has it" "$(query '[.ports[].name] | join(" ")' list-ports)" "h0 web"
equal "show-stats has it" "$(query '[.ports[].name] | join(" ")' show-stats)" "h0 web"
equal "show-stats of it" "$(query '.ports[].rx_packets' show-stats web)" 0
equal "the reason" "$(query .port.link.reason show-port web)" \
	"network namespace '$id-a' does not exist"

ip netns add "$id-a"
up() {
	[ "$(query '.port.link.up' show-port "$1")" = true ]
}
check "up by itself" within 12 up web

ip netns del "$id-a"
ip netns add "$id-a"
there() {
	ip -n "$id-$1" link show "$2"
}
check "in the new namespace of that name" within 12 there a eth
check "and up" within 12 up web
ip -n "$id-host" link del "${id}h0"
check "a deleted interface is made again" within 12 there host "${id}h0"
check "and up" within 12 up h0
finish
