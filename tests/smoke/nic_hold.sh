#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NIC that the switch took is given back as it was, whatever happened in between.
#
#   host                     far
#   ${id}n ---- veth ---- eth0
#
# shellcheck disable=SC2034,SC2154
no_daemon=1
. "$(dirname "$0")/lib.sh"
need ethtool jq

tool() {
	in_space host "$build/tests/smoke/nic_tool" "$@"
}

# Everything that taking the NIC may change, without counters and what follows the far end.
dump() {
	in_space host bash -c "
		ip -j -d link show $nic | jq -S 'map(del(.ifindex))'
		ip -j addr show $nic | jq -S '.[0].addr_info | map(del(.valid_life_time,
			.preferred_life_time)) | sort_by(.local)'
		ip -j -6 route show table all dev $nic | jq -S .
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

says() { # TEXT COMMAND...
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		bad "'$*' should fail and mention '$text'"
	elif [[ $output == *"$text"* ]]; then
		ok "refused: $output"
	else
		bad "'$*' should mention '$text', said: $output"
	fi
}

held() {
	in_space host ip -j link show "$nic" | jq -e '.[0].flags | contains(["NOARP", "PROMISC"])'
}

nic=${id}n
dir=$tmp/nics
add_space far
add_nic n far eth0 2
in_space host sh -c "echo 0 > /proc/sys/net/ipv6/conf/$nic/disable_ipv6
	echo 0 > /proc/sys/net/ipv6/conf/$nic/accept_dad"
in_space host ip link set "$nic" mtu 1450 down
in_space host ip link set "$nic" up
in_space host ip -6 address add fe80::77/64 dev "$nic" nodad
in_space host ethtool -K "$nic" gro on
in_space host ip link property add dev "$nic" altname "$nic-also-known-as"
sleep 1
before=$(dump)

equal "found by its alternative name" "$(tool find "$nic-also-known-as")" "$nic"
mac=$(in_space host cat "/sys/class/net/$nic/address")
equal "found by its MAC" "$(tool find "${mac^^}")" "$nic"
says "there is no NIC" tool find "${id}x"
says "loopback" tool hold lo "$dir" af-xdp

for driver in af-xdp af-packet; do
	check "taken for $driver" tool hold "$nic" "$dir" $driver 1400
	check "silent and promiscuous" held
	equal "MTU" "$(in_space host cat "/sys/class/net/$nic/mtu")" 1400
	equal "no IPv6 address is left" "$(in_space host ip -j -6 addr show "$nic" | jq length)" 0
	gro=$(in_space host ethtool -k "$nic" | awk '/^generic-receive-offload/ { print $2 }')
	equal "GRO with $driver" "$gro" "$([ $driver = af-xdp ] && echo off || echo on)"
	check "taken again" tool hold "$nic" "$dir" $driver 1420
	check "given back" tool release "$nic" "$dir"
	same "as before after $driver"
	check "given back twice" tool release "$nic" "$dir"
	same "as before after giving back twice"
	equal "no journal is left" "$(find "$dir" -type f | wc -l)" 0
done

tool crash "$nic" "$dir" af-xdp 1300
tool crash "$nic" "$dir" af-packet
check "held after SIGKILL" held
equal "what is wanted stays" "$(tool stale "$dir" "$nic")" 0
check "still held" held
equal "what is not wanted is given back" "$(tool stale "$dir")" 1
same "as before after two crashes"

tool crash "$nic" "$dir" af-xdp
in_space host ip link set "$nic" down
in_space host ip link set "$nic" name "${id}r"
in_space host ip link set "${id}r" up
equal "given back under another name" "$(tool stale "$dir")" 1
in_space host ip link set "${id}r" down
in_space host ip link set "${id}r" name "$nic"
in_space host ip link set "$nic" up
in_space host ip -6 address replace fe80::77/64 dev "$nic" nodad
sleep 1
same "as before after a change of name"

in_space host ip link set "$nic" down
in_space host ip link set "$nic" promisc on arp off
before=$(dump)
check "taken while down" tool hold "$nic" "$dir" af-xdp
equal "and brought up" "$(in_space host ip -j link show "$nic" | jq -r '.[0].flags | index("UP") != null')" true
check "given back" tool release "$nic" "$dir"
same "down, promiscuous and without ARP as before"
in_space host ip link set "$nic" promisc off arp on up

says "cannot be written" tool hold "$nic" /proc/nics af-xdp
in_space host ip address add 10.77.0.9/24 dev "$nic"
says "has the address 10.77.0.9/24" tool hold "$nic" "$dir" af-xdp
in_space host ip address flush dev "$nic" scope global
in_space host ip link add "${id}b" type bridge && {
	in_space host ip link set "$nic" master "${id}b"
	says "member of the bridge '${id}b'" tool hold "$nic" "$dir" af-xdp
	in_space host ip link set "$nic" nomaster
}
in_space host ip route add default dev "$nic"
says "route default goes through" tool hold "$nic" "$dir" af-xdp
in_space host ip route del default dev "$nic"

tool crash "$nic" "$dir" af-xdp
in_space host ip link del "$nic"
equal "a NIC that vanished" "$(tool stale "$dir")" 0
equal "leaves no journal" "$(find "$dir" -type f | wc -l)" 0
finish
