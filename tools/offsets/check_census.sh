#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compares what user/census/census_layout knows of one version with CPython's headers:
#   check_census.sh INCLUDE_DIR [COMPILER_OPTION...]       (see print_offsets.sh)
# Prints the number of fields, and before it each that differs: name, header's, ours. Fails then.
# 3.13.5 says 7420 and 84 for the lists, which census_target.c finds out; of structs that end in what no
# reference stands in, we may have fewer bytes.
set -eu
here=$(dirname "$0")
user=$here/../../user
include=$1
shift
version=$(awk '/^#define PY_(MAJOR|MINOR)_VERSION/ { printf "%x%s", $3, $2 ~ /MAJOR/ ? "0" : "" }' "$include/patchlevel.h")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -w -std=gnu11 -DNDEBUG -I "$include" -I "$include/internal" "$@" \
	-o "$work/print_census" "$here/print_census.c"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -I "$user/census" -I "$user/base" \
	-o "$work/print_table" "$here/print_census_table.c" "$user/census/census_layout.c"
"$work/print_census" >"$work/headers"
"$work/print_table" "$version" >"$work/table"
sort "$work/headers" >"$work/headers.sorted"
sort "$work/table" >"$work/table.sorted"
join "$work/headers.sorted" "$work/table.sorted" |
	awk '$2 != $3 && !($1 ~ /_bytes$/ && $2 > $3) { print; failed = 1 } END { print NR " fields"; exit failed }'
