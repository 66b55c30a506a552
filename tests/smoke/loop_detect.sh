#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A loop is detected, counted and reported: our own source address coming back, and one source
# address flapping between ports at rate. A station that moves now and then is no loop.
#
#   namespace g: t0 (tap) ── switch s ── t1 (tap); s ── h0 (host)
. "$(dirname "$0")/lib.sh"

add_space g
in_space g sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s t0 g t0 ""
check "tap" add_tap s t1 g t1 ""
check "host" ctl add-port s h0 --type host --ifname "${id}h0"
host_mac=$(query '.ports[] | select(.name == "h0") | .mac' list-ports)
background host "$vswitchctl" --socket "$tmp/run/control.sock" --json monitor \
	--events loop-detected > "$tmp/events"
sleep 0.5

send() { # FUNCTION
	"$python" - "$id-g" "$host_mac" "$1" <<-END
		import sys, time
		sys.path.insert(0, "$smoke_dir")
		from frames import Tap, enter
		enter(sys.argv[1])
		taps = [Tap("t0"), Tap("t1")]
		def frame(src):
		    return bytes.fromhex("ffffffffffff" + src.replace(":", "") + "88b5") + bytes(46)
		if sys.argv[3] == "moves":
		    for i in range(4):
		        taps[i % 2].send(frame("02:77:00:00:00:01"))
		        time.sleep(0.4)
		elif sys.argv[3] == "flaps":
		    for i in range(4000):
		        taps[i % 2].send(frame("02:77:00:00:00:02"))
		        time.sleep(0.0002)
		else:
		    for i in range(20):
		        taps[0].send(frame(sys.argv[2]))
		        time.sleep(0.05)
	END
}
loops() {
	query '.switches[0].loops' list-switches
}
heard() { # JQ CONDITION
	jq -e -s "map(.params // .) | map(select($1)) | length > 0" "$tmp/events"
}

send moves
sleep 1.2
equal "a station that moves is no loop" "$(loops)" 0
send flaps
check "flapping at rate is a loop" within 3 eval '[ "$(loops)" -ge 1 ]'
check "the event names switch and port" within 3 heard \
	'.event == "loop-detected" and .switch == "s" and (.port == "t0" or .port == "t1")'
count=$(loops)
at_most "reported with measure" "$count" 20
send own
check "our own address coming back is a loop" within 3 eval "[ \$(loops) -gt $count ]"
at_least "such frames are dropped and counted" \
	"$(query '.ports[] | select(.name == "t0") | .drops.loop // 0' show-stats)" 20
equal "the sum holds" "$(query .sum.balanced show-stats)" true
finish
