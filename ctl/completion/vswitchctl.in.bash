# SPDX-License-Identifier: BSD-3-Clause
# Completes vswitchctl's command lines. What stands above is generated from its table of
# commands. Names of switches, ports and network cards are asked of the daemon, quickly and
# without a word if it is not there.

# Prints the words that begin with $2, out of a list in which @kinds stand for names. Nothing
# of them is ever expanded, whatever the daemon says.
_vswitchctl_offer() {
	local word names=
	local -a list
	read -ra list <<< "$1"
	for word in "${list[@]}"; do
		case $word in
		@switches | @ports | @nics)
			names+=" $("${_vswitchctl_ask[@]}" --complete-names "${word#@}" 2> /dev/null)"
			;;
		@netns) names+=" $(ls /run/netns 2> /dev/null)" ;;
		@*) ;;
		*) names+=" $word" ;;
		esac
	done
	read -ra list <<< "${names//$'\n'/ }"
	for word in "${list[@]}"; do
		[[ $word != "$2"* ]] || printf '%s\n' "$word"
	done
}

_vswitchctl() {
	local line=${COMP_LINE:0:COMP_POINT} words cur command='' offer prefix='' trim i n=0
	local -a _vswitchctl_ask=("${COMP_WORDS[0]/#\~/$HOME}")
	read -ra words <<< "$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	cur=${words[-1]}
	COMPREPLY=()

	# What was typed before decides what the word at the cursor is.
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		case ${words[i]} in
		--socket) _vswitchctl_ask+=("--socket=${words[i + 1]}") ;;
		--socket=*) _vswitchctl_ask+=("${words[i]}") ;;
		esac
		case ${words[i]} in
		--*=*) ;;
		-*)
			if _vswitchctl_valued "$command" "${words[i]}"; then
				((++i))
			fi
			;;
		*)
			if [[ -z $command ]]; then
				command=${words[i]}
			else
				((++n))
			fi
			;;
		esac
	done
	if ((i == ${#words[@]})); then # its flag was the last word before
		offer=$(_vswitchctl_values "$command" "${words[i - 2]}")
	elif [[ $cur == --*=* ]]; then
		offer=$(_vswitchctl_values "$command" "${cur%%=*}")
		prefix=${cur%%=*}=
		cur=${cur#*=}
	elif [[ $cur == -* ]]; then
		offer="$(_vswitchctl_flags "$command") $_vswitchctl_global"
	elif [[ -z $command ]]; then
		offer=$_vswitchctl_commands
	else
		offer=$(_vswitchctl_values "$command" $((n + 1)))
	fi

	if [[ $offer == @files* ]]; then
		compopt -o filenames 2> /dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [[ $offer == @list* && $cur == *,* ]]; then
		prefix+=${cur%,*},
		cur=${cur##*,}
	fi
	mapfile -t COMPREPLY < <(_vswitchctl_offer "$offer" "$cur")
	# bash replaces only what follows the last of its own word breaks.
	trim=$prefix$cur
	case $COMP_WORDBREAKS in
	*:*=* | *=*:*) trim=${trim%"${trim##*[:=]}"} ;;
	*=*) trim=${trim%"${trim##*=}"} ;;
	*:*) trim=${trim%"${trim##*:}"} ;;
	*) trim= ;;
	esac
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=$prefix${COMPREPLY[i]}
		COMPREPLY[i]=${COMPREPLY[i]#"$trim"}
	done
}
complete -F _vswitchctl vswitchctl
