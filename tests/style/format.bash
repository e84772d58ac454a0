#!/bin/bash
# format.bash REPOSITORY: every C file is as .clang-format has it. Skipped (77) without clang-format.
set -eu

repository=$1
command -v clang-format >/dev/null || { echo "skipped: there is no clang-format"; exit 77; }
cd "$repository"
find bpf include user tests -name '*.[ch]' -print0 |
	xargs -0 -P 2 -n 16 clang-format --dry-run -Werror --style=file
