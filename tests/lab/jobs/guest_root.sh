#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# guests with their root file systems over their own NICs: server late, killed daemons, reboot, off
# lab: timeout=420
#
#   a: root=nbd:…:own  (its own)               ─┐
#                                               ├─ vmnic ── switch ── host port ── nbd-server
#   b: root=nbd:…:base (one that many may read) ─┘                     10.77.0.1
#
# docs/guest-root.md is the recipe; this is what it promises.
. "$(dirname "$0")/../lib.sh"
lab=$LAB_TREE/tests/lab
tools=$LAB_TREE/hypervisor/tools
hv_nbd=$build/hypervisor/tools/hv-nbd
need nbd-server mke2fs e2fsck
need_build "$vswitchd" "$hvhost" "$hv_nbd"

# --- images, initrd ---

cat > "$tmp/busy" <<'END'
#!/bin/sh
# Reads and writes through the network until /run/enough is there, a line for each round.
n=0
while [ ! -e /run/enough ]; do
	echo 3 > /proc/sys/vm/drop_caches
	dd if=/dev/urandom of=/written bs=64k count=4 2> /dev/null
	sync
	echo "$((n += 1)) $(sha256sum < /payload)"
done > /run/rounds 2>&1
END
chmod 755 "$tmp/busy"
: > "$tmp/functions" # of the agent's initrd; nothing goes before busybox here
head -c 3M /dev/urandom > "$tmp/payload"
sum=$(sha256sum < "$tmp/payload")

check "an image" "$tools/hv-mkroot" -o "$tmp/own.img" --add "$lab/guest/agent:/sbin/agent" \
	--add "$tmp/functions:/etc/functions" --add "$tmp/payload:/payload" --add "$tmp/busy:/sbin/busy"
cp --sparse=always "$tmp/own.img" "$tmp/base.img"
base_sum=$(sha256sum < "$tmp/base.img")
check "an initrd" env VSW_BUILD="$build" "$tools/hv-mkinitrd" --modules "$(kernel_of cloud-amd64)" \
	--root nbd --compress none -o "$tmp/root.initrd"
cat > "$tmp/nbd.conf" <<END
[generic]
listenaddr = 10.77.0.1
[own]
exportname = $tmp/own.img
flush = true
fua = true
[base]
exportname = $tmp/base.img
readonly = true
END

# --- the switch, the server ---

start_server() {
	in_space host nbd-server -C "$tmp/nbd.conf" -p "$tmp/nbd.pid"
	within 5 test -s "$tmp/nbd.pid"
}

# The server is a process, and one more for each guest.
servers() {
	ip netns pids "$id-host" | xargs -r ps -o pid=,comm= -p | awk '$2 == "nbd-server" { print $1 }'
}

count_servers() {
	servers | wc -l
}

kill_servers() {
	servers | xargs -r kill -KILL
	rm -f "$tmp/nbd.pid"
}

start_daemon
check "switch" ctl add-switch s --type internal
check "host port" ctl add-port s h --type host --ifname "${id}h"
ip -n "$id-host" link set "${id}h" up
ip -n "$id-host" address add 10.77.0.1/16 dev "${id}h"
for name in a b; do
	check "vmnic $name" ctl add-port s $name --type vmnic
done

boot() { # NAME N EXPORT
	VM_INITRD=$tmp/root.initrd VM_APPEND="hv.ip=10.77.0.$2/16 root=nbd:10.77.0.1:$3" \
		vm_start "$1" --nic "port=$1"
}

boot a 2 own
boot b 3 base
check "a guest says that there is no server yet" within 100 \
	grep -q 'root: hv-nbd: 10.77.0.1 port 10809: .*; still trying' "$tmp/vm-b.console"
check "server" start_server
vm_up a 150
vm_up b 150

# --- what they have ---

root_of() { # NAME
	vm_run "$1" "awk '\$2 == \"/\" { kind = \$1 \" \" \$3 } END { print kind }' /proc/mounts"
}

equal "a's root" "$(root_of a)" "/dev/nbd0 ext4"
equal "b's root" "$(root_of b)" "overlay overlay"
equal "each has a name of its own" "$(vm_run a 'cat /etc/hostname') $(vm_run b hostname)" "a b"
equal "what b reads" "$(vm_run b 'sha256sum < /payload')" "$sum"
check "b writes to its memory" vm_run b 'echo changed > /payload && grep -q changed /payload'

# --- the switch is killed ---

rounds() {
	vm_run a 'tail -n 1 /run/rounds' | cut -d' ' -f1
}

rounds_past() { # N
	[ "$(rounds)" -gt "$1" ]
}

vm_run a '/sbin/busy &'
check "a is busy on its root" within 20 rounds_past 0
away=0
for kill in 1 2; do
	kill_daemon
	started=$SECONDS
	sleep 1
	start_daemon
	[ $((SECONDS - started)) -lt $away ] || away=$((SECONDS - started))
	check "goes on after the switch's death $kill" within 40 rounds_past "$(rounds)"
done
vm_run a 'touch /run/enough'
equal "every round read the same" "$(vm_run a 'cut -d" " -f2- /run/rounds | sort -u')" "$sum"
if [ $away -lt 10 ]; then
	equal "the connection lived on" "$(vm_run a 'dmesg | grep -c "hv-nbd\|I/O error\|EXT4-fs error"')" 0
else
	note "the switch took $away s to start: the connection may have been made anew meanwhile"
fi

# --- the server is killed ---

said() { # NAME TEXT
	vm_run "$1" "dmesg | grep -q '$2'"
}

kill_servers
check "a tells that its server is gone" within 10 said a 'hv-nbd: .* lost; what is read and written waits'
start_server
check "a has its server again" within 10 said a 'hv-nbd: .*connected again'
equal "a reads what it read before" \
	"$(vm_run a 'echo 3 > /proc/sys/vm/drop_caches; sha256sum < /payload')" "$sum"
equal "nothing failed" "$(vm_run a 'dmesg | grep "I/O error\|EXT4-fs error"')" ""

# --- reboot, off ---

vm_run a 'echo one > /kept; (sleep 1; /sbin/reboot) > /dev/null 2>&1 &'
vm_up a 150
equal "what was written is there after a reboot" "$(vm_run a 'cat /kept')" one
equal "the server knows who left" "$(count_servers)" 3
vm_stop a
vm_stop b
equal "the server knows that all left" "$(within 5 eval '[ "$(count_servers)" = 1 ]'; count_servers)" 1
checked=$(e2fsck -fn "$tmp/own.img" 2>&1)
equal "a's file system is whole" $? 0
equal "a unmounted it: no journal to replay" "$(grep -i journal <<< "$checked")" ""
equal "nobody wrote to the common image" "$(sha256sum < "$tmp/base.img")" "$base_sum"
kill_servers
finish
