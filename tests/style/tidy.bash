#!/bin/bash
# tidy.bash REPOSITORY BUILD: clang-tidy has nothing to say of user/, with the checks and limits of
# .clang-tidy. Each version has other checks. Skipped (77) without clang-tidy 14 or
# compile_commands.json. Nearly all of its time goes into clang's analyzer, which looks at 20,000
# states a function instead of 225,000 unless MEMPROBE_LONG is set.
set -eu

repository=$1 build=$2
. "$(dirname "$0")/llvm.bash"
tidy=$(find_llvm clang-tidy) || { echo "$tidy"; exit 77; }
[ -e "$build/compile_commands.json" ] || { echo "skipped: there is no compile_commands.json"; exit 77; }
depth=(--extra-arg={-Xclang,-analyzer-config,-Xclang,max-nodes=20000})
[ -z "${MEMPROBE_LONG-}" ] || depth=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# bpftool's code is not ours: every function too long, and one leaks when memory runs out. That
# lies on a path through loader.c, so a header filter does not silence it.
for header in "$build"/bpf/*.skel.h; do
	{ echo '// NOLINTBEGIN'; cat "$header"; echo '// NOLINTEND'; } >"$work/${header##*/}"
done

# Only files that the build knows: a file can be newer than it. Counts of suppressed warnings say
# nothing.
cd "$repository"
find user -name '*.c' | sort | while read -r file; do
	! grep -q -F "$repository/$file\"" "$build/compile_commands.json" || printf '%s\0' "$file"
done | xargs -0 -P 2 -n 1 "$tidy" --quiet -p "$build" --extra-arg-before="-I$work" \
	"${depth[@]}" --header-filter="^$repository/(user|include|bpf)/" 2> >(grep -v -E '^[0-9]+ warning' >&2)
