#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# hvctl with machines that have hvhost's console and control socket, and a parrot for a guest.
#
#   hvctl ── $tmp/run/web1.sock ── fake_machine web1 (console: pty)
#        ├── $tmp/run/db.sock   ── fake_machine db   (none; does not hear the power button)
#        └── $tmp/run/log.sock  ── fake_machine log  (a file)
no_daemon=1
# Whoever leads a session gets a pty he opens as his terminal, and SIGHUP when it ends.
if [ "$(ps -o sid= -p $$)" -eq $$ ]; then
	bash "$0" "$@"
	exit
fi
. "$(dirname "$0")/lib.sh"
need socat setpriv
machine=$build/tests/smoke/fake_machine
hvctl=$build/hypervisor/hvctl/hvctl
[ -x "$machine" ] || skip "$machine is not built"
run=$tmp/run
mkdir -m 755 "$run"
chmod 755 "$tmp"
declare -A machines=()

hv() {
	timeout 30 "$hvctl" --run-dir "$run" "$@"
}

start() { # NAME CONSOLE [deaf]
	"$machine" "$1" "$run" "${@:2}" >> "$tmp/log" 2>&1 < /dev/null &
	machines[$1]=$!
	children+=($!)
	within 5 hv show "$1" || bad "machine $1 does not start"
}

# says RC TEXT ARGUMENT...: hvctl ends with RC and its output mentions TEXT.
says() {
	local wanted=$1 text=$2 output rc
	shift 2
	output=$(hv "$@" 2>&1 < /dev/null)
	rc=$?
	if [ $rc = "$wanted" ] && [[ $output == *"$text"* ]]; then
		ok "exit $rc from '$*', which mentions '$text'"
	else
		bad "'$*' should end with $wanted and mention '$text'; exit $rc, said: $output"
	fi
}

gone() { # NAME: its process is
	! kill -0 "${machines[$1]}" 2> /dev/null
}

die() { # NAME
	kill -KILL "${machines[$1]}"
	wait "${machines[$1]}"
} 2> /dev/null

# --- no machine, three machines
says 0 "no machine" list
says 1 "there is no machine 'web1'" show web1
start web1 pty
start db none deaf
start log "$tmp/console.log"
equal "list names" "$(hv list | awk 'NR > 1 { print $1 }' | xargs)" "db log web1"
equal "lines of list are short" "$(hv list | awk 'length > 100' | wc -l)" 0
equal "list as JSON" "$(hv --json list | jq -r '[.machines[] | .name + " " + .state] | join(",")')" \
	"db running,log running,web1 running"
says 0 "VMBus     5.3" show web1
equal "pid" "$(hv --json show web1 | jq .pid)" "${machines[web1]}"
equal "memory and exits" "$(hv --json show db | jq -c '[.memory, .exits.returns]')" "[536870912,12]"

# --- the manual, the page and the completion know every command and method
for command in list show stop reset console add-nic del-nic; do
	check "manual and completion know $command" eval \
		"grep -q '^.It Ic $command' $top/hypervisor/hvctl/hvctl.1 && grep -q \"offer='[^']*$command\" $top/hypervisor/hvctl/hvctl.bash"
done
printf '{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n' |
	socat -t 1 - "UNIX-CONNECT:$run/web1.sock" > "$tmp/methods"
jq -r '.result.methods[] | "### " + .name, (.params[] | "| `" + .name + "` | " + .type)' \
	"$tmp/methods" > "$tmp/words"
jq -r '.result.errors[] | "| \(.code) | \(.name) | \(.help) |"' "$tmp/methods" >> "$tmp/words"
at_least "methods, parameters and errors" "$(wc -l < "$tmp/words")" 28
while read -r words; do
	grep -qF -- "$words" "$top/docs/hvhost-control.md" || bad "docs/hvhost-control.md lacks '$words'"
done < "$tmp/words"
while read -r word; do
	grep -q "\`$word\`" "$top/docs/hvhost-control.md" || bad "docs/hvhost-control.md lacks $word"
done < <(hv --json show web1 | jq -r 'keys[], (.nics[0] | keys[]), (.exits | keys[])')

# --- bad input
says 1 "there are: db, log, web1" show wbe1
says 1 "no name of a machine" show ../web1
says 2 "needs the NAME" show
says 2 "hvctl --help"
says 2 "hvctl stop NAME --now" destroy web1
says 2 "no option '--what'" show --what web1
says 2 "show has no option --now" show web1 --now
says 2 "0 to 86400" stop web1 --timeout never
says 2 "no KEY=VALUE" add-nic web1 back
says 2 "which port" add-nic web1 queues=2
says 2 "from 1 to 64" add-nic web1 port=p,queues=65
says 2 "port= is there twice" add-nic web1 port=p,port=q
for command in list show stop reset console add-nic del-nic; do
	says 0 "Examples:" "$command" --help
done

# --- one machine of a name
check "a second web1 is refused" eval \
	"! $machine web1 $run none > $tmp/second 2>&1 && grep -q 'runs already (pid ${machines[web1]})' $tmp/second"
touch "$run/file.sock"
check "what is no socket is left alone" eval \
	"! $machine file $run none > $tmp/second 2>&1 && grep -q 'is no socket' $tmp/second && [ -f $run/file.sock ]"
rm "$run/file.sock"
check "web1 is as before" hv show web1

# --- the console
says 0 "Linux version" console web1 --log
equal "the place of a pty" "$(hv --json show web1 | jq -r .console)" "$run/web1.console"
check "the link leads to a pty" test -c "$run/web1.console"
equal "typed through a pipe" "$(printf 'hello\r' | timeout 1 "$hvctl" --run-dir "$run" console db \
	--no-log | tr -d '\r' | head -n 2 | xargs)" "hello said: hello"
exec 3<> "$run/web1.console"
printf 'over the pty\r' >&3
check "typed at the pty" within 5 eval "$hvctl --run-dir $run console web1 --log | grep -q 'said: over the pty'"
check "heard at the pty" eval "timeout 5 grep -q -m 1 'said: over the pty' <&3"
exec 3>&-
equal "a console in a file" "$(head -n 1 "$tmp/console.log" | tr -d '\r')" "Linux version 6.1"

# Two look at it while the guest says 8 MiB; one of them does not read.
"$hvctl" --run-dir "$run" console db --no-log > "$tmp/fast" 2> /dev/null < /dev/null &
fast=$!
"$hvctl" --run-dir "$run" console db --no-log 2> /dev/null < /dev/null | (
	sleep 3
	cat > "$tmp/slow"
) &
children+=("$fast")
within 5 eval "[ \$($hvctl --run-dir $run --json show db | jq .viewers) = 2 ]" ||
	bad "two viewers are counted"
printf 'flood\r' | timeout 1 "$hvctl" --run-dir "$run" console db --no-log > /dev/null 2>&1
check "who reads sees the end of the flood" within 10 grep -q 'said: flood' "$tmp/fast"
check "list while somebody is slow" hv list
check "who is slow sees the end of the flood, too" within 20 grep -q 'said: flood' "$tmp/slow"
at_least "bytes left out for the slow one" "$(hv --json show db | jq .console_left_out)" 1
check "who is told so" grep -q 'bytes left out here' "$tmp/slow"
kill "$fast"
check "viewers leave" within 5 eval "[ \$($hvctl --run-dir $run --json show web1 | jq .viewers) = 0 ]"

# A guest that does not read, and a terminal that must be left all the same.
check "in a terminal" "$python" "$smoke_dir/hvctl_terminal.py" "$hvctl" --run-dir "$run" console log

# --- NICs
says 0 "NIC 'nic1' added to 'web1'" add-nic web1 port=web1-back
says 0 "NIC 'back' added" add-nic web1 port=p3,name=back,queues=2,mac=02:00:00:00:00:05
equal "the NICs" "$(hv --json show web1 | jq -r '[.nics[] | .name + "=" + .port] | join(" ")')" \
	"nic0=web1 nic1=web1-back back=p3"
says 0 "02:00:00:00:00:05" show web1
says 1 "there is a NIC 'back' already" add-nic web1 port=p4,name=back
says 0 "removed" del-nic web1 back
says 1 "no NIC 'back'" del-nic web1 back
equal "names for the completion" "$(hv --complete-nics web1 | xargs) $(hv --complete-names | xargs)" \
	"nic0 nic1 db log web1"

# --- hostile and broken clients
printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 1 - "UNIX-CONNECT:$run/web1.sock" > "$tmp/answer"
check "garbage is answered" grep -q -- -32700 "$tmp/answer"
head -c 20000 /dev/zero | tr '\0' x | socat -t 1 - "UNIX-CONNECT:$run/web1.sock" > "$tmp/answer" 2> /dev/null
check "a line without end is refused" grep -q 'too long' "$tmp/answer"
for n in 1 2 3 4 5 6 7 8 9; do
	socat -u "UNIX-CONNECT:$run/web1.sock" - > "$tmp/held-$n" 2>&1 &
	children+=($!)
done
check "nine at once are one too many" within 5 eval "grep -q 'too many clients' $tmp/held-*"
says 1 "too many clients" show web1
check "who is silent makes room after a while" within 15 hv show web1
check "nobody else may" eval "! setpriv --reuid 65534 --regid 65534 --clear-groups $hvctl --run-dir $run show db 2> $tmp/answer && grep -q 'no permission' $tmp/answer"
equal "list for nobody" "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$hvctl" \
	--run-dir "$run" list | awk '$2 == "hidden"' | wc -l)" 3

# --- power
says 0 "starts anew" reset web1
equal "resets" "$(hv --json show web1 | jq .resets)" 1
says 0 "machine 'web1' is off" stop web1
check "web1 has ended" within 2 gone web1
check "and left nothing" eval "! ls $run | grep -q web1"
says 0 "did not shut down within 1 s: its power was cut" stop db --timeout 1
check "db has ended" within 2 gone db
start db none deaf
says 0 "machine 'db' is off" stop db --now

# --- dead and silent ones
start web1 none
start db none
die web1
says 0 "has died and left $run/web1.sock" list
says 1 "does not run: it has left" show web1
equal "in JSON" "$(hv --json list | jq -r '.machines[] | select(.name == "web1").state')" gone
start web1 none
says 0 "machine web1: running" show web1
printf 'sleep\r' | timeout 1 "$hvctl" --run-dir "$run" console db > /dev/null 2>&1
before=$(date +%s%3N)
says 0 "does not answer within 2 s" list
at_most "milliseconds of a list with a silent machine" $(($(date +%s%3N) - before)) 4000
says 1 "kill -9 ${machines[db]}" show db
die db
kill -TERM "${machines[web1]}" "${machines[log]}"
check "SIGTERM ends the others" within 5 eval "! kill -0 ${machines[web1]} && ! kill -0 ${machines[log]}"
check "last words are in the file" grep -q 'Power down' "$tmp/console.log"
equal "only the dead one's socket is left" "$(ls "$run")" db.sock
finish
