# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every job starts with: `. "$(dirname "$0")/../lib.sh"`, elsewhere
# `. "$LAB_TREE/tests/lab/lib.sh"`.
#
# A job has the machine, or namespaces of its own, to itself. Everything of tests/smoke/lib.sh is
# there: checks, namespaces, `start_daemon`, `ctl`. Added are guests in virtual machines:
#   vm_start NAME [HVHOST-OPTION...]   starts one; its agent is waited for by vm_up
#   vm_up NAME [SECONDS]               judged
#   vm_run NAME COMMAND...             its output and exit code, like in_space
#   vm_stop NAME, vm_kill NAME         power button, judged; power cut
#   vm_dmesg NAME                      judged: Hyper-V is there, and nobody complains
# Each takes VM_FLAVOUR, VM_MEMORY, VM_CPUS, VM_APPEND, VM_INITRD. The console is
# LAB_OUT/NAME.console at the end, $tmp/vm-NAME.console before.
no_daemon=1
VSW_START=90
# Memory costs time where every page is emulated: few buffers, and huge pages if there are any.
VSW_ARGS=${VSW_ARGS:---mbufs 8192}
[ "$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)" -lt 200 ] || VSW_HUGE=1
# shellcheck source=../smoke/lib.sh
. "$LAB_TREE/tests/smoke/lib.sh"

# As tests/smoke/lib.sh has them.
vswitchd=$build/vswitch/vswitchd
vswitchctl=$build/ctl/vswitchctl
hvhost=$build/hypervisor/host/hvhost
# shellcheck disable=SC2034 # the jobs use it
hvctl=$build/hypervisor/hvctl/hvctl
# shellcheck source=vm.sh
. "$LAB_TREE/tests/lab/vm.sh"
rm -f "$tmp/log"
: > "$LAB_OUT/vswitchd.log"
ln -s "$LAB_OUT/vswitchd.log" "$tmp/log"

vm_collect() {
	local file
	for file in "$tmp"/vm-*.console "$tmp"/vm-*.log; do
		[ ! -e "$file" ] || cp "$file" "$LAB_OUT/$(basename "${file/vm-/}")"
	done
}

vm_tidy() {
	local child
	[ "$BASHPID" = $$ ] || return
	for child in "${vm_pid[@]}"; do
		kill -KILL "$child" 2> /dev/null
		wait "$child" 2> /dev/null
	done
	vm_collect
	tidy
}
trap vm_tidy EXIT

need_build() { # PROGRAM...: paths
	local program
	for program; do
		[ -x "$program" ] || skip "$program is not built"
	done
}

# The folder of a kernel that tests/lab/run has got ready.
kernel_of() { # FLAVOUR
	local name=LAB_KERNEL_${1//-/_}
	echo "${!name:?no kernel $1: say guests=$1 in the line '# lab:'}"
}

vm_start() { # NAME [HVHOST-OPTION...]
	local name=$1 folder
	shift
	folder=$(kernel_of "${VM_FLAVOUR:-cloud-amd64}")
	vm_launch "$name" ip netns exec "$id-host" "$hvhost" --name "$name" \
		--memory "${VM_MEMORY:-192M}" --cpus "${VM_CPUS:-1}" \
		--kernel "$folder/vmlinuz" --initrd "${VM_INITRD:-$(cat "$folder/initrd")}" \
		--append "$(vm_append "$name") ${VM_APPEND:-}" \
		--console stdio --run-dir "$tmp/hvhost" --vsp-socket "$tmp/run/vsp.sock" \
		--user root "$@"
}

vm_up() { # NAME [SECONDS]
	local line
	if vm_wait "$1" "${2:-120}" "@agent"; then
		ok "the guest $1 is up (after ${line#@agent } s)"
	else
		bad "the guest $1 does not come up"
		vm_doing "$1"
		return 1
	fi
}

vm_kill() { # NAME: SIGKILL
	kill -KILL "${vm_pid[$1]}"
	wait "${vm_pid[$1]}" 2> /dev/null
	vm_forget "$1"
}

# What a guest that does not answer is doing: its threads, and half a second of its exits.
vm_doing() { # NAME
	local pid task trace=/sys/kernel/tracing
	pid=$(pgrep -f "^$hvhost --name $1 " | head -n 1)
	[ -n "$pid" ] || { echo "the guest $1 is gone"; return; }
	"$hvctl" --run-dir "$(tr '\0' '\n' < "/proc/$pid/cmdline" | grep -A 1 -x -- --run-dir | tail -n 1)" \
		show "$1"
	for _ in 1 2; do
		for task in /proc/"$pid"/task/*; do
			echo "$(cat "$task/comm"): $(cut -d' ' -f3,14,15 "$task/stat")" \
				"$(tr '\n' ' ' 2> /dev/null < "$task/stack")"
		done
		sleep 0.5
	done
	mountpoint -q $trace || mount -t tracefs tracefs $trace 2> /dev/null
	[ -w $trace/events/kvm/enable ] || return 0
	echo > $trace/trace
	echo 1 > $trace/events/kvm/enable
	sleep 0.5
	grep -v '^#' $trace/trace | tail -n 40 | cut -c1-160
	echo 0 > $trace/events/kvm/enable
}

# Its exit code, once it is off; 124: it is not, and is killed.
vm_end() { # NAME SECONDS
	local rc name=$1
	if within "$2" eval "! kill -0 ${vm_pid[$name]}" 2> /dev/null; then
		wait "${vm_pid[$name]}" 2> /dev/null
		rc=$?
	else
		kill -KILL "${vm_pid[$name]}"
		wait "${vm_pid[$name]}" 2> /dev/null
		rc=124
	fi
	vm_forget "$name"
	return $rc
}

# SIGTERM is the power button; ends with the exit code 0.
vm_stop() { # NAME [SECONDS]
	local rc
	kill -TERM "${vm_pid[$1]}"
	vm_end "$1" "${2:-40}"
	rc=$?
	[ $rc != 124 ] || bad "the guest $1 does not go off by its power button"
	equal "the guest $1 ends with" $rc 0
}

vm_pings() { # NAME ADDRESS [OPTION...]
	local name=$1 address=$2
	shift 2
	vm_run "$name" "ping -q -n -c 1 -W 1 $* $address"
}

vm_pings_soon() { # NAME ADDRESS [OPTION...]
	within 10 vm_pings "$@"
}

vm_no_pings() { # NAME ADDRESS
	! vm_run "$1" "ping -q -n -c 2 -i 0.2 -W 0.3 $2" > /dev/null
}

vm_address() { # NAME N [INTERFACE]: 10.77.0.N and fd77::N
	vm_run "$1" "ip link set ${3:-eth0} up; ip address add 10.77.0.$2/16 dev ${3:-eth0}
		ip address add fd77::$2/64 dev ${3:-eth0} nodad"
}

# What a kernel says when the host is at fault, or the guest is stuck.
vm_complaints='(hv_|hyperv|Hyper-V|vmbus|netvsc).*([Ii]nvalid|[Ff]ail|[Ee]rror|[Uu]nable|timed out|Unknown)'
vm_complaints+='|WARNING:|BUG:|Oops|Call Trace|hung task|blocked for more|unchecked MSR|soft lockup|rcu.*stall'

vm_dmesg() { # NAME
	local found
	# The guest looks itself: all of its log takes long over the console.
	found=$(vm_run "$1" "dmesg > /run/dmesg
		grep -o 'Hypervisor detected: Microsoft Hyper-V' /run/dmesg
		grep -oiE 'vmbus version:[0-9.]+' /run/dmesg | tail -n 1
		grep -E '$vm_complaints' /run/dmesg | head -n 5")
	equal "$1: what the kernel says" "$found" "$(printf '%s\n' \
		"Hypervisor detected: Microsoft Hyper-V" "Vmbus version:${VM_VMBUS:-5.3}")"
}

# The PCI NICs of '# lab: nics=': number N is nicN in the daemon's namespace, and its far end
# eth0 in a namespace farN.
place_nics() {
	local n=0 models=()
	IFS=, read -ra models <<< "$LAB_NICS"
	while [ $n -lt ${#models[@]} ]; do
		add_space "far$n"
		move_nic "52:54:00:77:00:0$n" "nic$n" host && move_nic "52:54:00:77:0f:0$n" eth0 "far$n" ||
			return
		n=$((n + 1))
	done
}

move_nic() { # MAC NAME SPACE
	local device
	within 10 grep -lsx "$1" /sys/class/net/*/address > /dev/null
	device=$(grep -lsx "$1" /sys/class/net/*/address | xargs -r dirname | xargs -r basename)
	[ -n "$device" ] || {
		bad "there is no NIC $1"
		return 1
	}
	ip link set "$device" name "$2" && ip link set "$2" netns "$id-$3" &&
		ip -n "$id-$3" link set "$2" up
}

# TCP or UDP to a server that listens already: MBIT/S that arrived, for UDP and LOST-PERCENT; or
# what iperf3 complains of. How much it is says little here.
vm_iperf() { # NAME ADDRESS [OPTION...]
	local name=$1 address=$2
	shift 2
	vm_run "$name" "iperf3 -f m -t 1 -c $address $* > /run/iperf 2>&1
		sed -nE 's/.* ([0-9.]+) Mbits.*receiver.*/\1/p' /run/iperf
		sed -nE 's/.*\(([0-9.e+-]+)%\).*receiver.*/\1/p' /run/iperf
		grep receiver /run/iperf > /dev/null || tail -n 2 /run/iperf" | paste -sd ' '
}

# Their NICs have been started, too.
guests_run() { # COUNT
	[ "$(query '[.guests[] | select(.state == "connected" and .stage == "running")] | length' \
		list-guests)" = "$1" ]
}

no_guests() {
	[ "$(query '.guests | length' list-guests)" = 0 ]
}

# What is there of guests, and what the daemon holds. DPDK's own memory may grow.
left() {
	echo "guests $(query '.guests | length' list-guests)" \
		"descriptors $(find "/proc/$pid/fd" -mindepth 1 | wc -l)" \
		"threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" \
		"memory of guests $(grep /memfd: "/proc/$pid/maps" | grep -vcE 'memfd:(seg_|nohuge)')" \
		"hypervisors $(pgrep -c -x hvhost)"
}

resident() { # KiB
	awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"
}

# No line of an error in any log.
logs_are_clean() {
	local file
	for file in "$tmp/log" "$tmp"/vm-*.log; do
		equal "errors in ${file##*/}" "$(grep -E ' (error|fatal) ' "$file" | head -n 3)" ""
	done
}
