#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What careless and hostile users do: each gets an error that names thing, reason and remedy,
# nothing is half-done, and traffic goes on.
#
#   a: eth (tap, .2) ── switch s (external) ── eth (tap, .3) :b
#                          └── n0 ═══ veth ═══ x: eth
. "$(dirname "$0")/lib.sh"

for space in a b x; do
	add_space "$space"
done
add_nic n0 x eth 4
start_daemon
check "switch" ctl add-switch s --type external
check "tap" add_tap s t0 a eth 2
check "tap" add_tap s t1 b eth 3
check "NIC" ctl bind-nic s "${id}n0"
check "ping" pings_soon a 10.77.0.3
ctl export-config "$tmp/before"
background a ping -q -n -i 0.02 10.77.0.3 > "$tmp/ping"
ping_pid=${children[-1]}

usage() { # TEXT COMMAND...
	ends 2 "$@"
}

# Things that are not there
refused "nosuch" add-port nosuch p --type tap
refused "nosuch" del-switch nosuch
refused "nosuch" show-port nosuch
refused "nosuch" set-port nosuch --mtu 1500
refused "nosuch" move-port t0 nosuch
refused "nosuch" show-fdb nosuch
refused "nosuch0" bind-nic s nosuch0
refused "0000:99:00.0" bind-nic s 0000:99:00.0
refused "nosuch" add-port s p --type tap --netns nosuch
equal "--if-exists" "$(query .changed del-port nosuch --if-exists)" false

# Names twice, and busy things
refused "t0" add-port s t0 --type tap
refused "'s'" add-switch s --type internal
equal "--may-exist" "$(query .changed add-switch s --type external --may-exist)" false
refused "t1" rename-port t0 t1
refused "${id}n0" bind-nic s "${id}n0"
refused "has" del-switch s
refused "${id}n0" del-port "${id}n0"
ip -n "$id-host" link add "${id}u0" type veth peer name "${id}u1"
refused "${id}u0" add-port s p --type tap --ifname "${id}u0"
ip -n "$id-host" address add 10.77.8.1/24 dev "${id}u0"
refused "10.77.8.1" bind-nic s "${id}u0" --role access

# Values out of range
bad_value() { # TEXT COMMAND...: 1 or 2, whoever notices first
	local text=$1 output rc
	shift
	output=$(ctl "$@" 2>&1)
	rc=$?
	if { [ $rc = 1 ] || [ $rc = 2 ]; } && [[ $output == *"$text"* ]]; then
		ok "exit $rc from '$*': $(head -n 1 <<< "$output")"
	else
		bad "'$*' should fail and mention '$text'; exit $rc, said: $output"
	fi
}
bad_value 0 add-port s p --type tap --access-vlan 0
bad_value 4095 add-port s p --type tap --access-vlan 4095
bad_value 4095 add-port s p --type tap --trunk-vlans 10,4095
bad_value 30-20 add-port s p --type tap --trunk-vlans 30-20
bad_value x add-port s p --type tap --trunk-vlans 1,x
bad_value native add-port s p --type tap --native-vlan 5
bad_value vlan add-port s p --type tap --access-vlan 5 --trunk-vlans 6
bad_value 9217 add-port s p --type tap --mtu 9217
bad_value 10 add-port s p --type tap --mtu 10
bad_value 01:00:00:00:00:01 add-port s p --type tap --mac 01:00:00:00:00:01
bad_value zz add-port s p --type tap --mac zz
bad_value carrier-pigeon add-port s p --type carrier-pigeon
bad_value "bad name" add-switch "bad name" --type internal
bad_value "../etc" add-switch ../etc --type internal
bad_value ifname add-port s p --type tap --ifname sixteen-or-more-x
bad_value "$(printf 'x%.0s' {1..64})" add-switch "$(printf 'x%.0s' {1..64})" --type internal
bad_value user add-port s p --type tap --user root
bad_value nosuch add-port s p --type dpdk --devargs net_nosuch0
usage "" add-switch
usage "frobnicate" frobnicate
usage "colour" add-switch q --colour red
usage "" add-port s
usage "mtu" set-port t0 --mtu many
equal "the unprovided vhost directory" "$(ctl add-port s p --type vhost --vhost-socket \
	/nonexistent/x.sock > /dev/null 2>&1; echo $?)" 1

# The socket itself: stable codes, garbage, halves, crowds, those who never read
equal "unknown method" "$(rpc_code frobnicate)" -32601
equal "not found" "$(rpc_code del-switch '{"name":"nosuch"}')" 1002
equal "exists" "$(rpc_code add-switch '{"name":"s"}')" 1001
equal "unknown parameter" "$(rpc_code list-switches '{"colour":1}')" -32602
equal "parameter of a wrong type" "$(rpc_code add-switch '{"name":7}')" -32602
equal "parameter missing" "$(rpc_code add-switch)" -32602
output=$("$python" "$smoke_dir/bad_input.py" "$tmp/run/control.sock" 2>&1)
rc=$?
while IFS= read -r line; do
	note "$line"
done <<< "$output"
equal "the raw socket's tests" "$rc" 0

# A daemon that is not there (any more)
cp -a "$tmp/run/control.sock" "$tmp/dead.sock" 2> /dev/null ||
	"$python" -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$tmp/dead.sock"
"$vswitchctl" --socket "$tmp/dead.sock" version > "$tmp/out" 2>&1
equal "the socket of a dead daemon: exit" $? 1
check "says so" grep -q "dead.sock" "$tmp/out"
"$vswitchctl" --socket "$tmp/none.sock" version > "$tmp/out" 2>&1
equal "no socket at all: exit" $? 1
check "names it" grep -q "none.sock" "$tmp/out"

ctl export-config "$tmp/after"
check "nothing was half-done" cmp "$tmp/before" "$tmp/after"
check "no interface was left" eval "! ip -n $id-host -o link show type tun | grep -q ."
kill -INT "$ping_pid"
wait "$ping_pid"
at_most "pings lost meanwhile, percent" \
	"$(sed -n 's/.*, \([0-9.]*\)% packet loss.*/\1/p' "$tmp/ping")" 0.5
finish
