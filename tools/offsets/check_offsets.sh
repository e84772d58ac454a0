#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compares offset_table.def with CPython's headers; takes the arguments of print_offsets.sh.
# Prints the differences, table first, and fails when there are any.
set -eu
here=$(dirname "$0")
user=$here/../../user
free_threaded=0
[ "$1" != -t ] || free_threaded=1
include=$1
[ "$1" != -t ] || include=$2
# patchlevel.h is made of plain numbers: PY_VERSION_HEX of a final release.
version=$(awk '/^#define PY_(MAJOR|MINOR|MICRO)_VERSION/ { printf "%02x", $3 }' "$include/patchlevel.h")f0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -I "$user/target" -I "$user/base" -I "$user/../include" \
	-o "$work/print_table" "$here/print_table.c" "$user/target/offset_table.c"
"$work/print_table" "$version" "$free_threaded" >"$work/table"
"$here/print_offsets.sh" "$@" >"$work/headers"
diff "$work/table" "$work/headers"
