#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# hvctl with a real guest: what it shows, the console, NICs that come and go, reset and power
# lab: timeout=420
#
#   guest a (.2) ═ vmnic a  ─┐
#         eth1   ═ vmnic a2 ─┴─ switch lan ── host0 (.1, this host)
. "$(dirname "$0")/../lib.sh"
need_build "$vswitchd" "$vswitchctl" "$hvhost" "$hvctl"

hv() {
	timeout 120 "$hvctl" --run-dir "$tmp/hvhost" "$@"
}

# says RC TEXT ARGUMENT...: hvctl ends with RC and its output mentions TEXT.
says() {
	local wanted=$1 text=$2 output rc
	shift 2
	output=$(hv "$@" 2>&1 < /dev/null)
	rc=$?
	if [ $rc = "$wanted" ] && [[ $output == *"$text"* ]]; then
		ok "exit $rc from '$*', which mentions '$text'"
	else
		bad "'$*' should end with $wanted and mention '$text'; exit $rc, said: $output"
	fi
}

# A field of "show", by jq.
is() { # FILTER WANTED
	equal "$1" "$(hv --json show a | jq -rc "$1")" "$2"
}

soon() { # SECONDS FILTER WANTED
	check "$2 becomes $3" within "$1" eval "[ \"\$(hv --json show a | jq -rc '$2')\" = '$3' ]"
}

start_daemon
check "switch" ctl add-switch lan --type internal
check "host port" ctl add-port lan host0 --type host
ip -n "$id-host" link set host0 up
add_address host host0 1
check "port a" ctl add-port lan a --type vmnic
vm_start a --nic port=a --cpus 2
check "its socket comes at once" within 10 hv show a
vm_up a || finish
vm_address a 2
check "a is on the network" vm_pings_soon a 10.77.0.1

# --- what it shows
hv list | sed 's/^/   /'
hv show a | sed 's/^/   /'
is '[.state, .vcpus, .vmbus_version, .resets, .console]' '["running",2,"5.3",0,"stdio"]'
is '.nics | map([.name, .port, .state, .reason])' '[["nic0","a","attached",""]]'
is '.pid' "$(pgrep -f "^$hvhost --name a --memory" | head -n 1)"
equal "the guest's MAC" "$(vm_run a "cat /sys/class/net/eth0/address")" \
	"$(hv --json show a | jq -r '.nics[0].mac')"
returns=$(hv --json show a | jq .exits.returns)
at_least "returns from the guest so far" "$returns" 1
is '.exits | .returns == .port + .mmio + .synic + .hypercall + .signal + .other' true

# --- the console
check "what the guest said is kept" eval "hv console a --log < /dev/null | grep -q '@agent'"
(sleep 5 | hv console a --no-log > "$tmp/watched" 2> /dev/null) &
children+=($!)
soon 5 .viewers 1
vm_run a "echo something > /dev/console"
check "a viewer sees what the guest says" within 5 grep -q something "$tmp/watched"

# --- NICs
says 1 "nic0" add-nic a port=a2,name=nic0
says 0 "NIC 'nic1' added to 'a'" add-nic a port=a2
check "the guest has it" within 20 vm_run a "test -d /sys/class/net/eth1"
check "without a link" vm_run a "ip link set eth1 up; sleep 1; ! grep -q 1 /sys/class/net/eth1/carrier"
check "now there is the port" ctl add-port lan a2 --type vmnic
check "and a link" within 20 vm_run a "grep -q 1 /sys/class/net/eth1/carrier"
vm_run a "ip link set eth0 down"
vm_address a 12 eth1
check "which carries" vm_pings_soon a 10.77.0.1
says 0 "NIC 'nic1' removed from 'a'" del-nic a nic1
check "the guest has lost it" vm_run a "! test -d /sys/class/net/eth1"
says 1 "nic1" del-nic a nic1
is '.nics | length' 1

# --- reset and power
says 0 "starts anew" reset a
vm_up a || finish
is '[.state, .resets]' '["running",1]'
vm_address a 2
check "a is on the network again" vm_pings_soon a 10.77.0.1
check "counters go on" test "$(hv --json show a | jq .exits.returns)" -gt "$returns"
vm_dmesg a
says 0 "machine 'a' is off" stop a
wait "${vm_pid[a]}"
equal "hvhost ends with" $? 0
vm_forget a
says 1 "there is no machine 'a'" show a
equal "nothing is left" "$(ls "$tmp/hvhost")" ""

# --- as another user, who gets the socket and takes it away again
chmod 711 "$tmp"
check "a port for nobody" ctl add-port lan n --type vmnic --user nobody
vm_start a --nic port=n --user nobody --run-dir "$tmp/own"
check "its socket comes at once" within 10 hv --run-dir "$tmp/own" show a
equal "owner and mode" "$(stat -c '%U %a' "$tmp/own/a.sock")" "nobody 600"
check "it is attached" within 20 eval "[ \"\$(hv --run-dir $tmp/own --json show a | jq -r .nics[0].state)\" = attached ]"
equal "who it is" "$(ps -o user= -p "${vm_pid[a]}")" nobody
output=$(hv --run-dir "$tmp/own" stop a --now 2>&1)
equal "said" "$output" "machine 'a' is off"
wait "${vm_pid[a]}"
equal "hvhost ends with" $? 3
vm_forget a
equal "nothing is left" "$(ls "$tmp/own")" ""

# --- at a terminal
folder=$(kernel_of cloud-amd64)
check "hvhost at a terminal" /usr/bin/python3 "$LAB_TREE/tests/smoke/hvctl_terminal.py" --hvhost "$hvhost" \
	--name t --memory 128M --kernel "$folder/vmlinuz" --initrd "$(cat "$folder/initrd")" \
	--append "$(vm_append t)" --run-dir "$tmp/hvhost" --vsp-socket "$tmp/run/vsp.sock" --user root
logs_are_clean
finish
