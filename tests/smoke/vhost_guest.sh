#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A Linux guest with virtio-net on a vhost-user port: TCP, UDP and ICMP to host, TAP, NIC and vmnic,
# MTU 1500 and 9000, and the guest's network back by itself after kill -9 of the daemon.
#
#   guest (QEMU, eth0 .9) ── vhost-user ── switch s ── h0 (host, .1)
#                                             ├────── eth (tap, .2) :a
#                                             ├══════ veth ═══ eth (.3) :x
#                                             └────── eth (soft guest, .4) :v
# VSW_CACHE: where the guest's kernel is kept (default: build/guest in the source tree).
. "$(dirname "$0")/lib.sh"
need qemu-system-x86_64 busybox iperf3 dpkg gzip
busybox=$(command -v busybox)
case $(ldd "$busybox" 2>&1) in
*"not a dynamic"* | *"statically"*) ;;
*) skip "busybox is not the static one (package busybox-static)" ;;
esac

# A kernel and its virtio modules, by package name, without installing them
cache=${VSW_CACHE:-$top/build/guest}
mkdir -p "$cache"
kernel=$(find "$cache" -path '*boot/vmlinuz-*' 2> /dev/null | head -n 1)
if [ -z "$kernel" ]; then
	need apt-get
	package=$(apt-cache depends linux-image-cloud-amd64 2> /dev/null |
		sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -n 1)
	[ -n "$package" ] || skip "the package lists name no linux-image-cloud-amd64"
	(cd "$cache" && apt-get -q download "$package" > download.log 2>&1) ||
		skip "cannot download $package"
	dpkg -x "$cache"/linux-image-*.deb "$cache/root" && rm -f "$cache"/linux-image-*.deb
	kernel=$(find "$cache" -path '*boot/vmlinuz-*' | head -n 1)
fi
[ -n "$kernel" ] || skip "no kernel for the guest"
release=${kernel##*/vmlinuz-}
modules=$cache/root/lib/modules/$release
[ -d "$modules" ] || modules=$cache/root/usr/lib/modules/$release
[ -e "$modules/modules.dep" ] || depmod -b "${modules%/lib/modules/*}" "$release"

ram=$tmp/ram
mkdir -p "$ram"/{bin,dev,proc,sys,lib,lib64,modules,tmp}
cp "$busybox" "$ram/bin/busybox"
iperf=$(command -v iperf3)
cp "$iperf" "$ram/bin/iperf3"
ldd "$iperf" | grep -o '/[^ ]*' | while IFS= read -r lib; do
	mkdir -p "$ram$(dirname "$lib")"
	cp -L "$lib" "$ram$lib"
done
# In the order of their dependencies; built-in ones have no file.
modprobe -d "${modules%/lib/modules/*}" -S "$release" --show-depends virtio_net > "$tmp/deps"
modprobe -d "${modules%/lib/modules/*}" -S "$release" --show-depends virtio_pci >> "$tmp/deps"
n=100
sed -n 's/^insmod \([^ ]*\).*/\1/p' "$tmp/deps" | awk '!seen[$0]++' | while IFS= read -r module; do
	n=$((n + 1))
	case $module in
	*.xz) xz -dc "$module" > "$ram/modules/$n.ko" ;;
	*) cp "$module" "$ram/modules/$n.ko" ;;
	esac
done
cat > "$ram/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in /modules/*.ko; do insmod $module; done
sleep 1
for word in $(cat /proc/cmdline); do
	case $word in mtu=*) mtu=${word#mtu=} ;; esac
done
ip link set lo up
ip link set eth0 mtu $mtu up
echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad
ip address add 10.77.0.9/24 dev eth0
ip address add fd77::9/64 dev eth0
iperf3 -s -p 5201 > /dev/null 2>&1 &
until netstat -ltn | grep -q :5201; do sleep 1; done
echo "guest is up, mtu $mtu"
# What the host asks for: one command a line on the second serial port, its output back.
exec 3<> /dev/ttyS1
stty -F /dev/ttyS1 raw -echo
while read -r line <&3; do
	sh -c "$line" > /out 2>&1
	rc=$?
	cat /out >&3
	echo "guest-rc $rc" >&3
done
END
chmod +x "$ram/init"
pack() { # an uncompressed newc archive of $ram, without needing cpio
	"$python" - "$ram" > "$tmp/initrd" <<-'END'
		import os, stat, sys
		root, out, ino = sys.argv[1], sys.stdout.buffer, 1
		def put(name, mode, data):
		    global ino
		    name = name.encode() + b"\0"
		    fields = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
		    ino += 1
		    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
		    out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))
		for folder, _, files in os.walk(root):
		    rel = os.path.relpath(folder, root)
		    if rel != ".":
		        put(rel, stat.S_IFDIR | 0o755, b"")
		    for f in files:
		        with open(os.path.join(folder, f), "rb") as fp:
		            put(os.path.normpath(os.path.join(rel, f)), stat.S_IFREG | 0o755, fp.read())
		put("TRAILER!!!", 0, b"")
	END
}
pack

add_space a
add_space x
add_space v
add_nic n0 x eth 3 9000
start_daemon
check "switch" ctl add-switch s --type external
check "NIC" ctl bind-nic s "${id}n0" --mtu 9000
check "host" ctl add-port s h0 --type host --ifname "${id}h0" --mtu 9000
ip -n "$id-host" link set "${id}h0" up
add_address host "${id}h0" 1
check "tap" add_tap s t0 a eth 2 --mtu 9000
check "vmnic" ctl add-port s v0 --type vmnic --mtu 9000
tap_guest v0 v eth 4 --mtu 9000
check "vhost" ctl add-port s g0 --type vhost --vhost-socket "$tmp/run/g0.sock" \
	--vhost-mode client --mtu 9000
# The guest's side owns the socket, so that it outlives the daemon.

# No MSI-X: QEMU 7.2 without KVM crashes in the notifiers of a vhost device that has it.
guest_start() { # MTU
	: > "$tmp/console"
	qemu-system-x86_64 -accel tcg -machine q35 -cpu max -smp 1 -m 512 -display none \
		-nodefaults -no-user-config -kernel "$kernel" -initrd "$tmp/initrd" \
		-append "console=ttyS0 panic=-1 quiet mitigations=off mtu=$1" \
		-object memory-backend-memfd,id=mem,size=512M,share=on -numa node,memdev=mem \
		-chardev "socket,id=net,path=$tmp/run/g0.sock,server=on,wait=off" \
		-netdev vhost-user,id=n0,chardev=net \
		-device "virtio-net-pci,netdev=n0,mac=02:77:00:00:00:09,host_mtu=9000,vectors=0" \
		-serial "file:$tmp/console" \
		-chardev "socket,id=cmd,path=$tmp/cmd.sock,server=on,wait=off" \
		-serial chardev:cmd > "$tmp/qemu.log" 2>&1 &
	guest=$!
	children+=("$guest")
	within 90 grep -q "guest is up" "$tmp/console" || {
		tail -n 20 "$tmp/console" "$tmp/qemu.log"
		bad "the guest does not come up"
		finish
	}
}

guest_stop() {
	kill "$guest"
	wait "$guest" 2> /dev/null
}

in_guest() { # COMMAND: its output; its return code
	"$python" - "$tmp/cmd.sock" "$1" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(90)
		s.connect(sys.argv[1])
		s.sendall(sys.argv[2].encode() + b"\n")
		got = b""
		while b"guest-rc " not in got or not got.endswith(b"\n"):
		    data = s.recv(65536)
		    if not data:
		        break
		    got += data
		text, _, rc = got.decode(errors="replace").rpartition("guest-rc ")
		sys.stdout.write(text.replace("\r", ""))
		sys.exit(int(rc.strip() or 99))
	END
}

tcp() { # TEXT JSON BYTES
	at_least "$1, bytes" "$(jq -r '.end.sum_received.bytes // 0' <<< "$2")" "$3"
}

judge() { # MTU
	local mtu=$1 space n address
	for space in host:1 a:2 x:3 v:4; do
		n=${space#*:}
		space=${space%:*}
		check "$space pings the guest, mtu $mtu" within 10 pings "$space" 10.77.0.9
		check "$space pings the guest v6, mtu $mtu" within 10 pings "$space" fd77::9
		check "full frame, mtu $mtu" pings "$space" 10.77.0.9 -M "do" -s $((mtu - 28)) -W 3
		for address in 10.77.0.9 fd77::9; do
			tcp "TCP $space to guest ($address), mtu $mtu" "$(in_space "$space" \
				timeout 60 iperf3 -J -c "$address" -t 2 2> /dev/null)" 4000000
			tcp "TCP guest to $space ($address), mtu $mtu" "$(in_space "$space" \
				timeout 60 iperf3 -J -c "$address" -t 2 -R 2> /dev/null)" 3900000
		done
		at_most "UDP $space to guest, lost percent" "$(in_space "$space" timeout 60 iperf3 -J \
			-u -b 5M -n 200K -l 1400 -c 10.77.0.9 2> /dev/null |
			jq -r '.end.sum.lost_percent // 100')" 1
		check "guest pings $space" in_guest "ping -c 2 -W 2 10.77.0.$n"
	done
}

ip -n "$id-x" link set eth mtu 1500
ip -n "$id-v" link set eth mtu 1500
guest_start 1500
judge 1500
check "the guest's port is up" eval '[ "$(query .port.link.up show-port g0)" = true ]'
kill_daemon
start_daemon
check "after kill -9 and restart the guest is reached" within 20 pings a 10.77.0.9
tcp "TCP after the restart" \
	"$(in_space a timeout 60 iperf3 -J -c 10.77.0.9 -t 2 2> /dev/null)" 4000000
guest_stop
check "the port's link goes down with the guest" within 10 eval \
	'[ "$(query .port.link.up show-port g0)" = false ]'

ip -n "$id-x" link set eth mtu 9000
ip -n "$id-v" link set eth mtu 9000
guest_start 9000
judge 9000
guest_stop
stop_guest v0
equal "the sum holds" "$(sleep 1; query .sum.balanced show-stats)" true
finish
