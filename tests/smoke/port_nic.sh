#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The port type nic with each driver: traffic with no ethtool by hand, sleep, restart, return.
#
#    far                 host                   b
#   eth0 --- veth --- ${id}n --- bridge --- tap0
#
# shellcheck disable=SC2154
. "$(dirname "$0")/port_bridge.sh"
need iperf3 ping jq ethtool

tool() {
	in_space host "$build/tests/smoke/nic_tool" "$@"
}

dump() {
	in_space host bash -c "
		ip -j -d link show $nic | jq -S .
		ethtool -k $nic
		ethtool -l $nic
		tc qdisc show dev $nic
		cd /proc/sys/net; grep -rs . ipv4/conf/$nic ipv6/conf/$nic | grep -v stable_secret"
}

same() { # TEXT
	local diff
	if diff=$(diff <(echo "$before") <(dump)); then
		ok "$1"
	else
		bad "$1:"$'\n'"$diff"
	fi
}

program() { # the XDP program on the NIC
	in_space host ip -j link show "$nic" | jq -r '.[0].xdp.prog.name // "none"'
}

idle_ticks() { # of $pid over 2 seconds
	local before after
	before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	sleep 2
	after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	echo $((after - before))
}

bring_up() { # NIC-OPTIONS [TAP-OPTIONS]
	start_bridge "nic:$nic,dir=$tmp/nics$1" "$tap${2:-}" || exit 1
	[ -n "$(in_space b ip -4 -o address show dev tap0)" ] || add_address b tap0 2
}

is() { # KEY VALUE
	[ "$(fact 1 "$1")" = "$2" ]
}

soon() { # KEY VALUE: the kernel tells link changes up to a second late
	within 5 is "$@"
}

add_space far
add_space b
add_nic n far eth0 1
nic=${id}n
tap=tap:tap0,netns=$id-b,mac=02:00:00:00:77:02
in_space host sh -c "echo 0 > /proc/sys/net/ipv6/conf/$nic/disable_ipv6"
sleep 2
before=$(dump)

for driver in af-xdp af-packet; do
	echo "# $driver"
	bring_up ",driver=$driver"
	equal "driver" "$(fact 1 driver)" $driver
	check "ping v4" pings_soon b 10.77.0.1
	check "ping v6" pings_soon far fd77::2
	faster_than 100 "TCP v4" far b 10.77.0.2
	faster_than 100 "TCP v4, back" far b 10.77.0.2 -R
	faster_than 100 "TCP v6" far b fd77::2
	faster_than 100 "TCP v6, back" far b fd77::2 -R
	sleep 2
	at_most "ticks of CPU in two idle seconds" "$(idle_ticks)" 4
	at_most "first ping after silence, ms" \
		"$(in_space far ping -n -c 1 10.77.0.2 | sed -n 's/.*time=\([0-9.]*\).*/\1/p')" 5
	kill_daemon
	bring_up ",driver=$driver"
	check "after kill -9 and a new start: ping" pings_soon b 10.77.0.1
	end_bridge INT
	equal "XDP program after a stop that keeps the NIC" "$(program)" none
	equal "MTU still ours" "$(find "$tmp/nics" -name '*.json' | wc -l)" 1
	bring_up ",driver=$driver"
	check "after a restart: ping" pings_soon b 10.77.0.1
	end_bridge TERM
	same "as before after $driver"
done

echo "# by itself"
bring_up ""
equal "driver for veth" "$(fact 1 driver)" af-packet
end_bridge TERM
same "as before"

echo "# MTU"
ip -n "$id-far" link set eth0 mtu 3498
bring_up ",driver=af-xdp,mtu=3498" ,mtu=3498
check "ping of 3470 bytes unfragmented" pings_soon far 10.77.0.2 -M "do" -s 3470
check "and back" pings_soon b 10.77.0.1 -M "do" -s 3470
end_bridge TERM
same "as before after a larger MTU"
bridge_refuses "af-packet" "nic:$nic,dir=$tmp/nics,driver=af-xdp,mtu=3499" "$tap"
ip -n "$id-far" link set eth0 mtu 9000
bring_up ",mtu=9000" ,mtu=9000
equal "driver for 9000" "$(fact 1 driver)" af-packet
check "ping of 8972 bytes unfragmented" pings_soon far 10.77.0.2 -M "do" -s 8972
end_bridge TERM
bridge_refuses "at most" "nic:$nic,dir=$tmp/nics,driver=af-xdp" "$tap"
same "as before after a refusal by the kernel"
ip -n "$id-far" link set eth0 mtu 1500

echo "# programs of others"
tool crash "$nic" "$tmp/nics" af-xdp > /dev/null 2>&1
check "another's XDP program" tool foreign-xdp "$nic"
bridge_refuses "XDP program 'somebody_else'" "nic:$nic,dir=$tmp/nics,driver=af-xdp" "$tap"
equal "it stays" "$(program)" somebody_else
in_space host ip link set "$nic" xdp off
tool release "$nic" "$tmp/nics"
same "as before"
bring_up ",driver=af-xdp"
equal "ours" "$(program)" xsk_def_prog
kill_daemon
equal "after kill -9" "$(program)" xsk_def_prog
equal "given back to the host" "$(tool stale "$tmp/nics")" 1
equal "with no program" "$(program)" none
same "as before"

echo "# a NIC that changes"
bring_up ",driver=af-xdp"
equal "link" "$(fact 1 link)" up
ip -n "$id-far" link set eth0 down
check "no carrier" soon reason "no carrier"
ip -n "$id-far" link set eth0 up
ip -n "$id-host" link set "$nic" down
equal "down" "$(fact 1 reason)" "the interface $nic is down"
ip -n "$id-host" link set "$nic" name "${id}r"
ip -n "$id-host" link set "${id}r" up
check "link under another name" soon link up
equal "interface" "$(fact 1 interface)" "${id}r"
check "ping" pings_soon b 10.77.0.1
ip -n "$id-host" link del "${id}r"
equal "gone" "$(fact 1 reason)" "the interface ${id}r is gone"
at_most "ticks of CPU in two seconds" "$(idle_ticks)" 4
end_bridge TERM
equal "journals left" "$(find "$tmp/nics" -name '*.json' | wc -l)" 0
bridge_refuses "there is no NIC '$nic'" "nic:$nic,dir=$tmp/nics" "$tap"
finish
