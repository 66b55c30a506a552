#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Anybody may connect to the daemon's sockets and send a descriptor whose close takes for ever.
#
#   stranger --TCP socket that lingers--> control.sock, vsp.sock     administrator asks meanwhile
. "$(dirname "$0")/lib.sh"
need timeout
chmod 755 "$tmp"
start_daemon
for victim in "control.sock stream" "vsp.sock seqpacket"; do
	read -r name kind <<< "$victim"
	# The sender lives, and so does the peer that does not read.
	mkfifo "$tmp/go-$name"
	in_space host "$python" "$smoke_dir/slow_close.py" "$tmp/run/$name" "$kind" \
		< "$tmp/go-$name" > "$tmp/said-$name" &
	children+=($!)
	exec {hold}> "$tmp/go-$name"
	check "it was sent to $name" within 5 grep -q sent "$tmp/said-$name"
	check "the daemon answers" timeout 5 "$vswitchctl" --socket "$tmp/run/control.sock" \
		list-switches
	exec {hold}>&-
done
finish
