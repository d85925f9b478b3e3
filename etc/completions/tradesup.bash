# SPDX-License-Identifier: Apache-2.0
# Completion of tradesup(1) for bash.

_tradesup_workers()
{
	tradesup status --json 2>/dev/null |
		grep -o '"name":"[A-Za-z0-9._-]*"' | cut -d '"' -f 4
}

_tradesup_options()
{
	case $1 in
	run) echo "--log-format --log-level" ;;
	check | status | why | ledger | healing | version) echo "--json" ;;
	drill) echo "--json --keep" ;;
	events) echo "--json --follow --lines --worker" ;;
	logs) echo "--json --follow --lines" ;;
	start | stop | restart | remove | add) echo "--json --group" ;;
	hold | resume) echo "--json --reason" ;;
	crashes) echo "--json --last" ;;
	esac
	echo "--config --help"
}

_tradesup()
{
	local verbs="run check drill status why events logs start stop restart hold resume add
	    remove ledger
	    healing crashes version help"
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb="" words="" i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) i=$((i + 1)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	COMPREPLY=()
	case $before in
	-c | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames 2>/dev/null
		return
		;;
	--log-format) words="logfmt json" ;;
	--log-level) words="error warning notice info debug" ;;
	-w | --worker) words=$(_tradesup_workers) ;;
	-n | --lines | -g | --group | --reason) return ;;
	*)
		if [[ -z $verb ]]; then
			words="$verbs --config --help --version"
		elif [[ $word == -* ]]; then
			words=$(_tradesup_options "$verb")
		else
			case $verb in
			status | why | logs | start | stop | restart | hold | resume | remove | ledger | healing)
				words=$(_tradesup_workers) ;;
			add)
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
				;;
			help) words=$verbs ;;
			esac
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _tradesup tradesup
