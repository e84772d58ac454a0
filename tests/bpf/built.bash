#!/bin/bash
# built.bash FILE COMMAND...: runs COMMAND, a test of FILE that only tools/test builds. Skipped (77)
# without it.
set -eu

file=$1
shift
[ -e "$file" ] || { echo "skipped: ${file##*/build/} is not built (tools/build bpf_objects)"; exit 77; }
exec "$@"
