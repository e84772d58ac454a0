#!/bin/bash
# includes.bash CC LIBRARY:DIRECTORY[:DIRECTORY...]...: what a library's files can include. An
# include against the arrows of docs/design.md must not compile; one along them must.
set -eu

compiler=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
declare -A directories
for entry; do
	directories[${entry%%:*}]=${entry#*:}
done
failed=0

compiles() { # LIBRARY HEADER
	local -a flags=()
	local directory
	local IFS=:
	for directory in ${directories[$1]}; do
		flags+=("-I$directory")
	done
	echo "#include \"$2\"" >"$work/one.c"
	"$compiler" -std=gnu11 -D_GNU_SOURCE -fsyntax-only "${flags[@]}" "$work/one.c" 2>"$work/why"
}

allow() { # LIBRARY HEADER
	compiles "$1" "$2" && return
	echo "user/$1 cannot include $2:"
	cat "$work/why"
	failed=1
}

# The reason has to be that there is no such file.
forbid() { # LIBRARY HEADER
	if compiles "$1" "$2"; then
		echo "user/$1 can include $2, against the arrows"
		failed=1
	elif ! grep -q "$2: No such file\|'$2' file not found" "$work/why"; then
		echo "user/$1 and $2 fail for another reason:"
		cat "$work/why"
		failed=1
	fi
}

# LIBRARY: what it can include / what it cannot
arrows='
	base	memory.h / profile.h dump.h report.h elf_file.h run.h options.h
	model	memory.h profile.h / dump.h report.h elf_file.h run.h options.h
	dump	memory.h profile.h dump.h / report.h elf_file.h run.h options.h
	html	memory.h page.h / profile.h report.h dump.h options.h
	report	memory.h profile.h page.h report.h / dump.h elf_file.h run.h options.h
	target	memory.h elf_file.h / profile.h dump.h report.h run.h options.h inspector.h
	resolve	memory.h elf_file.h source_names.h / profile.h dump.h report.h run.h options.h inspector.h
	inspect	memory.h elf_file.h source_names.h inspector.h / profile.h dump.h report.h run.h options.h
	capture	memory.h profile.h dump.h elf_file.h inspector.h run.h / report.h options.h
	cli	memory.h profile.h dump.h report.h options.h run.h /
'

while read -r library headers; do
	[ -n "$library" ] || continue
	for header in ${headers%%/*}; do
		allow "$library" "$header"
	done
	for header in ${headers#*/}; do
		forbid "$library" "$header"
	done
done <<<"$arrows"
exit $failed
