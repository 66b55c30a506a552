#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# hvhost refuses to start what cannot run: one line that says why and what to do, the exit code,
# and nothing is left behind. No guest runs here, so it takes no KVM.
#
#   hvhost ──X  (images, memory, names, /dev/kvm)
no_daemon=1
. "$(dirname "$0")/lib.sh"
need setpriv unshare
hvhost=$build/hypervisor/host/hvhost
[ -x "$hvhost" ] || skip "$hvhost is not built"
mini=$build/tests/lab/mini/mini.bzimage
[ -e "$mini" ] || skip "$mini is not built"
run=$tmp/run
mkdir -p "$run"
chmod 755 "$tmp" "$run"

# refused RC TEXT COMMAND...: ends with RC and one line that mentions TEXT; the run directory is
# as it was.
refused() {
	local rc=$1 text=$2 before output ended
	shift 2
	before=$(ls -A "$run")
	output=$(timeout 20 "$@" 2>&1 < /dev/null)
	ended=$?
	if [ $ended = "$rc" ] && [[ ${output,,} == *"${text,,}"* ]] && [[ $output == hvhost:* ]] &&
		[ "$(wc -l <<< "$output")" = 1 ]; then
		ok "exit $rc: $output"
	else
		bad "should end with $rc and one line that mentions '$text'; exit $ended: $output"
	fi
	equal "what is left in the run directory" "$(ls -A "$run")" "$before"
}

# A good command line; what comes last counts.
vm=("$hvhost" --name vm --memory 64M --kernel "$mini" --console none --run-dir "$run"
	--vsp-socket "$run/vsp.sock")

note "command line"
refused 2 "give it a '--name NAME'" "$hvhost" --kernel "$mini"
refused 2 "give '--kernel FILE'" "$hvhost" --name vm
refused 2 "1 to 63 letters" "${vm[@]}" --name a/b
refused 2 "--memory takes" "${vm[@]}" --memory 65M
refused 2 "--cpus takes" "${vm[@]}" --cpus 65
refused 2 "two have 'x'" "${vm[@]}" --nic port=a,name=x --nic port=b,name=x
refused 2 "two have 'a'" "${vm[@]}" --nic port=a --nic port=a
refused 2 "port=PORT" "${vm[@]}" --nic web1
refused 2 "--console takes" "${vm[@]}" --console tty
refused 2 "unexpected argument" "${vm[@]}" more

note "images"
refused 1 "give --kernel a file" "${vm[@]}" --kernel "$tmp/none"
refused 1 "give --initrd a file" "${vm[@]}" --initrd "$tmp/none"
refused 1 "/boot/vmlinuz" "${vm[@]}" --kernel /bin/ls
: > "$tmp/empty"
refused 1 "empty" "${vm[@]}" --kernel "$tmp/empty"
refused 1 "pipe or device" "${vm[@]}" --kernel /dev/null
refused 1 "directory" "${vm[@]}" --kernel /tmp
head -c 3000 "$mini" > "$tmp/cut"
refused 1 "kernel" "${vm[@]}" --kernel "$tmp/cut"
truncate -s 600M "$tmp/large"
refused 1 "initrd has 600 MiB" "${vm[@]}" --initrd "$tmp/large"
mkfifo "$tmp/pipe"
refused 1 "pipe" "${vm[@]}" --initrd "$tmp/pipe"

note "memory"
refused 1 "MiB" "${vm[@]}" --memory 1024G
refused 1 "huge pages" "${vm[@]}" --memory 512G --huge-pages yes

note "names and places"
"$python" - "$run/vm.sock" <<- 'END' &
	import socket, sys, time
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(8)
	time.sleep(60)
END
rival=$!
children+=("$rival")
within 5 test -S "$run/vm.sock"
refused 1 "machine 'vm' runs already" "${vm[@]}"
kill "$rival"
wait "$rival" 2> /dev/null
# One that died leaves a socket, which is in nobody's way.
check "there is a dead one's socket" test -S "$run/vm.sock"
"${vm[@]}" --kernel /bin/ls > "$tmp/said" 2>&1 < /dev/null
equal "exit code beside a dead one's socket" $? 1
check "it is in nobody's way" grep -q /boot/vmlinuz "$tmp/said"
equal "and is gone" "$(ls -A "$run")" ""
touch "$run/vm.sock"
refused 1 "is no socket" "${vm[@]}"
rm "$run/vm.sock"
refused 1 "--run-dir" "${vm[@]}" --run-dir /proc/none/x
refused 1 "--run-dir" "${vm[@]}" --run-dir "$mini"
refused 1 "--run-dir" setpriv --reuid 65534 --regid 65534 --clear-groups "${vm[@]}"
refused 1 "$tmp/none/out" "${vm[@]}" --console "file:$tmp/none/out"

note "KVM"
refused 1 "/dev/kvm is not there" unshare -m sh -c 'mount -t tmpfs none /dev; exec "$@"' sh "${vm[@]}"
refused 1 "is not KVM" unshare -m sh -c '[ -e /dev/kvm ] && mount --bind /dev/null /dev/kvm &&
	exec "$@"; echo "hvhost: is not KVM: there is none"; exit 1' sh "${vm[@]}"
chmod 777 "$run"
refused 1 "no permission to open /dev/kvm" unshare -m sh -c '[ -e /dev/kvm ] && mount -t tmpfs none /dev &&
	mknod -m 600 /dev/kvm c 10 232 && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	echo "hvhost: no permission to open /dev/kvm: there is none"; exit 1' sh "${vm[@]}"
said=$(timeout 2 "${vm[@]}" 2>&1)
if [[ $said == *"has no Hyper-V support"* ]]; then
	refused 1 "Linux 5.14 or later" "${vm[@]}"
else
	note "this machine's KVM has Hyper-V support, or there is none: $said"
fi
finish
