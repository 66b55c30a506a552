#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What external, internal and private switches allow, converting them under traffic, roles of
# NICs, and what is said when a rule is in the way.
#
#   namespace a            daemon's namespace             namespace b
#   eth (tap, .2) ──── switch s ── h0 (host, .1)
#   eth2 (tap, .3) ───/     └───── n0 ═══ veth ═════════ eth (.4)
#                                  n1 ═══ veth ═════════ eth1 (.5)
. "$(dirname "$0")/lib.sh"

add_space a
add_space a2
add_space b
add_space b1
add_nic n0 b eth 4
add_nic n1 b1 eth 5
start_daemon

check "private switch" ctl add-switch s --type private
check "a guest's TAP" add_tap s t0 a eth 2
check "another guest's TAP" add_tap s t1 a2 eth 3
check "guests talk on a private switch" pings_soon a 10.77.0.3
refused "private" add-port s h0 --type host --ifname "${id}h0"
refused "private" bind-nic s "${id}n0"
equal "nothing half-done" "$(query '.ports | length' list-ports s)" 2
check "no interface left behind" eval "! ip -n $id-host link show ${id}h0"

check "private to internal under traffic" ctl set-switch s --type internal
check "a host port" ctl add-port s h0 --type host --ifname "${id}h0"
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
check "host pings guest" pings_soon host 10.77.0.2
check "guest pings host (v6)" pings_soon a fd77::1
refused "${id}n0" bind-nic s "${id}n0"
refused "h0" set-switch s --type private
equal "still internal" "$(query '.switches[0].type' list-switches)" internal

check "internal to external by naming a NIC" ctl set-switch s --nic "${id}n0"
equal "external now" "$(query '.switches[0].type' list-switches)" external
equal "the NIC is the uplink" "$(query '.switches[0].uplink' list-switches)" "${id}n0"
check "wire pings host" pings_soon b 10.77.0.1
check "wire pings guest (v6)" pings_soon b fd77::2
refused "--role access" bind-nic s "${id}n1"
check "a second NIC as access port" ctl bind-nic s "${id}n1" --role access
check "wire pings wire" pings_soon b1 10.77.0.4
equal "a NIC port is not deleted like others" \
	"$(ctl del-port "${id}n1" > /dev/null 2>&1; echo $?)" 1
refused "${id}n0" set-switch s --type internal

check "unbind the second NIC" ctl unbind-nic "${id}n1"
check "unbind the uplink" ctl unbind-nic "${id}n0"
check "the interface is the host's again" ip -n "$id-host" link show "${id}n0"
check "back to internal" ctl set-switch s --type internal
check "guests still talk" pings_soon a 10.77.0.3

# An interface in use is not taken away from the host.
ip -n "$id-host" address add 10.77.9.1/24 dev "${id}n0"
check "back to external" ctl set-switch s --type external
refused "10.77.9.1" bind-nic s "${id}n0"
check "its address is still there" \
	eval "ip -n $id-host address show dev ${id}n0 | grep -q 10.77.9.1"

refused "has" del-switch s
check "del-switch --force takes its ports along" ctl del-switch s --force
equal "no ports left" "$(query '.ports | length' list-ports)" 0
check "their interfaces are gone" eval "! ip -n $id-a link show eth"
finish
