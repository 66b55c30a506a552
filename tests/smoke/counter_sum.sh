#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# received + copies + segments == delivered + drops, at rest, after every drop reason that can
# be provoked from outside has been, with random traffic around it.
#
#   namespace g, one TAP each:
#   switch s: u1 u2 (untagged) a10 (access 10) t (trunk 10,20) big (mtu 9000) down (link down)
#             dead (interface down) ghost (vhost without a guest)  h0 (host)
#   switch one: lone (nobody else there)
. "$(dirname "$0")/lib.sh"
"$python" -c 'import scapy' 2> /dev/null || skip "python3-scapy is not installed"

add_space g
in_space g sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
start_daemon
check "switch" ctl add-switch s --type internal
check "switch" ctl add-switch one --type private
check "host" ctl add-port s h0 --type host --ifname "${id}h0"
ip -n "$id-host" link set "${id}h0" up
for port in u1 u2 dead; do
	check "tap $port" add_tap s $port g $port ""
done
check "tap a10" add_tap s a10 g a10 "" --access-vlan 10
check "tap t" add_tap s t g t "" --trunk-vlans 10,20
check "tap big" add_tap s big g big "" --mtu 9000
check "tap down" add_tap s down g down ""
check "tap lone" add_tap one lone g lone ""
check "vhost" ctl add-port s ghost --type vhost --vhost-socket "$tmp/run/ghost.sock" \
	--vhost-mode server
check "link down" ctl set-port down --link down
in_space g ip link set dead down
# Towards ports that do not take or want it, frames are steered by static entries.
check "static to down" ctl add-fdb s 02:77:00:00:01:01 down
check "static to dead" ctl add-fdb s 02:77:00:00:01:02 dead
check "static to ghost" ctl add-fdb s 02:77:00:00:01:03 ghost
check "static to a10 in VLAN 20" ctl add-fdb s 02:77:00:00:01:04 a10 --vlan 20
# The namespace's owner may raise the MTU of its interface; the port's stays.
in_space g ip link set u1 mtu 9000
host_mac=$(query '.ports[] | select(.name == "h0") | .mac' list-ports)
check "frames sent" "$python" "$smoke_dir/counter_sum.py" "$id-g" "$host_mac"

balanced() {
	[ "$(query .sum.balanced show-stats)" = true ]
}
check "the sum holds" within 5 balanced
note "$(query '.sum | to_entries | map("\(.key) \(.value)") | join("  ")' show-stats)"
ctl --json show-stats > "$tmp/stats"
for reason in runt source_multicast link_local vlan_tagged vlan_rx_not_allowed \
	vlan_tx_not_allowed loop same_port no_destination oversize_rx oversize_tx \
	link_down tx_full; do
	at_least "provoked $reason" \
		"$(jq "[.ports[].drops.$reason // 0] | add" "$tmp/stats")" 1
done
note "malformed, no_mbuf, offload_failed, ring_full and port_gone need a fault inside: unit tests"

# Counters of deleted ports stay in the sum.
check "delete a port with history" ctl del-port u2
check "the sum still holds" within 5 balanced
check "each reason is explained" eval "ctl show-stats --drops | grep -q source_multicast"
finish
