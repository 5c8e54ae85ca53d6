# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of the k7hsm tools. What can be completed is read from the tools' own --help, so that it never
# lags behind; installed once per tool (ctfm, enquiry, fmcall, fmrecover, fmsdk, hsm, k7reset, mkfm).

# Options and subcommands out of the help text on standard input.
_k7hsm_words()
{
	awk '
		/^(Options|Subcommands|Positionals):/ { section = $1; next }
		section == "Options:" && /^  -/ {
			n = split($1, names, ",")
			for (i = 1; i <= n; i++) print names[i]
		}
		section == "Subcommands:" && /^  [a-z]/ { sub(/,.*/, "", $1); print $1 }
	'
}

# Names of the cards that the driver knows: nodes and ESNs.
_k7hsm_cards()
{
	local node
	for node in /sys/class/k7hsm/k7pf*; do
		[ -e "$node" ] || continue
		echo "/dev/${node##*/}"
		cat "$node/esn" 2>/dev/null
	done
}

_k7hsm()
{
	local tool=$1 current=$2 previous=$3 word subcommand=
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		policy | smfs | init | login | logout | change-password | restart | zeroize | factory-reset | decommission) subcommand=$word ;;
		list | set | info | check) [[ $subcommand =~ ^(policy|smfs)$ ]] && subcommand+=" $word" || subcommand=$word ;;
		q | show | s | load | i | delete | d | activate | a | faults | log | cert | verify) subcommand=$word ;;
		esac
	done
	COMPREPLY=()
	case $previous in
	-d | --card)
		mapfile -t COMPREPLY < <(compgen -W "$(_k7hsm_cards)" -- "$current")
		return ;;
	--kind)
		mapfile -t COMPREPLY < <(compgen -W "firmware card function bus" -- "$current")
		return ;;
	--mode)
		mapfile -t COMPREPLY < <(compgen -W "operational maintenance boot-loader" -- "$current")
		return ;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W "rsa2048 rsa3072 rsa4096 ec-p256 ec-p384" -- "$current")
		return ;;
	--in | --out | --file | --fm-file | --cert | --fm-cert-file | --key | --elf | --password-file | --new-password-file | -c | -k | -o)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	-f)
		# The image of `ctfm load` and the ELF file of mkfm; elsewhere it is short for --force.
		if [[ ${tool##*/} == mkfm || $subcommand == load || $subcommand == i ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
		fi ;;
	esac
	local words
	words=$("$tool" $subcommand --help 2>/dev/null | _k7hsm_words)
	[[ -z $subcommand ]] || words+=$'\n'$("$tool" --help 2>/dev/null | _k7hsm_words | grep '^-')
	if [[ $current != -* && ( ${tool##*/} == fmrecover || ${tool##*/} == k7reset ) ]]; then
		words=$(_k7hsm_cards)
	elif [[ $current != -* && ${tool##*/} == mkfm && ( $subcommand == show || $subcommand == verify ) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	# Some options are the tool's and the subcommand's.
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current" | sort -u)
}

complete -F _k7hsm ctfm enquiry fmcall fmrecover fmsdk hsm k7reset mkfm
