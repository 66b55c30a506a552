#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ICMP, TCP and UDP, v4 and v6, between a guest's VMBus NIC and every other type of port, with
# MTU 1500 and 9000 and in VLANs; nobody runs ethtool. vhost_guest.sh has the pair with vhost.
#
#                                 switch s (external)
#   v: eth (soft guest, .2) ───────┤   ├────── h0 (host, .1) in the daemon's namespace
#   w: eth (soft guest, .3) ───────┤   ├══ veth, AF_XDP ═══ x: eth (.4)      uplink
#   o: eth (older guest, .7) ──────┤   ├══ veth, packet ═══ p: eth (.5)      access
#   a: eth (tap, .6) ──────────────┘
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/traffic.sh"
need iperf3
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

for space in a o p v w x; do
	add_space "$space"
done
# shellcheck disable=SC2034 # traffic.sh uses both
declare -A number=([host]=1 [v]=2 [w]=3 [x]=4 [p]=5 [a]=6 [o]=7)
# shellcheck disable=SC2034
iperf_amount=(-n 20M)
add_nic x x eth 4
add_nic p p eth 5
start_daemon
check "switch" ctl add-switch s --nic "${id}x"
check "bind p by packet socket" ctl bind-nic s "${id}p" --role access --driver af-packet
check "host port" ctl add-port s h0 --type host --ifname "${id}h0"
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
check "tap" add_tap s a a eth 6
for port in v w o; do
	check "vmnic $port" ctl add-port s $port --type vmnic
done
tap_guest v v eth 2
tap_guest w w eth 3 --queues 2
tap_guest o o eth 7 --nvsp 2 --no-offloads
for space in host a o p v w x; do
	server "$space"
done
check "first ping" pings_soon v 10.77.0.3

for space in w host a x p o; do
	pair v "$space" 1500
done
check "fragments to a guest" pings x 10.77.0.2 -s 6000
check "fragments from a guest" pings v 10.77.0.4 -s 6000
check "a broadcast reaches guests" eval "in_space x ping -q -n -b -c 2 -i 0.2 -W 1 10.77.0.255 |
	grep -q 'packets transmitted'"

# VLANs: access to access, access to trunk, and never to another.
check "v into 10" ctl set-port v --access-vlan 10
check "w into 10" ctl set-port w --access-vlan 10
check "a into 20" ctl set-port a --access-vlan 20
check "guests meet in VLAN 10" pings_soon v 10.77.0.3
check "VLAN 20 is closed to v" no_pings v 10.77.0.6
check "v is closed to VLAN 20" no_pings a 10.77.0.2
check "o is in none" no_pings o 10.77.0.2
check "o trunks 10 and 20" ctl set-port o --trunk-vlans 10,20
# A guest that tags frames itself: asks in a VLAN who has an address there.
tagged_arp() { # NAME VLAN ADDRESS
	in_space "$1" "$python" - "$2" "$3" <<-'END'
		import socket, struct, sys, time
		vlan, address = int(sys.argv[1]), socket.inet_aton(sys.argv[2])
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
		s.bind(("eth", 0))
		s.setsockopt(263, 8, 1)  # the tag may come beside the frame
		s.settimeout(0.2)
		mac = s.getsockname()[4]
		arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + address
		end = time.monotonic() + 3
		while time.monotonic() < end:
		    s.send(b"\xff" * 6 + mac + struct.pack("!HHH", 0x8100, vlan, 0x0806) + arp)
		    try:
		        while True:
		            frame, extra, _, _ = s.recvmsg(2048, 128)
		            tag = struct.unpack_from("=IIIHHHH", extra[0][2])[5] if extra else 0
		            if frame[12:14] == b"\x81\x00":
		                tag = struct.unpack_from("!H", frame, 14)[0]
		                frame = frame[:12] + frame[16:]
		            if tag == vlan and frame[:6] == mac and frame[12:14] == b"\x08\x06" and \
		                    frame[20:22] == b"\0\2" and frame[28:32] == address:
		                sys.exit(0)
		    except TimeoutError:
		        pass
		sys.exit(1)
	END
}
check "a tagging guest is answered in VLAN 10" tagged_arp o 10 10.77.0.2
check "and in VLAN 20" tagged_arp o 20 10.77.0.6
check "but not by VLAN 20 in 10" eval "! tagged_arp o 10 10.77.0.6"
check "and in no VLAN it may not use" eval "! tagged_arp o 30 10.77.0.2"
for port in v w a o; do
	check "$port untagged" ctl set-port $port --untagged
done
stop_guest o
check "the wire again" pings_soon v 10.77.0.4

# 9000: the ports' owner allows it, then the guests ask for it.
check "unbind x" ctl unbind-nic "${id}x"
check "unbind p" ctl unbind-nic "${id}p"
for space in x p; do
	ip -n "$id-host" link set "$id$space" mtu 9000
	ip -n "$id-$space" link set eth mtu 9000
done
check "bind x" ctl bind-nic s "${id}x" --mtu 9000
check "bind p" ctl bind-nic s "${id}p" --role access --mtu 9000
for port in h0 a v w; do
	check "mtu of $port" ctl set-port $port --mtu 9000
done
for space in v w; do
	check "guest $space wants 9000" ip -n "$id-$space" link set eth mtu 9000
done
check "first ping after that" within 10 pings v 10.77.0.3 -M "do" -s 8972
for space in w host a x p; do
	pair v "$space" 9000
done
stop_guest v w
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
