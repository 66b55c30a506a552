#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NIC is bound and given back again and again by one daemon, with each driver.
#
#   daemon's namespace                    namespace b
#   h0 (host, .1) ── switch s ── n0 ═══ veth ═══ eth (.2)
. "$(dirname "$0")/lib.sh"
need socat

open_sockets() {
	find "/proc/$pid/fd" -lname 'socket:*' | wc -l
}

add_space b
add_nic n0 b eth 2
start_daemon
check "switch" ctl add-switch s --type external
check "host port" ctl add-port s h0 --type host --ifname "${id}h0"
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
before=$(open_sockets)

for driver in af-xdp af-packet af-xdp; do
	for round in 1 2 3; do
		check "bind with $driver, round $round" ctl bind-nic s "${id}n0" --driver "$driver"
		check "ping" pings_soon b 10.77.0.1
		check "unbind" ctl unbind-nic "${id}n0"
	done
	equal "sockets left by $driver" "$(open_sockets)" "$before"
done

# In a row on one connection: the kernel frees a queue some time after its socket.
errors=$(for _ in $(seq 10); do
	echo '{"jsonrpc":"2.0","id":1,"method":"bind-nic","params":{"switch":"s","nic":"'"${id}n0"'",
		"driver":"af-xdp"}}' | tr -d '\n\t'
	echo
	echo '{"jsonrpc":"2.0","id":2,"method":"unbind-nic","params":{"nic":"'"${id}n0"'"}}'
done | timeout 60 socat -t 30 - "UNIX-CONNECT:$tmp/run/control.sock" | jq -r '.error.message // "ok"' |
	sort | uniq -c | xargs)
equal "bind and unbind in a row" "$errors" "20 ok"
check "bind once more" ctl bind-nic s "${id}n0" --driver af-xdp
check "ping" pings_soon b 10.77.0.1
finish
