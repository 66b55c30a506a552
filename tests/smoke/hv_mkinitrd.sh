#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What hv-mkinitrd puts into an initrd, in which order, and what it refuses; with modules that are
# none. That its initrds boot is seen in the lab.
no_daemon=1
. "$(dirname "$0")/lib.sh"
need busybox xz
mkinitrd=$top/hypervisor/tools/hv-mkinitrd

# modules.dep names what a module needs from the nearest to the farthest.
folder=$tmp/k/lib/modules/6.1-test
mkdir -p "$folder/kernel/hv" "$folder/kernel/net"
for module in hv/hv_vmbus hv/hv_netvsc net/first net/second-one; do
	echo "$module" > "$folder/kernel/$module.ko"
done
xz "$folder/kernel/net/first.ko"
cat > "$folder/modules.dep" <<-END
	kernel/hv/hv_vmbus.ko:
	kernel/hv/hv_netvsc.ko: kernel/hv/hv_vmbus.ko
	kernel/net/first.ko.xz:
	kernel/net/second-one.ko: kernel/hv/hv_vmbus.ko kernel/net/first.ko.xz
END
echo "kernel/net/inside.ko" > "$folder/modules.builtin"

make() { # ARGUMENT...
	"$mkinitrd" --modules "$tmp/k" -o "$tmp/initrd" --compress none "$@" 2>&1
}

unpack() {
	rm -rf "$tmp/root" && mkdir "$tmp/root" && (cd "$tmp/root" && busybox cpio -id < "$tmp/initrd") 2>&1
}

refused() { # RC TEXT ARGUMENT...: ends with RC and says TEXT
	local wanted=$1 text=$2 said rc
	shift 2
	said=$("$mkinitrd" "$@" 2>&1)
	rc=$?
	equal "exit code of '$*'" $rc "$wanted"
	case $said in
	*"$text"*) ok "it says: ${said%%$'\n'*}" ;;
	*) bad "'$*' should say '$text', said: $said" ;;
	esac
}

check "an initrd" make
check "it can be unpacked" unpack
equal "modules, those needed first" "$(sed 's|.*/||' "$tmp/root/modules.order" | paste -sd ' ')" \
	"hv_vmbus.ko hv_netvsc.ko"
check "busybox is there" cmp "$(command -v busybox)" "$tmp/root/bin/busybox"
check "init is there, and may be run" test -x "$tmp/root/init"
equal "owner of all" "$(busybox cpio -tv < "$tmp/initrd" 2> /dev/null | awk '{ print $2 }' | sort -u)" \
	0/0

check "more modules, by either spelling" make --module second_one --module inside
unpack > /dev/null
equal "in order, each once" "$(sed 's|.*/||' "$tmp/root/modules.order" | paste -sd ' ')" \
	"hv_vmbus.ko hv_netvsc.ko first.ko second-one.ko"
equal "unpacked for insmod" "$(cat "$tmp/root/lib/modules/6.1-test/kernel/net/first.ko")" net/first
check "modprobe in the guest finds it" grep -q '^kernel/net/first.ko:' \
	"$tmp/root/lib/modules/6.1-test/modules.dep"
check "none of the usual ones" make --no-defaults --module first
unpack > /dev/null
equal "only that" "$(cat "$tmp/root/modules.order")" /lib/modules/6.1-test/kernel/net/first.ko

echo hello > "$tmp/text"
program=$(command -v ip)
mkdir -p "$tmp/tree/below"
echo deep > "$tmp/tree/below/file"
check "added files" make --add "$tmp/text:/etc/text" --add "$program:/usr/sbin/ip" \
	--add "$tmp/tree:/srv"
unpack > /dev/null
equal "a file" "$(cat "$tmp/root/etc/text")" hello
equal "a folder" "$(cat "$tmp/root/srv/below/file")" deep
check "a program runs with the libraries that came along" chroot "$tmp/root" /usr/sbin/ip -V

printf '#!/bin/sh\n: mine\n' > "$tmp/init"
check "an init of one's own" make --init "$tmp/init"
unpack > /dev/null
check "it is the one" cmp "$tmp/init" "$tmp/root/init"
for kind in gzip xz; do
	check "compressed by $kind" "$mkinitrd" --modules "$folder" -o "$tmp/packed" --compress $kind
	check "$kind unpacks it" $kind -t < "$tmp/packed"
done

refused 2 "which kernel" -o "$tmp/x"
refused 2 "where to" --modules "$tmp/k"
refused 2 "needs a value" --modules
refused 2 "unknown argument" --modules "$tmp/k" -o "$tmp/x" --frob
refused 2 "must be gzip" --modules "$tmp/k" -o "$tmp/x" --compress rar
refused 1 "no modules there" --modules "$tmp" -o "$tmp/x"
refused 1 "/lib/modules/none-such" --kernel none-such -o "$tmp/x"
refused 1 "has no module frob" --modules "$tmp/k" -o "$tmp/x" --module frob
refused 1 "no such file" --modules "$tmp/k" -o "$tmp/x" --add /none/such
refused 1 "needs libraries" --modules "$tmp/k" -o "$tmp/x" --busybox "$program"
mv "$folder/modules.dep" "$tmp/kept"
refused 1 "depmod -b" --modules "$tmp/k" -o "$tmp/x"
check "nothing was left behind" test ! -e "$tmp/x"
finish
