#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every kind of port × every kind of tag, judged frame by frame.
#
#              switch m (internal)
#   u0 untagged  a10 access 10  a20 access 20  a30 access 30
#   all  trunk all, native 0         n20  trunk 10,30, native 20
#   t10  trunk 10, native 0          each a TAP in one namespace, and a second one of each
#                                    kind to receive what its twin sends
. "$(dirname "$0")/lib.sh"
"$python" -c 'import scapy' 2> /dev/null || skip "python3-scapy is not installed"

add_space guests
in_space guests sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
start_daemon
ctl add-switch m --type internal > /dev/null

add_kind() { # NAME OPTION...
	local name=$1 twin
	shift
	for twin in a b; do
		check "port $name$twin $*" add_tap m "$name$twin" guests "$name$twin" "" "$@"
	done
}
add_kind u0 --untagged
add_kind a10 --access-vlan 10
add_kind a20 --access-vlan 20
add_kind a30 --access-vlan 30
add_kind all --trunk-vlans all
add_kind n20 --trunk-vlans 10,30 --native-vlan 20
add_kind t10 --trunk-vlans 10
# The default is untagged.
check "port da" add_tap m da guests da ""

check "all links up" within 5 eval \
	'[ "$(query "[.ports[] | select(.link.up)] | length" list-ports m)" = 15 ]'
output=$("$python" "$smoke_dir/vlan_matrix.py" "$id-guests")
rc=$?
echo "$output" | tail -n 40
summary=$(echo "$output" | tail -n 1)
equal "every frame as the oracle says (${summary})" "$rc" 0
equal "the sum holds" "$(query .sum.balanced show-stats)" true
at_least "frames with a tag on access ports were counted" \
	"$(query '.ports[] | select(.name == "a10a") | .drops.vlan_tagged // 0' show-stats)" 1
finish
