# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Two drivers joined by build/tests/smoke/port_bridge: `. "$(dirname "$0")/port_bridge.sh"`.
# The tool stands where vswitchd stands in the other tests: in the namespace host, as $pid.
# shellcheck disable=SC2034,SC2154
no_daemon=1
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
bridge=$build/tests/smoke/port_bridge
[ -x "$bridge" ] || skip "$bridge is not built"

start_bridge() { # PORT PORT
	ip netns exec "$id-host" "$bridge" "$@" > "$tmp/bridge" 2>> "$tmp/log" &
	pid=$!
	within 20 grep -q ready "$tmp/bridge" || {
		echo "port_bridge $*: $(tail -n 3 "$tmp/log")"
		return 1
	}
}

# port_bridge ends with an error that mentions TEXT.
bridge_refuses() { # TEXT PORT PORT
	local text=$1 output
	shift
	if output=$(timeout 20 ip netns exec "$id-host" "$bridge" "$@" 2>&1); then
		bad "'$*' should be refused"
	elif [[ $output == *"$text"* ]]; then
		ok "refused: $output"
	else
		bad "'$*' should be refused with '$text', said: $output"
	fi
}

end_bridge() { # SIGNAL: TERM removes interfaces, INT keeps them
	kill "-$1" "$pid"
	wait "$pid" || bad "port_bridge ended with $?"
	pid=
}

# What the tool knows of the first or second port: frames, large, longest, link, reason, …
fact() { # 1|2 KEY
	local lines=0
	lines=$(grep -c '^port' "$tmp/bridge")
	kill -USR1 "$pid"
	within 5 eval "[ \$(grep -c '^port' '$tmp/bridge') -ge $((lines + 2)) ]"
	grep '^port' "$tmp/bridge" | tail -n 2 | sed -n "$1p" |
		sed -n "s/.* $2=\(\"\([^\"]*\)\"\|\([^ ]*\)\).*/\2\3/p"
}

# TCP from one namespace to another; says the rate. [iperf3 OPTION...]
tcp() { # FROM TO ADDRESS [OPTION...]
	local from=$1 to=$2 address=$3
	shift 3
	in_space "$to" iperf3 -s -1 -p 5201 > /dev/null 2>&1 &
	sleep 0.3
	in_space "$from" iperf3 -c "$address" -p 5201 -t 2 -J "$@" > "$tmp/iperf" || return
	jq -e '.end.sum_received.bits_per_second / 1e6 | floor | select(. > 0)' "$tmp/iperf"
}

faster_than() { # MBIT TEXT FROM TO ADDRESS [OPTION...]
	local limit=$1 text=$2
	shift 2
	at_least "$text, Mbit/s" "$(tcp "$@")" "$limit"
}
