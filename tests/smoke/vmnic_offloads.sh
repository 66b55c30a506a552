#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Offloads by capture: TCP crosses from guest to guest in frames of up to 64 KiB, and nowhere are
# they cut; a guest that takes no such frames, and a NIC, get segments that fit, every length and
# checksum of 100 000 of them right.
#
#   v: eth (soft guest, .2) ───────┐   ┌─── eth (soft guest, .3) :w
#   n: eth (guest, no RSC, .5) ── switch s ═══ veth, AF_XDP ═══ eth (.4) :x
. "$(dirname "$0")/lib.sh"
need iperf3 ethtool
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

for space in v w n x; do
	add_space "$space"
done
add_nic x x eth 4
# What arrives there must not be joined before it is looked at.
in_space x ethtool -K eth gro off
start_daemon
check "switch" ctl add-switch s --type external
# By AF_XDP the switch itself has to cut; the kernel would do it behind a packet socket.
check "bind x" ctl bind-nic s "${id}x" --driver af-xdp
for port in v w n; do
	check "vmnic $port" ctl add-port s $port --type vmnic
done
tap_guest v v eth 2
tap_guest w w eth 3
tap_guest n n eth 5 --no-rsc
for space in v w n x; do
	background "$space" iperf3 -s > /dev/null 2>&1
done
check "ping w" pings_soon v 10.77.0.3
check "ping n" pings_soon v 10.77.0.5
check "ping x" pings_soon v 10.77.0.4

# What comes out of eth in TO while FROM sends to it, as JSON.
watch_tcp() { # FROM TO ADDRESS COUNT [PCAP]
	local from=$1 to=$2 address=$3 count=$4 sender watcher
	shift 4
	in_space "$to" "$python" "$smoke_dir/segments.py" eth "$count" 60 "$@" > "$tmp/seen" &
	watcher=$!
	within 5 grep -q ready "$tmp/seen"
	ip netns exec "$id-$from" timeout 70 iperf3 -c "$address" -t 60 > /dev/null 2>&1 &
	sender=$!
	wait "$watcher"
	kill "$sender"
	wait "$sender" 2> /dev/null
	tail -n 1 "$tmp/seen"
	sleep 0.3 # the server is free again
}

field() { # NAME JSON
	jq -r ".$1" <<< "$2"
}

cuts() { # packets that the switch has made out of large ones
	query .sum.segments show-stats
}

for address in 10.77.0.3 fd77::3; do
	before=$(cuts)
	seen=$(watch_tcp v w $address 2000)
	note "guest to guest: $seen"
	at_least "guest to guest ($address), longest frame" "$(field longest "$seen")" 60000
	at_least "mean payload" "$(field mean "$seen")" 20000
	equal "bad ones" "$(field bad "$seen")" 0
	equal "segments that the switch cut" "$(($(cuts) - before))" 0
done

for address in 10.77.0.4 fd77::4; do
	before=$(cuts)
	seen=$(watch_tcp v x $address 50000 "$tmp/pcap")
	note "guest to NIC: $seen"
	equal "segments" "$(field segments "$seen")" 50000
	at_least "cut by the switch" "$(($(cuts) - before))" 40000
	equal "bad ones" "$(field bad "$seen")" 0
	at_most "longest frame ($address)" "$(field longest "$seen")" 1514
	at_least "mean payload: full ones" "$(field mean "$seen")" 1200
	if command -v tshark > /dev/null; then
		equal "tshark's opinion: bad ones" "$(tshark -n -r "$tmp/pcap" -o ip.check_checksum:TRUE \
			-o tcp.check_checksum:TRUE -o tcp.analyze_sequence_numbers:FALSE \
			-Y 'ip.checksum.status == 0 || tcp.checksum.status == 0 || _ws.malformed ||
				frame.len > 1514' -T fields -e frame.number 2> /dev/null | wc -l)" 0
	else
		note "tshark is not installed"
	fi
	rm -f "$tmp/pcap"
done

for address in 10.77.0.5 fd77::5; do
	seen=$(watch_tcp v n $address 5000)
	note "to a guest without RSC: $seen"
	at_most "longest frame ($address)" "$(field longest "$seen")" 1514
	at_least "segments" "$(field segments "$seen")" 5000
	equal "bad ones" "$(field bad "$seen")" 0
done

# The other way the wire's frames come as they are.
seen=$(watch_tcp x v 10.77.0.2 5000)
note "NIC to guest: $seen"
at_least "segments" "$(field segments "$seen")" 5000
equal "bad ones" "$(field bad "$seen")" 0
stop_guest v w n
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
