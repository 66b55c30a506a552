#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The forwarding table as a user sees it: learning, ageing, static entries, limits, moves,
# flushes, and the IPs behind ports.
#
#   namespaces a, b, c: eth (tap, .2 .3 .4) ── t0 t1 t2 of switch s (ageing 3 s)
#   namespace g: g0 g1 (taps of switch s) to send made-up sources
. "$(dirname "$0")/lib.sh"

for space in a b c g; do
	add_space "$space"
	in_space "$space" sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
done
start_daemon
check "switch" ctl add-switch s --type internal --ageing 3
check "tap" add_tap s t0 a eth 2
check "tap" add_tap s t1 b eth 3
check "tap" add_tap s t2 c eth 4
check "tap" add_tap s g0 g g0 ""
check "tap" add_tap s g1 g g1 ""
mac() { # NAME
	ip -n "$id-$1" -j link show eth | jq -r '.[0].address'
}
behind() { # MAC [VLAN]: its port
	query ".entries[] | select(.mac == \"$1\" and .vlan == ${2:-0}) | .port" show-fdb s
}
entries() {
	query '.entries | length' show-fdb s
}
send() { # INTERFACE COUNT [FIRST]: frames with COUNT different sources
	"$python" - "$id-g" "$@" <<-END
		import sys, time
		sys.path.insert(0, "$smoke_dir")
		from frames import Tap, enter
		enter(sys.argv[1])
		tap = Tap(sys.argv[2])
		first = int(sys.argv[4]) if len(sys.argv) > 4 else 1
		for i in range(first, first + int(sys.argv[3])):
		    tap.send(bytes.fromhex("ffffffffffff027701") + i.to_bytes(3, "big") + b"\x88\xb5" + bytes(46))
		    if i % 200 == 0:
		        time.sleep(0.01)
	END
}

# Learning, and no flooding of what is known
check "ping" pings_soon a 10.77.0.3
equal "a learned behind t0" "$(behind "$(mac a)")" t0
equal "b learned behind t1" "$(behind "$(mac b)")" t1
equal "filter by port" "$(query '.entries[0].port' show-fdb s --port t1)" t1
equal "filter by MAC" "$(query '.entries | length' show-fdb s --mac "$(mac a)")" 1
at_least "IPs behind ports" \
	"$(query '.ports[] | select(.name == "t0") | [.ips[] | select(.ip == "10.77.0.2")] | length' \
		list-ports)" 1
tx() { # PORT
	query ".ports[] | select(.name == \"$1\") | .tx_packets" show-stats
}
before=$(tx t2)
pings a 10.77.0.3 -c 50 -i 0.01 > /dev/null
at_most "a third port saw, of 50 pings," $(($(tx t2) - before)) 2

# Ageing
check "idle entries age out" within 8 eval '[ "$(entries)" = 0 ]'
check "and are learned again" pings_soon a 10.77.0.3
check "longer ageing, live" ctl set-switch s --ageing 300
pings a 10.77.0.3 > /dev/null
sleep 5
equal "entries stay now" "$(behind "$(mac a)")" t0

# Moves
check "flush" ctl flush-fdb s
send g0 3
equal "source behind g0" "$(behind 02:77:01:00:00:01)" g0
send g1 1
equal "it moved to g1" "$(behind 02:77:01:00:00:01)" g1
at_least "moves are counted" "$(query .stats.moved show-fdb s)" 1

# Flush by port and all
equal "flush by port says how many" "$(query .flushed flush-fdb s --port g0)" 2
equal "the other port's entry stays" "$(behind 02:77:01:00:00:01)" g1
ctl flush-fdb s > /dev/null
equal "flush all" "$(entries)" 0

# Static entries
check "static" ctl add-fdb s 02:77:01:00:00:01 g0
refused "already" add-fdb s 02:77:01:00:00:01 g0
equal "--may-exist" "$(query .changed add-fdb s 02:77:01:00:00:01 g0 --may-exist)" false
send g1 1
equal "a static entry does not move" "$(behind 02:77:01:00:00:01)" g0
ctl flush-fdb s > /dev/null
equal "a flush leaves static entries" "$(query '.stats.static' show-fdb s)" 1
refused "group" add-fdb s 01:77:00:00:00:01 g0
refused "nosuch" add-fdb s 02:77:01:00:00:09 nosuch
check "del-fdb" ctl del-fdb s 02:77:01:00:00:01
refused "02:77:01:00:00:01" del-fdb s 02:77:01:00:00:01
equal "--if-exists" "$(query .changed del-fdb s 02:77:01:00:00:01 --if-exists)" false

# Limits: what is not learned is still forwarded, by flooding
ctl flush-fdb s > /dev/null
check "limit per port" ctl set-port g0 --mac-limit 10
send g0 100
equal "the port's limit" "$(query '.ports[] | select(.name == "g0") | .macs' list-ports)" 10
at_least "refusals are counted" "$(query .stats.refused show-fdb s)" 90
check "limit per switch" ctl set-switch s --mac-limit 50
send g1 200 1000
equal "the switch's limit" "$(query .stats.entries show-fdb s)" 50
check "traffic goes on, flooded" pings_soon a 10.77.0.3
check "limits off" ctl set-port g0 --mac-limit 0
check "limits off" ctl set-switch s --mac-limit 1000000
ctl flush-fdb s > /dev/null
send g0 20000
at_least "20 000 learned" "$(query .stats.entries show-fdb s)" 19990
check "deleting the port" ctl del-port g0
at_most "takes its entries along" "$(query .stats.entries show-fdb s)" 50
equal "the sum holds" "$(query .sum.balanced show-stats)" true
finish
