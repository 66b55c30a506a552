#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# export-config | apply-config: exact, idempotent, atomic; --prune removes what the file does
# not name, --what-if touches nothing.
#
#   daemon's namespace: switch s (external, uplink n0 ═══ veth ═══ namespace b), host port,
#   TAPs of every VLAN kind, a vhost port; switch v (private)
. "$(dirname "$0")/lib.sh"

add_space b
add_nic n0 b eth 3
start_daemon
check "external switch" ctl add-switch s --nic "${id}n0" --ageing 60
check "private switch" ctl add-switch v --type private --mac-limit 1000
check "host port" ctl add-port s h0 --type host --ifname "${id}h0" --access-vlan 7
check "untagged" ctl add-port v t0 --type tap --ifname "${id}t0" --untagged --mtu 9000
check "trunk" ctl add-port v t1 --type tap --ifname "${id}t1" --trunk-vlans 10,20-30 \
	--native-vlan 9 --mac-limit 12
check "trunk all" ctl add-port v t2 --type tap --ifname "${id}t2" --trunk-vlans all
check "vhost" ctl add-port v g0 --type vhost --vhost-socket "$tmp/run/g0.sock" \
	--vhost-mode server --vhost-perm 0600
check "static entry" ctl add-fdb v 02:77:00:00:00:01 t1 --vlan 20
check "link down" ctl set-port t2 --link down
config=$tmp/config
check "export" ctl export-config "$config"
check "the document is JSON of version 1" jq -e '.version == 1' "$config"
check "the state file is the same document" \
	eval "cmp <(jq -S . '$config') <(jq -S . '$tmp/state/state.json')"

same() { # TEXT
	ctl export-config "$tmp/now"
	check "$1" cmp "$config" "$tmp/now"
}

equal "applying it changes nothing" "$(query '"\(.changed) \(.actions | length)"' \
	apply-config "$config")" "false 0"
equal "nor with --prune" "$(query .changed apply-config "$config" --prune)" false
equal "nor from standard input" "$(ctl export-config | ctl --json apply-config - | jq .changed)" \
	false
same "export is the same afterwards"

check "something the file does not name" ctl add-switch extra --type internal
check "with a port" ctl add-port extra x0 --type tap --ifname "${id}x0"
check "and a changed port" ctl set-port t0 --mtu 1500 --access-vlan 3
check "and an entry less" ctl del-fdb v 02:77:00:00:00:01 --vlan 20
cp "$config" "$tmp/wanted"
ctl export-config "$tmp/changed"
at_least "--what-if lists what it would do" \
	"$(query '.actions | length' apply-config "$config" --prune --what-if)" 4
ctl export-config "$tmp/now"
check "--what-if touches nothing" cmp "$tmp/changed" "$tmp/now"
equal "without --prune" "$(query .changed apply-config "$config")" true
equal "the extra port stays" "$(query '.ports[] | select(.name == "x0") | .name' list-ports)" x0
equal "with --prune" "$(query .changed apply-config "$config" --prune)" true
same "the configuration is the file's again"
check "the pruned interface is gone" eval "! ip -n $id-host link show ${id}x0"

# Onto an empty daemon
check "empty it" ctl del-switch s --force
check "empty it" ctl del-switch v --force
equal "empty" "$(query '[.config.switches, .config.ports, .config.fdb] | flatten | length' \
	export-config)" 0
check "the NIC is free" eval "query '.nics[] | select(.name == \"${id}n0\") | .state' list-nics |
	grep -qx free"
equal "apply everything" "$(query .changed apply-config "$config")" true
same "all is back"

# Documents that must not go in, not even in part
broken() { # TEXT JQ-PROGRAM
	jq "$2" "$config" > "$tmp/broken"
	refused_or_usage "$1" apply-config "$tmp/broken"
	same "nothing was done of it"
}
refused_or_usage() { # TEXT COMMAND...
	local text=$1 output rc
	shift
	output=$(ctl "$@" 2>&1)
	rc=$?
	if [ $rc = 1 ] || [ $rc = 2 ] && [[ $output == *"$text"* ]]; then
		ok "exit $rc from '$*': $(echo "$output" | head -n 1)"
	else
		bad "'$*' should fail mentioning '$text'; exit $rc, said: $output"
	fi
}
broken "ports[1].colour" '.ports[1].colour = "red"'
broken "nowhere" '.ports[0].switch = "nowhere"'
broken "4095" '.ports += [{"switch": "v", "name": "zz", "type": "tap", "access_vlan": 4095}]'
broken "twin" '.ports += [{"switch": "v", "name": "twin", "type": "tap"},
	{"switch": "v", "name": "twin", "type": "tap"}]'
broken "version" '.version = 99'
# The first port could be made, the second cannot: neither is.
broken "${id}nosuch" '.ports += [{"switch": "v", "name": "aa", "type": "tap",
	"ifname": "'"${id}aa"'"}, {"switch": "v", "name": "zz", "type": "tap",
	"netns": "'"${id}nosuch"'"}]'
check "no interface of a half-done change" eval "! ip -n $id-host link show ${id}aa"
printf '{"version":1,' > "$tmp/broken"
refused_or_usage "" apply-config "$tmp/broken"
refused_or_usage "$tmp/missing" apply-config "$tmp/missing"
same "and still the same"
finish
