
# Above: what `memprobe --completion` tells of its tables of options. `=` parts words for bash:
# --sort=f is three of them. The command that a capture runs is completed by its own completion.

_memprobe_takes_value() { # OPTION
	[[ $1 == -[$_memprobe_letters] || " ${_memprobe_options[capture]} " == *" $1= "* ]]
}

# The index of the first word of the command that is to be run, of COMP_WORDS.
_memprobe_command_index() {
	local index=1
	while [[ $index -lt $COMP_CWORD ]]; do
		case ${COMP_WORDS[index]} in
		--) index=$((index + 1)); break ;;
		-*)
			if [[ ${COMP_WORDS[index + 1]-} == = ]]; then
				index=$((index + 2))
			elif _memprobe_takes_value "${COMP_WORDS[index]}"; then
				index=$((index + 1))
			fi ;;
		*) break ;;
		esac
		index=$((index + 1))
	done
	echo "$index"
}

_memprobe_is_in_command() { # INDEX
	[[ $1 -lt $COMP_CWORD || ($1 -eq $COMP_CWORD && ${COMP_WORDS[$1 - 1]} == --) ]] &&
		declare -F _command_offset >/dev/null
}

_memprobe() {
	local current=$2 previous=$3 command=capture index
	[[ $current != = ]] || current=
	[[ $previous != = ]] || previous=${COMP_WORDS[COMP_CWORD - 2]}
	if [[ $COMP_CWORD -gt 1 && " $_memprobe_commands " == *" ${COMP_WORDS[1]} "* ]]; then
		command=${COMP_WORDS[1]}
	else
		index=$(_memprobe_command_index)
		if _memprobe_is_in_command "$index"; then
			_command_offset "$index"
			return
		fi
	fi
	COMPREPLY=()
	if [[ -n $previous && -n ${_memprobe_choices["$command $previous"]-} ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${_memprobe_choices["$command $previous"]}" -- "$current")
	elif [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${_memprobe_options[$command]}" -- "$current")
		[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
	elif [[ $command == capture ]] && ! _memprobe_takes_value "$previous"; then
		mapfile -t COMPREPLY < <(compgen -c -W "$_memprobe_commands" -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames 2>/dev/null
	fi
}
complete -F _memprobe memprobe
