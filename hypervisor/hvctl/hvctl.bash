# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Completes hvctl's command lines. Names of machines are those of the sockets there are; those of
# network cards are asked of the machine, and without a word if it is not there.

_hvctl() {
	local line=${COMP_LINE:0:COMP_POINT} words cur command='' machine='' offer='' trim='' word i
	local -a ask=("${COMP_WORDS[0]/#\~/$HOME}")
	read -ra words <<< "$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	cur=${words[-1]}
	COMPREPLY=()

	# What was typed before decides what the word at the cursor is.
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		case $word in
		--run-dir)
			ask+=(--run-dir "${words[i + 1]}")
			((++i))
			;;
		--run-dir=*) ask+=("$word") ;;
		--timeout) ((++i)) ;;
		-*) ;;
		*)
			if [[ -z $command ]]; then
				command=$word
			elif [[ -z $machine ]]; then
				machine=$word
			else
				command=. # nothing comes after that
			fi
			;;
		esac
	done
	if [[ ${words[-2]} == --run-dir ]]; then
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
	fi
	if [[ ${words[-2]} == --timeout || $command == . ]]; then
		return
	elif [[ $cur == -* ]]; then
		offer='--json --run-dir --help'
		case $command in
		'') offer+=' --version' ;;
		stop) offer+=' --timeout --now' ;;
		console) offer+=' --log --no-log' ;;
		esac
	elif [[ -z $command ]]; then
		offer='list show stop reset console add-nic del-nic'
	elif [[ -z $machine && $command != list ]]; then
		offer=$("${ask[@]}" --complete-names 2> /dev/null)
	elif [[ $command == add-nic ]]; then
		compopt -o nospace 2> /dev/null
		offer='port='
		if [[ $cur == *,* ]]; then
			offer="${cur%,*},queues= ${cur%,*},mac= ${cur%,*},name="
		elif [[ $cur == port=* ]]; then
			offer=$(vswitchctl --complete-names ports 2> /dev/null)
			offer=${offer:+port=${offer//$'\n'/ port=}}
		fi
	elif [[ $command == del-nic ]]; then
		offer=$("${ask[@]}" --complete-nics "$machine" 2> /dev/null)
	fi
	# Names hold no character that means anything to the shell.
	mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur")
	# bash replaces only what follows the last of its own word breaks.
	case $COMP_WORDBREAKS in
	*:*=* | *=*:*) trim=${cur%"${cur##*[:=]}"} ;;
	*=*) trim=${cur%"${cur##*=}"} ;;
	*:*) trim=${cur%"${cur##*:}"} ;;
	esac
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$trim"}
	done
}
complete -F _hvctl hvctl
