#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ICMP, TCP and UDP, v4 and v6, over every pair of port types, with MTU 1500 and 9000, and
# nobody runs ethtool.
#
#                          switch s (external)
#   a: eth (tap, .2) ──────┤   ├────── h0 (host, .1) in the daemon's namespace
#   b: eth (tap, .3) ──────┤   ├══ veth, AF_XDP ═══ x: eth (.4)      uplink
#                              └══ veth, packet ═══ p: eth (.5)      access
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/traffic.sh"
need iperf3

for space in a b x p; do
	add_space "$space"
done
declare -A number=([host]=1 [a]=2 [b]=3 [x]=4 [p]=5)
start_daemon
check "switch" ctl add-switch s --type external

round() { # MTU XDP-NAMESPACE...
	local mtu=$1 nodes i j
	shift
	nodes=("$@")
	for ((i = 0; i < ${#nodes[@]}; i++)); do
		for ((j = i + 1; j < ${#nodes[@]}; j++)); do
			pair "${nodes[i]}" "${nodes[j]}" "$mtu"
		done
	done
}

add_nic x x eth 4
add_nic p p eth 5
check "host port" ctl add-port s h0 --type host --ifname "${id}h0"
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
check "tap a" add_tap s a a eth 2
check "tap b" add_tap s b b eth 3
check "bind x" ctl bind-nic s "${id}x"
note "x is driven by $(query .port.nic.driver_in_use show-port "${id}x")"
check "bind p by packet socket" ctl bind-nic s "${id}p" --role access --driver af-packet
for space in host a b x p; do
	server "$space"
done
check "first ping a-b" pings_soon a 10.77.0.3
round 1500 host a b x p
# Bigger than a frame: the guest fragments, nobody else has to know.
check "fragments" pings a 10.77.0.4 -s 6000

# 9000 where the driver can, an honest refusal where not
check "unbind x" ctl unbind-nic "${id}x"
check "unbind p" ctl unbind-nic "${id}p"
for space in x p; do
	ip -n "$id-host" link set "$id$space" mtu 9000
	ip -n "$id-$space" link set eth mtu 9000
done
refused "af-packet" bind-nic s "${id}x" --driver af-xdp --mtu 9000
check "bind x, driver chosen for 9000" ctl bind-nic s "${id}x" --mtu 9000
equal "it says which" "$(query .port.nic.driver_in_use show-port "${id}x")" af-packet
check "bind p" ctl bind-nic s "${id}p" --role access --mtu 9000
for port in h0 a b; do
	check "mtu of $port" ctl set-port $port --mtu 9000
done
ends 2 "9216" set-port a --mtu 9217
equal "the host's interface followed" \
	"$(ip -n "$id-host" -j link show "${id}h0" | jq '.[0].mtu')" 9000
equal "the guest's interface followed" "$(ip -n "$id-a" -j link show eth | jq '.[0].mtu')" 9000
check "first ping after rebinding" pings_soon a 10.77.0.4
round 9000 host a b x p
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
