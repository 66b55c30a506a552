#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports of type tap and host: traffic, and interfaces that outlive the process.
#
#    a                  b          (also: host, the interface in the tool's own namespace)
#   tap0 --- bridge --- tap0
#
# shellcheck disable=SC2154
. "$(dirname "$0")/port_bridge.sh"
need iperf3 ping jq

link() { # NAME INTERFACE FILTER
	ip -n "$id-$1" -j -d link show "$2" 2> /dev/null | jq -r ".[0] | $3"
}

idle_ticks() { # of $pid over a second
	local before after
	before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	sleep 1
	after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	echo $((after - before))
}

add_space a
add_space b
mac=02:77:00:00:00:01
a=tap:tap0,netns=$id-a,mac=$mac
b=tap:tap0,netns=/run/netns/$id-b

echo "# traffic"
start_bridge "$a" "$b" || exit 1
add_address a tap0 1
add_address b tap0 2
equal "MAC asked for" "$(link a tap0 .address)" $mac
equal "MAC reported" "$(fact 1 mac)" $mac
equal "the kernel's MAC reported" "$(fact 2 mac)" "$(link b tap0 .address)"
equal "no interface outside" "$(link host tap0 .ifname)" ""
check "ping v4" pings_soon a 10.77.0.2
check "ping v6" pings_soon a fd77::2
check "ping of 60000 bytes" pings a 10.77.0.2 -s 60000
sleep 3
at_most "first ping after silence, ms" \
	"$(in_space a ping -n -c 1 10.77.0.2 | sed -n 's/.*time=\([0-9.]*\).*/\1/p')" 5
large=$(fact 1 large)
faster_than 500 "TCP v4" a b 10.77.0.2
faster_than 500 "TCP v6, back" a b fd77::2 -R
at_least "frames larger than the MTU from a" "$(($(fact 1 large) - large))" 100
at_least "and from b" "$(fact 2 large)" 100
faster_than 50 "UDP, datagrams of 60000" a b 10.77.0.2 -u -b 200M -l 60000
equal "malformed frames" "$(fact 1 rx_malformed)$(fact 2 rx_malformed)" 00
at_most "ticks of CPU in an idle second" "$(idle_ticks)" 2

echo "# links"
equal "link" "$(fact 1 link)" up
ip -n "$id-b" link set tap0 down
equal "link of an interface that is down" "$(fact 2 link)" down
equal "and why" "$(fact 2 reason)" "interface tap0 is down"
in_space a ping -q -c 3 -i 0.2 -W 0.2 10.77.0.2 > /dev/null
at_least "frames not taken by it" "$(fact 2 refused)" 1
ip -n "$id-b" link set tap0 up
add_address b tap0 2 2> /dev/null
check "up again" pings_soon a 10.77.0.2

echo "# kill -9 and back"
index=$(link a tap0 .ifindex)
kill_daemon
equal "the interface stays" "$(link a tap0 .ifindex)" "$index"
check "the address stays" eval "ip -n $id-a address show tap0 | grep -q 10.77.0.1/24"
start_bridge "$a" "$b" || exit 1
equal "the same interface" "$(link a tap0 .ifindex)" "$index"
equal "said" "$(fact 1 interface)" "attached again"
equal "and its MAC" "$(link b tap0 .address)" "$(fact 2 mac)"
check "traffic again" pings_soon a 10.77.0.2
bridge_refuses "another program has open" "$a" host:"${id}h"

echo "# an interface or a namespace that goes away"
ip -n "$id-b" link del tap0
equal "link of a deleted interface" "$(fact 2 reason)" "interface tap0 was deleted"
in_space a ping -q -c 2 -i 0.2 -W 0.2 10.77.0.2 > /dev/null
at_most "ticks of CPU in a second after" "$(idle_ticks)" 2
end_bridge INT
equal "kept when told to keep" "$(link a tap0 .ifindex)" "$index"
start_bridge "$a" "$b" || exit 1
add_address b tap0 2
check "made again" pings_soon a 10.77.0.2
ip netns del "$id-b"
equal "link of a deleted namespace" "$(fact 2 reason)" "its network namespace was deleted"
end_bridge TERM
equal "removed when told to remove" "$(link a tap0 .ifname)" ""
add_space b

echo "# 9000 bytes, two queues"
start_bridge "$a,mtu=9000,queues=2" "$b,mtu=9000,queues=2" || exit 1
add_address a tap0 1
add_address b tap0 2
equal "MTU" "$(link a tap0 .mtu)" 9000
check "ping of 8972 bytes unfragmented" pings_soon a 10.77.0.2 -M "do" -s 8972
faster_than 500 "TCP, 4 flows" a b 10.77.0.2 -P 4
end_bridge INT

echo "# host"
start_bridge "host:${id}h,mac=02:77:00:00:00:99" "$b,mtu=9000,queues=2" || exit 1
equal "MAC of the host" "$(link host "${id}h" .address)" 02:77:00:00:00:99
add_address host "${id}h" 3
check "the host's own interface" pings_soon b 10.77.0.3
end_bridge TERM
start_bridge "host:${id}h,down=1" "$b,mtu=9000,queues=2" || exit 1
equal "carrier of a port that is down" "$(link host "${id}h" .operstate)" DOWN
equal "its link" "$(fact 1 reason)" "interface ${id}h has no carrier"
end_bridge TERM

echo "# what stands in the way"
ip -n "$id-host" tuntap add dev "${id}f" mode tap
start_bridge "host:${id}f" "$b,mtu=9000" || exit 1
equal "somebody else's tap" "$(fact 1 interface)" "found, made by somebody else"
end_bridge TERM
equal "is not removed" "$(link host "${id}f" .ifname)" "${id}f"
bridge_refuses "a tap made for one queue, not 2" "host:${id}f,queues=2" "$b"
ip -n "$id-host" link add "${id}v" type veth peer name "${id}w"
bridge_refuses "exists already and is of kind veth" "host:${id}v" "$b"
ip -n "$id-host" tuntap add dev "${id}t" mode tun
bridge_refuses "layer 3 tun" "host:${id}t" "$b"
bridge_refuses "network namespace '$id-none' does not exist" "tap:tap0,netns=$id-none" "$b"
bridge_refuses "is not a network namespace" "tap:tap0,netns=/proc/self/ns/mnt" "$b"
bridge_refuses "is no name of a network namespace" "tap:tap0,netns=../x" "$b"
finish
