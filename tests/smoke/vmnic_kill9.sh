#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Guests and the daemon are killed, at random, in whatever state they are: everything recovers,
# nothing leaks, no transaction is lost or completed twice (the guests check each), and a TCP
# session between two guests lives through 100 deaths of the daemon.
#
#   g1 … g4: eth (soft guests, .11 - .14) ── switch s ── eth (tap, .3) :b
#
#   vmnic_kill9.sh [--long]     VSW_SEED: repeat that sequence; VSW_STEPS, VSW_KILLS: how many
. "$(dirname "$0")/lib.sh"
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

seed=${VSW_SEED:-$((RANDOM * 32768 + RANDOM))}
steps=${VSW_STEPS:-200}
kills=${VSW_KILLS:-100}
if [ "${1:-}" = --long ]; then
	steps=2000
	kills=1000
fi
note "the sequence's seed: VSW_SEED=$seed"
RANDOM=$seed
all=(g1 g2 g3 g4)
declare -A has_port=()

add_space b
for g in "${all[@]}"; do
	add_space "$g"
done
start_daemon
check "switch" ctl add-switch s --type internal
check "tap" add_tap s b b eth 3 --mtu 9000
# Something for every guest that is there, all the while
background b "$python" -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
while True:
    try:
        s.sendto(bytes(200), ("10.77.0.255", 9))
    except OSError:
        pass
    time.sleep(0.001)'

answers() { # the daemon, which may just be starting
	within 10 daemon_answers || {
		bad "vswitchd does not come back: $(tail -n 3 "$tmp/log")"
		finish
	}
}

attach() { # GUEST [HVSOFT-OPTION...]
	local g=$1
	shift
	start_guest "$g" --tap eth --netns "$id-$g" --address "10.77.0.1${g#g}/24" \
		--address "fd77::1${g#g}/64" --up "$@"
}

# Each guest has something to send, too.
chatter() { # GUEST
	within 5 ip -n "$id-$1" link show eth > /dev/null 2>&1
	background "$1" ping -q -n -i 0.01 10.77.0.3 > /dev/null 2>&1
}

detach() { # GUEST: it must end well
	local rc
	within 2 grep -q hvsoft "/proc/${guests[$1]}/comm" 2> /dev/null
	kill -TERM "${guests[$1]}"
	within 10 eval "! kill -0 ${guests[$1]}" 2> /dev/null || {
		bad "step $i: guest $1 does not end on SIGTERM"
		kill -KILL "${guests[$1]}"
	}
	wait "${guests[$1]}"
	rc=$?
	unset "guests[$1]"
	# 143: before it had begun
	[ $rc = 0 ] || [ $rc = 143 ] || bad "step $i: guest $1 ended with $rc:" \
		"$(grep -E 'FAULT|broke' "$tmp/guest-$1"; tail -n 3 "$tmp/guest-$1.log")"
}

port() { # GUEST: makes or deletes it
	answers
	if [ -n "${has_port[$1]:-}" ]; then
		ctl del-port "$1" > /dev/null || bad "step $i: del-port $1"
		unset "has_port[$1]"
	else
		ctl add-port s "$1" --type vmnic --mtu 9000 > /dev/null || bad "step $i: add-port $1"
		has_port[$1]=1
	fi
}

one_step() { # [no-daemon]: all but the daemon's death
	local g=${all[RANDOM % 4]} what=$((RANDOM % 20)) size=$((1400 + RANDOM % 2000))
	local queues=$((1 + RANDOM % 3))
	[ -z "${1:-}" ] || [ $what -lt 17 ] || what=$((what - 10))
	case $what in
	[0-5])
		if [ -n "${guests[$g]:-}" ]; then
			did="detach $g"
			detach "$g"
		else
			did="attach $g with $queues queues"
			attach "$g" --queues $queues
			[ $((RANDOM % 3)) = 0 ] || chatter "$g"
		fi
		;;
	[6-8])
		did="port of $g made or deleted"
		port "$g"
		;;
	9 | 1[0-1])
		did="MTU $size in $g"
		ip -n "$id-$g" link set eth mtu $size 2> /dev/null
		;;
	12)
		did="port of $g made again, for up to $queues queues"
		answers
		ctl del-port "$g" --if-exists > /dev/null || bad "step $i: del-port $g"
		ctl add-port s "$g" --type vmnic --mtu 9000 --queues $queues > /dev/null ||
			bad "step $i: add-port $g"
		has_port[$g]=1
		;;
	13)
		did="interface of $g down and up"
		ip -n "$id-$g" link set eth down 2> /dev/null
		ip -n "$id-$g" link set eth up 2> /dev/null
		;;
	1[4-6])
		did="kill $g"
		[ -z "${guests[$g]:-}" ] || kill_guest "$g"
		;;
	*)
		did="kill vswitchd"
		kill_daemon
		launch_daemon
		;;
	esac
	echo "$i: $did" >> "$tmp/steps"
	sleep "0.0$((RANDOM % 10))"
}

# Everybody attached, with a port, MTU 1500: must work.
settle() { # TEXT
	local g failures=$failed
	answers
	: > "$tmp/verdict"
	for g in "${all[@]}"; do
		[ -n "${has_port[$g]:-}" ] || port "$g"
		[ -n "${guests[$g]:-}" ] || attach "$g"
		within 5 ip -n "$id-$g" link set eth up mtu 1500 2> /dev/null
		# The kernel forgets it when an interface goes down.
		ip -n "$id-$g" address replace "fd77::1${g#g}/64" dev eth nodad
	done
	for g in "${all[@]}"; do
		check "$1: $g is reached" within 10 pings b "10.77.0.1${g#g}" -W 0.3 >> "$tmp/verdict"
		check "$1: $g reaches, v6" within 10 pings "$g" fd77::3 -W 0.3 >> "$tmp/verdict"
	done
	[ $failed = "$failures" ] && return
	grep -A 5 FAIL "$tmp/verdict"
	note "the last steps:"
	tail -n 30 "$tmp/steps"
	for g in "${all[@]}"; do
		query ".guests[] | select(.port == \"$g\")" list-guests
		tail -n 4 "$tmp/guest-$g.log"
	done
	ctl diagnose-port g1
	finish
}

rest() { # everybody detached, ports gone
	local g
	for g in "${all[@]}"; do
		[ -z "${guests[$g]:-}" ] || detach "$g"
		[ -z "${has_port[$g]:-}" ] || port "$g"
	done
}

figures() { # descriptors, KiB resident, packets in use
	sleep 0.5
	echo "$(find "/proc/$pid/fd" -mindepth 1 | wc -l) $(awk '/^VmRSS/ { print $2 }' \
		"/proc/$pid/status") $(query '.mbufs_in_use' show-workers)"
}

i=0
settle "at first"
for ((i = 1; i <= steps; i++)); do
	one_step
	[ $((i % 50)) != 0 ] || settle "after $i steps"
done
ok "$steps steps: $(grep -c 'kill vswitchd' "$tmp/steps") deaths of vswitchd," \
	"$(grep -c ': kill g' "$tmp/steps") of guests"

# One daemon's life: what it has with nobody there is what it had.
settle "before the leak check"
rest
for ((i = 1; i <= 40; i++)); do # warms up what is allocated once
	one_step no-daemon
done
settle "warmed up"
rest
before=$(figures)
for ((i = 1; i <= 60; i++)); do
	one_step no-daemon
done
settle "after 60 steps of one daemon"
equal "the sum holds" "$(sleep 0.5; query .sum.balanced show-stats)" true
rest
after=$(figures)
note "descriptors, KiB, packets: $before, then $after"
equal "descriptors are back" "${after%% *}" "${before%% *}"
# Workers and drivers keep some at hand, now more, now less.
at_most "more packet buffers in use" $((${after##* } - ${before##* })) 128
at_most "RSS grew by, KiB" "$(($(cut -d ' ' -f 2 <<< "$after") - $(cut -d ' ' -f 2 <<< "$before")))" \
	"${VSW_RSS_SLACK:-8192}"

# One TCP session through many deaths of the daemon
settle "before the session"
identity() {
	for g in g1 g2; do
		ip -n "$id-$g" -o link show eth | cut -d: -f1
		ip -n "$id-$g" -o address show dev eth | awk '$4 ~ /77/ { print $4 }'
		find "/proc/${guests[$g]}/fd" -mindepth 1 | wc -l
	done
}
links=$(identity)
background g2 "$python" "$smoke_dir/steady.py" serve 10.77.0.12 7000
sleep 0.5
background g1 "$python" "$smoke_dir/steady.py" run 10.77.0.12 7000 "$tmp/session"
session=${children[-1]}
sleep 1
late=0
for ((i = 1; i <= kills; i++)); do
	kill_daemon
	touch "$tmp/stamp"
	started=$(date +%s%N)
	launch_daemon
	while [ ! "$tmp/session.alive" -nt "$tmp/stamp" ]; do
		[ $(($(date +%s%N) - started)) -lt 15000000000 ] || break
		sleep 0.01
	done
	ms=$((($(date +%s%N) - started) / 1000000))
	echo $ms >> "$tmp/times"
	[ $ms -le "${VSW_SLOW:-3000}" ] || {
		late=$((late + 1))
		note "death $i: traffic is back after $ms ms"
		[ $late -lt 4 ] || break
	}
	sleep "0.$((1 + RANDOM % 4))$((RANDOM % 10))"
done
sort -n "$tmp/times" > "$tmp/sorted"
note "ms from a death to traffic: median $(sed -n "$(((kills + 1) / 2))p" "$tmp/sorted")," \
	"least $(head -n 1 "$tmp/sorted"), most $(tail -n 1 "$tmp/sorted")"
equal "deaths of vswitchd after which traffic was late" $late 0
answers
kill -TERM "$session"
wait "$session"
note "the session: $(cat "$tmp/session")"
equal "the session lived" "$(jq -r .ended "$tmp/session")" null
equal "records lost" "$(jq .missing "$tmp/session")" 0
equal "records wrong" "$(jq .wrong "$tmp/session")" 0
at_least "records" "$(jq .records "$tmp/session")" $((kills * 10))
equal "interfaces, addresses and guests' descriptors are the same" "$(identity)" "$links"
equal "the sum holds" "$(sleep 0.5; query .sum.balanced show-stats)" true
i=end
stop_guest "${!guests[@]}"
finish
