#!/bin/bash
# format.bash REPOSITORY: every C file is as .clang-format has it. Each version of clang-format sets
# some lines in another way. Skipped (77) without the one that the files were formatted with.
set -eu

repository=$1
. "$(dirname "$0")/llvm.bash"
format=$(find_llvm clang-format) || { echo "$format"; exit 77; }
cd "$repository"
find bpf include user tests -name '*.[ch]' -print0 |
	xargs -0 -P 2 -n 16 "$format" --dry-run -Werror --style=file
