# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Virtual machines with the initrd of tests/lab/guest-initrd, and commands in them: for a job, or
# for anybody else who has a folder $tmp. vm_launch, vm_wait NAME SECONDS @agent, vm_run.
# shellcheck disable=SC2154 # tmp
declare -A vm_pid=() vm_in=() vm_out=()

# Starts PROGRAM as the guest NAME's machine, with its console on stdin and stdout.
vm_launch() { # NAME PROGRAM ARGUMENT...
	local name=$1 fd
	shift
	mkfifo "$tmp/vm-$name.in" 2> /dev/null
	exec {fd}<> "$tmp/vm-$name.in"
	vm_in[$name]=$fd
	: > "$tmp/vm-$name.console"
	"$@" < "$tmp/vm-$name.in" >> "$tmp/vm-$name.console" 2>> "$tmp/vm-$name.log" &
	vm_pid[$name]=$!
	exec {fd}< "$tmp/vm-$name.console"
	vm_out[$name]=$fd
}

vm_append() { # NAME
	echo "console=ttyS0 quiet mitigations=off init_on_alloc=0 panic=-1 ip=off hv.hostname=$1 hv.run=/sbin/agent"
}

vm_lives() { # NAME
	kill -0 "${vm_pid[$1]}" 2> /dev/null
}

# The console's next whole line goes to `line`; 1: there is none yet.
vm_line() { # NAME
	local part
	if IFS= read -r part <&"${vm_out[$1]}"; then
		line=${vm_part:-}${part%$'\r'}
		vm_part=
		return 0
	fi
	vm_part=${vm_part:-}$part
	return 1
}

# Reads the console up to a line that begins with TEXT, which is `line` then.
vm_wait() { # NAME SECONDS TEXT
	local name=$1 end=$((SECONDS + $2)) text=$3 vm_part=
	while :; do
		if vm_line "$name"; then
			[[ $line != "$text"* ]] || return 0
		elif ! vm_lives "$name"; then
			echo "the guest $name is gone; its console's end:"
			break
		elif [ $SECONDS -gt "$end" ]; then
			echo "the guest $name did not say '$text' in $2 s; its console's end:"
			break
		else
			sleep 0.05
		fi
	done
	tail -n 25 "$tmp/vm-$name.console" | tr -d '\r' | sed 's/^/    /'
	tail -n 5 "$tmp/vm-$name.log" | sed 's/^/    /'
	return 1
}

# One at a time for one guest; vm_timeout seconds at most (120). Exit code 124: no answer.
vm_run() { # NAME COMMAND...
	local name=$1 text line id=${EPOCHREALTIME/[.,]/} end=$((SECONDS + ${vm_timeout:-120})) vm_part=
	local lines=()
	shift
	text=$(base64 -w 0 <<< "$*")
	# With its own id in front of it: what an earlier command left half said cannot harm.
	printf '\n#%s %s\n' "$id" "$text" >&"${vm_in[$name]}"
	while :; do
		if vm_line "$name"; then
			case $line in
			"@$id:"*) lines+=("${line#*:}") ;;
			"@$id="*) break ;;
			esac
		elif ! vm_lives "$name"; then
			echo "vm_run: the guest $name is gone"
			return 125
		elif [ $SECONDS -gt "$end" ]; then
			echo "vm_run: no answer from the guest $name to: $*"
			return 124
		else
			sleep 0.02
		fi
	done
	line=${line#*=}
	[ "${line#* }" = ${#lines[@]} ] || {
		echo "vm_run: ${#lines[@]} of ${line#* } lines of output came over the console"
		return 126
	}
	printf '%s\n' "${lines[@]}" | base64 -d | gzip -dc
	return "${line% *}"
}

vm_forget() { # NAME
	local fd=${vm_in[$1]}
	exec {fd}>&-
	fd=${vm_out[$1]}
	exec {fd}<&-
	unset "vm_pid[$1]" "vm_in[$1]" "vm_out[$1]"
}
