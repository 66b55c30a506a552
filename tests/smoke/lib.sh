# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every smoke test starts with: `. "$(dirname "$0")/lib.sh"`.
#
# The daemon under test runs in a network namespace of its own ("host"), with run and state
# directories under a temporary folder, so tests neither meet each other nor the machine's own
# network. Namespaces are named $id-NAME, interfaces ${id}NAME; a trap removes everything.
# VSW_BUILD: build folder (default: build), VSW_ARGS: further options for vswitchd.
# No pipefail: `tool | grep -q` ends the tool early, and that is no fault.
set -u

smoke_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$smoke_dir/../.." && pwd)
build=$(cd "${VSW_BUILD:-$top/build}" 2> /dev/null && pwd) || build=${VSW_BUILD:-$top/build}
vswitchd=$build/vswitch/vswitchd
vswitchctl=$build/ctl/vswitchctl
hvsoft=$build/hypervisor/soft/hvsoft
# shellcheck disable=SC2034 # the tests use it
python=/usr/bin/python3
id=s$$
tmp=
pid=
passed=0
failed=0
spaces=()
children=()
declare -A guests=() # process ids of soft guests, by port

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}

skip() { # REASON
	echo "skipped: $*"
	exit 77
}

need() { # COMMAND...
	local command
	for command; do
		command -v "$command" > /dev/null || skip "$command is not installed"
	done
}

note() { # TEXT
	echo "   $*"
}

ok() { # TEXT
	passed=$((passed + 1))
	echo "ok   $*"
}

bad() { # TEXT
	failed=$((failed + 1))
	echo "FAIL $*"
}

# check TEXT COMMAND...: the command succeeds. Its output is shown when it does not.
check() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$text"
	else
		bad "$text: '$*' said: ${output:-nothing}"
		return 1
	fi
}

# ends RC TEXT COMMAND...: vswitchctl ends with RC, its error mentions TEXT.
ends() {
	local wanted=$1 text=$2 output rc
	shift 2
	output=$(ctl "$@" 2>&1)
	rc=$?
	if [ $rc = "$wanted" ] && [[ ${output,,} == *"${text,,}"* ]]; then
		ok "exit $rc from '$*': $(echo "$output" | head -n 1)"
	else
		bad "'$*' should end with $wanted and mention '$text'; exit $rc, said: $output"
		return 1
	fi
}

refused() { # TEXT COMMAND...
	ends 1 "$@"
}

# One request on the raw socket: the error's code, or 0.
rpc_code() { # METHOD [PARAMS]
	printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}\n' "$1" "${2:-{\}}" |
		timeout 5 socat -t 2 - "UNIX-CONNECT:$tmp/run/control.sock" | jq -r '.error.code // 0'
}

equal() { # TEXT GOT WANTED
	if [ "$2" = "$3" ]; then
		ok "$1: $3"
	else
		bad "$1: got '$2', wanted '$3'"
		return 1
	fi
}

# at_most TEXT GOT LIMIT, numbers with or without decimals
at_most() {
	if awk -v got="$2" -v limit="$3" 'BEGIN { exit !(got != "" && got + 0 <= limit + 0) }'; then
		ok "$1: $2 (at most $3)"
	else
		bad "$1: $2, at most $3 expected"
		return 1
	fi
}

at_least() { # TEXT GOT LIMIT
	if awk -v got="$2" -v limit="$3" 'BEGIN { exit !(got != "" && got + 0 >= limit + 0) }'; then
		ok "$1: $2 (at least $3)"
	else
		bad "$1: $2, at least $3 expected"
		return 1
	fi
}

# Runs the command again until it succeeds, SECONDS at most.
within() { # SECONDS COMMAND...
	local end
	end=$(awk -v s="$1" -v now="$(date +%s%3N)" 'BEGIN { printf "%.0f", now + s * 1000 }')
	shift
	while ! "$@" > /dev/null 2>&1; do
		if [ "$(date +%s%3N)" -gt "$end" ]; then
			"$@"
			return
		fi
		sleep 0.05
	done
}

ctl() {
	"$vswitchctl" --socket "$tmp/run/control.sock" "$@"
}

# ctl as JSON, filtered by jq
query() { # FILTER COMMAND...
	local filter=$1
	shift
	ctl --json "$@" | jq -r "$filter"
}

add_space() { # NAME: a namespace without IPv6 autoconfiguration noise
	local space=$id-$1
	ip netns add "$space" || skip "cannot make a network namespace"
	spaces+=("$space")
	ip -n "$space" link set lo up
	ip netns exec "$space" sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
		echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations'
}

in_space() { # NAME COMMAND...
	local space=$id-$1
	shift
	ip netns exec "$space" "$@"
}

# A veth pair: ${id}OUTER in the daemon's namespace, INNER in the namespace NAME with the
# addresses 10.77.0.N and fd77::N.
add_nic() { # OUTER NAME INNER [N [MTU]]
	ip -n "$id-host" link add "$id$1" mtu "${5:-1500}" type veth \
		peer name "$3" netns "$id-$2" mtu "${5:-1500}"
	in_space host sh -c "echo 1 > /proc/sys/net/ipv6/conf/$id$1/disable_ipv6"
	ip -n "$id-host" link set "$id$1" up
	ip -n "$id-$2" link set "$3" up
	[ -z "${4:-}" ] || add_address "$2" "$3" "$4"
}

add_address() { # NAME INTERFACE N
	ip -n "$id-$1" address add "10.77.0.$3/24" dev "$2"
	in_space "$1" sh -c "[ \$(cat /proc/sys/net/ipv6/conf/$2/disable_ipv6) = 1 ]" ||
		ip -n "$id-$1" address add "fd77::$3/64" dev "$2" nodad
}

# A TAP port in the namespace NAME, called INTERFACE there, with address N.
add_tap() { # SWITCH PORT NAME INTERFACE N [OPTION...]
	local switch=$1 port=$2 space=$3 interface=$4 n=$5
	shift 5
	ctl add-port "$switch" "$port" --type tap --ifname "$interface" --netns "$id-$space" "$@" \
		> /dev/null || return
	ip -n "$id-$space" link set "$interface" up
	[ -z "$n" ] || add_address "$space" "$interface" "$n"
}

# A soft guest whose NIC asks for PORT; its process id is ${guests[PORT]}.
start_guest() { # PORT HVSOFT-OPTION...
	local port=$1
	shift
	"$hvsoft" --port "$port" --vsp-socket "$tmp/run/vsp.sock" --memory "${VSW_GUEST_MEMORY:-64M}" \
		"$@" > "$tmp/guest-$port" 2>> "$tmp/guest-$port.log" < /dev/null &
	guests[$port]=$!
}

# A soft guest with the TAP INTERFACE in the namespace NAME, and the address N. Judged by itself,
# like stop_guest: check's commands run in a shell of their own.
tap_guest() { # PORT NAME INTERFACE N [HVSOFT-OPTION...]
	local port=$1 space=$2 interface=$3 n=$4
	shift 4
	start_guest "$port" --tap "$interface" --netns "$id-$space" --up "$@"
	check "guest at $port has $interface" within 5 ip -n "$id-$space" link show "$interface" || {
		cat "$tmp/guest-$port.log"
		return 1
	}
	[ -z "$n" ] || add_address "$space" "$interface" "$n"
}

# SIGTERM: it must end well, which it does only if the switch kept to the protocol and completed
# every transaction once.
stop_guest() { # PORT...
	local port rc
	for port; do
		kill -TERM "${guests[$port]}" 2> /dev/null
	done
	for port; do
		within "${VSW_GUEST_END:-10}" eval "! kill -0 ${guests[$port]}" 2> /dev/null || {
			bad "the guest at $port does not end on SIGTERM"
			kill -KILL "${guests[$port]}"
		}
		wait "${guests[$port]}"
		rc=$?
		unset "guests[$port]"
		equal "the guest at $port ends with" $rc 0 ||
			tail -n 5 "$tmp/guest-$port.log" "$tmp/guest-$port"
	done
}

kill_guest() { # PORT: SIGKILL
	kill -KILL "${guests[$1]}"
	wait "${guests[$1]}" 2> /dev/null
	unset "guests[$1]"
}

pings() { # NAME ADDRESS [OPTION...]
	local space=$1 address=$2
	shift 2
	in_space "$space" ping -q -n -c 1 -W 1 "$@" "$address"
}

pings_soon() { # NAME ADDRESS [OPTION...]
	within 5 pings "$@"
}

no_pings() { # NAME ADDRESS
	! in_space "$1" ping -q -n -c 2 -i 0.2 -W 0.3 "$2" > /dev/null
}

daemon_answers() {
	kill -0 "$pid" 2> /dev/null && ctl version > /dev/null 2>&1
}

launch_daemon() { # [OPTION...]: starts it without waiting
	local args=(--run-dir "$tmp/run" --state-dir "$tmp/state" --socket "$tmp/run/control.sock")
	[ -n "${VSW_HUGE:-}" ] || args+=(--no-huge)
	# shellcheck disable=SC2206 # options are words
	args+=(${VSW_ARGS:-} "$@")
	mkdir -p "$tmp/run" "$tmp/state"
	ip netns exec "$id-host" ${VSW_WRAP:-} "$vswitchd" "${args[@]}" >> "$tmp/log" 2>&1 &
	pid=$!
}

start_daemon() { # [OPTION...]
	launch_daemon "$@"
	if ! within "${VSW_START:-20}" daemon_answers; then
		echo "vswitchd does not answer:"
		tail -n 30 "$tmp/log"
		exit 1
	fi
}

sanitizer_silent() {
	! grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL' \
		"$tmp/log" "$tmp"/guest-*.log 2> /dev/null
}

stop_daemon() { # ends it with SIGTERM; it must end well
	local rc
	[ -n "$pid" ] || return 0
	kill -TERM "$pid" 2> /dev/null
	within 10 eval "! kill -0 $pid" || {
		bad "vswitchd does not end on SIGTERM"
		kill -KILL "$pid"
	}
	wait "$pid"
	rc=$?
	pid=
	[ $rc = 0 ] || bad "vswitchd ended with $rc: $(tail -n 5 "$tmp/log")"
}

kill_daemon() { # SIGKILL
	kill -KILL "$pid"
	wait "$pid" 2> /dev/null
	pid=
}

# Starts a helper in the namespace NAME; the trap ends it. Its process id is ${children[-1]}
# and it listens to SIGINT, which a shell's background jobs do not.
background() { # NAME COMMAND...
	local space=$id-$1
	shift
	ip netns exec "$space" env --default-signal=INT "$@" &
	children+=($!)
}

tidy() {
	local child space
	trap - EXIT INT TERM
	# A child that is ended before it has become its command still has our trap.
	[ "$BASHPID" = $$ ] || return
	for child in "${children[@]}"; do
		kill "$child" 2> /dev/null
	done
	for child in "${guests[@]}"; do
		kill -KILL "$child" 2> /dev/null
	done
	[ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null
	for space in "${spaces[@]}"; do
		# Whoever was left behind in the namespace (iperf3 -D) goes with it.
		ip netns pids "$space" 2> /dev/null | xargs -r kill -KILL 2> /dev/null
		ip netns del "$space" 2> /dev/null
	done
	wait 2> /dev/null
	if [ -n "$tmp" ]; then
		umount "$tmp/state" 2> /dev/null
		rm -rf "$tmp"
	fi
}

# The last line of every test.
finish() {
	stop_daemon
	sanitizer_silent || bad "the sanitizer found something"
	[ "$failed" = 0 ] || {
		echo "--- vswitchd said last:"
		tail -n 15 "$tmp/log"
	}
	echo "$(basename "$0" .sh): $passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}

[ "$(id -u)" = 0 ] || skip "needs root"
need ip jq
# no_daemon=1 before sourcing: the test drives a part of the switch by a tool of its own.
if [ -z "${no_daemon:-}" ]; then
	[ -x "$vswitchd" ] || skip "$vswitchd is not built"
	[ -x "$vswitchctl" ] || skip "$vswitchctl is not built"
fi
tmp=$(mktemp -d /tmp/vsw-smoke.XXXXXX)
touch "$tmp/log"
trap tidy EXIT
trap 'exit 130' INT TERM
add_space host
