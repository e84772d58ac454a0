#!/bin/bash
# test_target_objects.bash REPOSITORY READER: under every Python there is, objects of many kinds are
# read from outside as that Python sees them itself. Versions without a Python are named.
set -eu

repository=$1 reader=$2
failed=0
found=' '

check() { # NAME VERSION COMMAND
	local output
	local -a command
	read -r -a command <<<"$3"
	if output=$("$reader" "${command[@]}" -W ignore "$repository/tests/targets/objects.py"); then
		echo "$1 ($2): $(tail -n 1 <<<"$output")"
		sed -n 's/^\(.* us, .* reads\)$/	\1/p' <<<"$output"
	else
		printf '%s (%s) FAILED:\n%s\n' "$1" "$2" "$output"
		failed=1
	fi
}

while IFS=$'\t' read -r name version _ command <&3; do
	# Free-threaded builds have other objects.
	case $name in built-*t) echo "skipped: $name is free-threaded"; continue ;; esac
	found+="$(cut -d. -f1,2 <<<"$version") "
	check "$name" "$version" "$command"
done 3< <("$repository/tools/interpreters" list)
for minor in {6..15}; do
	[[ $found == *" 3.$minor "* ]] || echo "skipped: there is no Python 3.$minor"
done
[ "$found" != ' ' ] || { echo "skipped: there is no Python"; exit 77; }
exit $failed
