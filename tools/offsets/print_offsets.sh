#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Prints the offsets that one CPython's headers give for struct wire_layout, one `field value` a line:
#   print_offsets.sh [-t] INCLUDE_DIR [COMPILER_OPTION...]
# INCLUDE_DIR is the directory that holds Python.h, with internal/ below it (3.7+); -t asks for the
# free-threaded build. Debian keeps pyconfig.h apart: give -idirafter USR/include, which its wrapper
# searches for x86_64-linux-gnu/pythonX.Y/pyconfig.h.
#
# For a version without headers on this machine: `apt-get download libpythonX.Y-dev`, unpack it.
set -eu
here=$(dirname "$0")
free_threaded=
if [ "$1" = -t ]; then
	free_threaded=-DPy_GIL_DISABLED=1
	shift
fi
include=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -w -std=gnu11 $free_threaded -I "$include" -I "$include/internal" "$@" \
	-o "$work/print_offsets" "$here/print_offsets.c"
"$work/print_offsets"
