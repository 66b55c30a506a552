#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports on any DPDK device: one that is polled, one with interrupts; frames whose checksums the
# kernel left unfinished; devices that are taken, wrong or gone.
#
#   a: eth (tap, .2) ── switch s ══ veth ═══ x: eth (.3)   net_af_packet
#                          └─────── kernel interface (.5)  net_tap, in the daemon's namespace
. "$(dirname "$0")/lib.sh"
need iperf3 ethtool

add_space a
add_space x
add_nic x x eth 3
# The driver's frames end at 2 048 bytes. Checksums stay unfinished.
in_space x ethtool -K eth tso off gso off gro off > /dev/null
start_daemon
check "switch" ctl add-switch s --type external
check "tap" add_tap s t0 a eth 2
check "net_af_packet" ctl add-port s d0 --type dpdk --devargs "net_af_packet0,iface=${id}x"
check "net_tap" ctl add-port s d1 --type dpdk --devargs "net_tap0,iface=${id}t"
ip -n "$id-host" link set "${id}t" up
add_address host "${id}t" 5

equal "driver" "$(query .port.driver.driver show-port d0)" net_af_packet
equal "has no interrupt" "$(query .port.driver.wake show-port d0)" timer
equal "has one" "$(query .port.driver.wake show-port d1)" interrupt
for n in 3 5; do
	check "ping .$n" pings_soon a "10.77.0.$n"
	check "ping v6 ::$n" pings_soon a "fd77::$n"
done
sleep 1
check "after a sleep .3" pings a 10.77.0.3
check "after a sleep .5" pings a 10.77.0.5
in_space a iperf3 -s -D > /dev/null
sleep 0.5
for space in x host; do
	for address in 10.77.0.2 fd77::2; do
		for way in "" -R; do
			# shellcheck disable=SC2086 # no option at all, or one
			at_least "TCP $space $address $way, bytes" "$(in_space "$space" timeout 30 \
				iperf3 -J -c "$address" -t 1 $way 2> /dev/null |
				jq -r '.end.sum_received.bytes // 0')" 1000000
		done
	done
done

refused "already used" add-port s d2 --type dpdk --devargs "net_tap0,iface=${id}t"
refused "no_such_driver" add-port s d2 --type dpdk --devargs no_such_driver0
refused "0000:00:1e.7" add-port s d2 --type dpdk --devargs 0000:00:1e.7
refused "mtu" add-port s d2 --type dpdk --devargs net_null0 --mtu 9000
check "deleted" ctl del-port d0
check "and added again" ctl add-port s d0 --type dpdk --devargs "net_af_packet0,iface=${id}x"
check "ping again" pings_soon a 10.77.0.3
kill_daemon
start_daemon
check "ping after kill -9" pings_soon a 10.77.0.3
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
