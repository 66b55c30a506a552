#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The packet socket's port: GSO, tags, jumbo frames, and nothing for the host's own stack.
#
#    far                 host                   b
#   eth0 --- veth --- ${id}n --- bridge --- tap0
#
# shellcheck disable=SC2154
. "$(dirname "$0")/port_bridge.sh"
need iperf3 ping jq tc

answers() { # the host's stack, on the interface that the port holds
	ip -n "$id-far" neighbour flush dev eth0
	in_space far ping -q -n -c 2 -i 0.2 -W 0.3 10.77.0.50
}

silent() {
	! answers > /dev/null 2>&1
}

filters() {
	in_space host tc filter show dev "$nic" ingress | grep -c "handle 0x7673"
}

idle_ticks() { # of $pid over a second
	local before after
	before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	sleep 1
	after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	echo $((after - before))
}

add_space far
add_space b
add_nic n far eth0 1
nic=${id}n
tap=tap:tap0,netns=$id-b

echo "# traffic"
start_bridge "packet:$nic" "$tap" || exit 1
add_address b tap0 2
check "ping v4" pings_soon b 10.77.0.1
check "ping v6" pings_soon far fd77::2
sleep 3
at_most "first ping after silence, ms" \
	"$(in_space far ping -n -c 1 10.77.0.2 | sed -n 's/.*time=\([0-9.]*\).*/\1/p')" 5
faster_than 500 "TCP v4" far b 10.77.0.2
faster_than 500 "TCP v4, back" far b 10.77.0.2 -R
faster_than 500 "TCP v6" far b fd77::2
at_least "frames larger than the MTU from the interface" "$(fact 1 large)" 100
at_least "and to it" "$(fact 2 large)" 100
faster_than 50 "UDP, datagrams of 1400" far b 10.77.0.2 -u -b 200M -l 1400
faster_than 50 "UDP, datagrams of 60000" b far 10.77.0.1 -u -b 200M -l 60000
equal "malformed and cut frames" "$(fact 1 rx_malformed) $(fact 1 rx_cut)" "0 0"
equal "frames not sent" "$(fact 1 refused) $(fact 1 lost)" "0 0"
at_most "ticks of CPU in an idle second" "$(idle_ticks)" 2

echo "# tags, byte for byte"
check "both ways" "$python" "$smoke_dir/port_packet.py" "$id-far" eth0 "$id-b" tap0

echo "# the host's own stack"
end_bridge TERM
ip -n "$id-host" address add 10.77.0.50/24 dev "$nic"
check "answers without the port" answers
start_bridge "packet:$nic" "$tap" || exit 1
check "is silent with it" silent
add_address b tap0 2
check "while frames pass" pings_soon far 10.77.0.2
kill_daemon
check "is silent after kill -9" silent
equal "classifiers left over" "$(filters)" 1
start_bridge "packet:$nic" "$tap" || exit 1
equal "classifiers after a new start" "$(filters)" 1
check "traffic again" pings_soon far 10.77.0.2
end_bridge TERM
check "answers again" answers
check "nothing left" eval "! ip netns exec $id-host tc qdisc show dev $nic | grep clsact"
in_space host tc qdisc add dev "$nic" clsact
in_space host tc filter add dev "$nic" ingress prio 7 protocol all u32 match u32 0 0
start_bridge "packet:$nic" "$tap" || exit 1
check "silent beside somebody else's classifier" silent
end_bridge TERM
check "which stays" eval "ip netns exec $id-host tc filter show dev $nic ingress | grep -q u32"
in_space host tc qdisc del dev "$nic" clsact
in_space host tc qdisc add dev "$nic" clsact
in_space host tc filter add dev "$nic" ingress prio 1 protocol all u32 match u32 0 0
bridge_refuses "at ingress has our priority 1" "packet:$nic" "$tap"
in_space host tc qdisc del dev "$nic" clsact

echo "# 9000 bytes, two queues"
ip -n "$id-far" link set eth0 mtu 9000
start_bridge "packet:$nic,mtu=9000,queues=2" "$tap,mtu=9000,queues=2" || exit 1
add_address b tap0 2
check "ping of 8972 bytes unfragmented" pings_soon far 10.77.0.2 -M "do" -s 8972
check "and back" pings_soon b 10.77.0.1 -M "do" -s 8972
faster_than 500 "TCP, 4 flows" far b 10.77.0.2 -P 4
faster_than 500 "TCP, 4 flows back" far b 10.77.0.2 -P 4 -R

echo "# an interface that goes down and away"
equal "link" "$(fact 1 link)" up
ip -n "$id-host" link set "$nic" down
equal "its link when down" "$(fact 1 reason)" "interface $nic is down"
in_space b ping -q -n -c 2 -i 0.2 -W 0.2 10.77.0.1 > /dev/null
at_least "frames not taken" "$(fact 1 refused)" 1
at_most "ticks of CPU in a second" "$(idle_ticks)" 2
ip -n "$id-host" link set "$nic" up
check "up again" pings_soon b 10.77.0.1
ip -n "$id-far" link set eth0 down
equal "far end down" "$(fact 1 reason)" "interface $nic has no carrier"
ip -n "$id-host" link del "$nic"
equal "its link when gone" "$(fact 1 reason)" "interface $nic was removed or moved"
at_most "ticks of CPU in a second" "$(idle_ticks)" 2
end_bridge TERM
bridge_refuses "interface '$nic' does not exist" "packet:$nic" "$tap"
bridge_refuses "is not an Ethernet interface" "packet:lo" "$tap"
finish
