#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compares what user/target/python_reader knows of one version with CPython's headers:
#   check_objects.sh INCLUDE_DIR [COMPILER_OPTION...]       (see print_offsets.sh)
# Prints the number of fields, and before it each that differs: name, header's, ours. Fails then.
set -eu
here=$(dirname "$0")
user=$here/../../user
include=$1
shift
version=$(awk '/^#define PY_(MAJOR|MINOR)_VERSION/ { printf "%x%s", $3, $2 ~ /MAJOR/ ? "0" : "" }' "$include/patchlevel.h")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -w -std=gnu11 -DNDEBUG -I "$include" -I "$include/internal" "$@" \
	-o "$work/print_objects" "$here/print_objects.c"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -I "$user/target" -I "$user/base" -I "$user/../include" \
	-o "$work/print_table" "$here/print_object_table.c" "$user/target/python_reader.c" \
	"$user"/base/memory.c "$user"/base/log.c "$user"/base/terminal.c
"$work/print_objects" >"$work/headers"
"$work/print_table" "$version" >"$work/table"
sort "$work/headers" >"$work/headers.sorted"
sort "$work/table" >"$work/table.sorted"
join -a 1 "$work/headers.sorted" "$work/table.sorted" |
	awk '$2 != $3 { print; failed = 1 } END { print NR " fields"; exit failed }'
