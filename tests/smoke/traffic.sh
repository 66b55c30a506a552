# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Traffic of every kind between two namespaces, judged: for tests that compare pairs of ports.
# After lib.sh; wants `declare -A number`, the addresses' last part by namespace, and a server()
# in each namespace. iperf_amount: what each TCP run carries.
iperf_amount=(-t 1)

server() { # NAME
	background "$1" iperf3 -s -p 5201 > /dev/null 2>&1
}

bytes_got() { # JSON
	jq -r '.end.sum_received.bytes // .end.sum.bytes // 0' <<< "$1"
}

# shellcheck disable=SC2154 # the tests declare it
pair() { # FROM TO MTU
	local from=$1 mtu=$3 n=${number[$2]} got address
	local text="$1-$2 mtu $3"
	check "$text ping v4" within 3 pings "$from" "10.77.0.$n"
	check "$text ping v6" within 3 pings "$from" "fd77::$n"
	check "$text full frame v4" pings "$from" "10.77.0.$n" -M "do" -s $((mtu - 28))
	check "$text full frame v6" pings "$from" "fd77::$n" -M "do" -s $((mtu - 48))
	for address in "10.77.0.$n" "fd77::$n"; do
		got=$(in_space "$from" timeout 20 iperf3 -J -c "$address" "${iperf_amount[@]}" \
			2> /dev/null)
		at_least "$text TCP to $address, bytes" "$(bytes_got "$got")" 8000000
		got=$(in_space "$from" timeout 20 iperf3 -J -c "$address" "${iperf_amount[@]}" \
			-R 2> /dev/null)
		at_least "$text TCP from $address, bytes" "$(bytes_got "$got")" 8000000
		got=$(in_space "$from" timeout 20 iperf3 -J -u -b 20M -n 500K -l $((mtu - 60)) \
			-c "$address" 2> /dev/null)
		at_most "$text UDP to $address, lost percent" \
			"$(jq -r '.end.sum.lost_percent // 100' <<< "$got")" 1
	done
}
