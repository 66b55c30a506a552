#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two soft guests and a tap: ICMP, TCP both ways, UDP, over v4 and v6; VLANs keep apart; MTU
# 9000 by opening the NIC anew; link and order of arrival.
#
#   a: eth (.2) ═ hvsoft ═ vmnic a ─┐
#                                   ├─ switch s (private) ─── t: eth (tap, .4)
#   b: eth (.3) ═ hvsoft ═ vmnic b ─┘
. "$(dirname "$0")/lib.sh"
need iperf3
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

for space in a b t; do
	add_space "$space"
done
start_daemon

carrier() { # NAME: 1 or 0
	in_space "$1" cat /sys/class/net/eth/carrier 2> /dev/null || echo 0
}

carrier_is() { # NAME WANTED
	[ "$(carrier "$1")" = "$2" ]
}

mtu_of() { # NAME
	ip -n "$id-$1" -j link show eth | jq '.[0].mtu'
}

bytes_got() { # JSON
	jq -r '.end.sum_received.bytes // .end.sum.bytes // 0' <<< "$1"
}

tcp() { # FROM ADDRESS TEXT [OPTION...]
	local from=$1 address=$2 text=$3 got
	shift 3
	got=$(in_space "$from" timeout 20 iperf3 -J -c "$address" -t 1 "$@" 2> /dev/null)
	at_least "$text, bytes" "$(bytes_got "$got")" 1000000
}

udp() { # FROM ADDRESS TEXT
	local got
	got=$(in_space "$1" timeout 20 iperf3 -J -u -b 20M -n 500K -l 1400 -c "$2" 2> /dev/null)
	at_most "$3, lost percent" "$(jq -r '.end.sum.lost_percent // 100' <<< "$got")" 1
}

# The guest first, then its port: a NIC without a port is there and has no link.
check "switch" ctl add-switch s --type private
tap_guest a a eth 2
check "without a port: no link" carrier_is a 0
check "port a" ctl add-port s a --type vmnic
check "link comes with the port" within 5 carrier_is a 1
# The port first, then its guest.
check "port b" ctl add-port s b --type vmnic
tap_guest b b eth 3
check "link of b" within 5 carrier_is b 1
check "tap t" add_tap s t t eth 4
for space in a b t; do
	background "$space" iperf3 -s > /dev/null 2>&1
done

check "a-b ping v4" pings_soon a 10.77.0.3
check "a-b ping v6" pings_soon a fd77::3
check "a-t ping v4" pings_soon a 10.77.0.4
check "a-t ping v6" pings_soon a fd77::4
check "full frame" pings a 10.77.0.3 -M "do" -s 1472
check "fragments" pings a 10.77.0.3 -s 20000
tcp a 10.77.0.3 "TCP a to b"
tcp a 10.77.0.3 "TCP b to a" -R
tcp a fd77::3 "TCP v6 a to b"
tcp a fd77::3 "TCP v6 b to a" -R
tcp a 10.77.0.4 "TCP a to tap"
tcp a 10.77.0.4 "TCP tap to a" -R
tcp a fd77::4 "TCP v6 a to tap"
tcp a fd77::4 "TCP v6 tap to a" -R
udp a 10.77.0.3 "UDP a to b"
udp b fd77::2 "UDP v6 b to a"

# VLANs
check "a in VLAN 10" ctl set-port a --access-vlan 10
check "b in VLAN 20" ctl set-port b --access-vlan 20
check "10 does not reach 20" no_pings a 10.77.0.3
check "b to VLAN 10" ctl set-port b --access-vlan 10
check "10 reaches 10" pings_soon a 10.77.0.3
check "untagged does not reach 10" no_pings t 10.77.0.2
# A guest that tags by itself, at a trunk
check "b is a trunk" ctl set-port b --trunk-vlans 10 --native-vlan 20
check "tagged by the guest" "$python" "$smoke_dir/vmnic_tag.py" "$id-b" "$id-a" 10
for port in a b; do
	check "$port untagged again" ctl set-port $port --untagged
done
check "all together again" pings_soon a 10.77.0.3

# MTU: the port first, then the guest, whose driver opens its NIC anew.
for port in a b t; do
	check "port $port carries 9000" ctl set-port $port --mtu 9000
done
for space in a b; do
	check "guest $space asks for 9000" ip -n "$id-$space" link set eth mtu 9000
done
check "jumbo frame" within 10 pings a 10.77.0.3 -M "do" -s 8972
check "jumbo frame to the tap" within 5 pings a 10.77.0.4 -M "do" -s 8972
equal "the guest kept it" "$(mtu_of a)" 9000
tcp a 10.77.0.3 "TCP a to b, MTU 9000"
tcp a 10.77.0.3 "TCP b to a, MTU 9000" -R
tcp a 10.77.0.4 "TCP a to tap, MTU 9000"

# What the interface's owner does reaches the switch, as Linux's driver would tell it.
received() { # NAME: frames
	in_space "$1" cat /sys/class/net/eth/statistics/rx_packets
}

sends_to_nobody() { # frames from b that the switch floods
	in_space b ping -q -c 3 -i 0.1 -W 0.1 10.77.0.99 > /dev/null
}

filter_is() { # PORT TEXT
	query .port.guest.filter show-port "$1" | grep -q "$2"
}
ip -n "$id-b" neigh add 10.77.0.99 lladdr 02:00:00:00:00:99 dev eth
before=$(received a)
sends_to_nobody
at_most "frames for nobody that a gets" $(($(received a) - before)) 1
ip -n "$id-a" link set eth promisc on
check "promiscuous" within 3 filter_is a promiscuous
before=$(received a)
sends_to_nobody
at_least "frames for nobody that a gets now" $(($(received a) - before)) 3
ip -n "$id-a" link set eth promisc off
check "not any more" within 3 eval "! filter_is a promiscuous"
ip -n "$id-a" link set eth down
check "down: the switch drops" within 3 eval "! filter_is a directed"
ip -n "$id-a" link set eth up
check "up" within 3 filter_is a directed
ip -n "$id-a" link set eth address 02:00:00:00:00:aa
ip -n "$id-b" neigh flush dev eth
check "another address" within 5 pings b 10.77.0.2

# Link
check "link down" ctl set-port a --link down
check "the guest sees it" within 5 carrier_is a 0
check "link up" ctl set-port a --link up
check "and again" within 5 carrier_is a 1
check "delete the port" ctl del-port a
check "the NIC stays, without a link" within 5 carrier_is a 0
check "port a again" ctl add-port s a --type vmnic --mtu 9000
check "ping again" within 5 pings a 10.77.0.3

stop_guest a b
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
