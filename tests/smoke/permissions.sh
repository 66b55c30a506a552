#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Who may do what: root and the group vswitch everything, vswitch-ro reads, others nothing.
#
#   no network: clients of four kinds on one control socket. The groups exist only in the
#   daemon's mount namespace.
. "$(dirname "$0")/lib.sh"
need setpriv unshare

chmod 755 "$tmp"
grep -vE '^vswitch(-ro)?:' /etc/group > "$tmp/group"
echo "vswitch:x:59901:" >> "$tmp/group"
echo "vswitch-ro:x:59902:" >> "$tmp/group"
cat > "$tmp/wrap" <<-END
	#!/bin/sh
	mount --bind "$tmp/group" /etc/group
	exec "\$@"
END
chmod +x "$tmp/wrap"
VSW_WRAP="unshare -m $tmp/wrap"
cp "$vswitchctl" "$tmp/vswitchctl" # the tree may lie where others cannot read
start_daemon

as() { # UID GID GROUPS COMMAND...
	local uid=$1 gid=$2 groups=$3
	shift 3
	[ "$groups" = none ] && groups=--clear-groups || groups=--groups=$groups
	setpriv --reuid "$uid" --regid "$gid" "$groups" \
		"$tmp/vswitchctl" --socket "$tmp/run/control.sock" "$@"
}
denied() { # TEXT COMMAND...
	local text=$1 output rc
	shift
	output=$("$@" 2>&1)
	rc=$?
	if [ $rc = 1 ] && [[ ${output,,} == *group* || ${output,,} == *permission* ]]; then
		ok "$text is refused: $(head -n 1 <<< "$output")"
	else
		bad "$text should be refused by permission; exit $rc, said: $output"
	fi
}

check "root changes" ctl add-switch s --type internal
check "member of vswitch reads" as 65534 65534 59901 list-switches
check "member of vswitch changes" as 65534 65534 59901 add-switch t --type internal
check "vswitch as primary group changes" as 65534 59901 none add-switch u --type internal
check "member of vswitch-ro reads" as 65534 65534 59902 list-switches
check "member of vswitch-ro exports" as 65534 65534 59902 export-config
denied "vswitch-ro changing" as 65534 65534 59902 add-switch v --type internal
denied "vswitch-ro changing with --what-if" as 65534 65534 59902 del-switch s --what-if
denied "a stranger reading" as 65534 65534 none list-switches
denied "a stranger changing" as 65534 65534 none del-switch s
equal "nothing was done for them" "$(query '[.switches[].name] | join(" ")' list-switches)" "s t u"
finish
