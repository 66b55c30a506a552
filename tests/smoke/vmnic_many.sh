#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 64 guests on one worker, in pairs that send all they can: nobody starves.
#
#   t1 … t32 (soft guests that send) ── switch s, one worker ── r1 … r32 (soft guests)
. "$(dirname "$0")/lib.sh"
[ -x "$hvsoft" ] || skip "$hvsoft is not built"

pairs=${VSW_PAIRS:-32}
seconds=${VSW_SECONDS:-5}
# The worker has a core of its own, guests share the others.
cores=$(nproc)
guests_on=$([ "$cores" -gt 1 ] && echo "1-$((cores - 1))" || echo 0)
start_daemon --cpus 0
check "switch" ctl add-switch s --type private
for ((i = 1; i <= pairs; i++)); do
	for port in t$i r$i; do
		ctl add-port s $port --type vmnic > /dev/null || bad "add-port $port"
	done
	ctl add-fdb s "02:77:00:00:01:$(printf %02x $i)" r$i > /dev/null || bad "add-fdb r$i"
done

mac() { # ROLE N
	printf '02:77:00:00:%02x:%02x' "$1" "$2"
}
for ((i = 1; i <= pairs; i++)); do
	start_guest r$i --pktgen rx --cpus "$guests_on" --memory 32M --mac "$(mac 1 $i)" --json
done
connected() {
	[ "$(query '[.guests[] | select(.state == "connected")] | length' list-guests)" = "$1" ]
}
check "$pairs guests wait for frames" within 20 connected $pairs
for ((i = 1; i <= pairs; i++)); do
	start_guest t$i --pktgen tx --cpus "$guests_on" --memory 32M --mac "$(mac 2 $i)" --dst "$(mac 1 $i)" --json \
		--rate "${VSW_RATE:-100000}"
done
check "and $pairs send" within 30 connected $((2 * pairs))

received() { # frames, a line a pair
	query '.ports | map({(.name): .tx_packets}) | add | to_entries[] |
		select(.key | startswith("r")) | "\(.key) \(.value)"' show-stats | sort
}
# Who is starved stays so; what only chance has dealt evens out with time.
sleep 1
received > "$tmp/before"
for ((i = 0; i < 6; i++)); do
	sleep "$seconds"
	received > "$tmp/after"
	join "$tmp/before" "$tmp/after" | awk '{ print $3 - $2, $1 }' | sort -n > "$tmp/shares"
	least=$(head -n 1 "$tmp/shares" | cut -d ' ' -f 1)
	most=$(tail -n 1 "$tmp/shares" | cut -d ' ' -f 1)
	[ $((100 * least)) -lt $((75 * most)) ] || break
done
equal "pairs that talk" "$(wc -l < "$tmp/shares")" "$pairs"
note "frames in $(((i + 1) * seconds)) s: $(awk '{ n += $1 } END { print n }' "$tmp/shares")" \
	"together, a pair $least to $most"
equal "one worker" "$(query '.workers | length' show-workers)" 1
at_least "the least share in percent of the greatest" $((100 * least / (most > 0 ? most : 1))) 75
stop_guest "${!guests[@]}"
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
