#!/bin/bash
# No file of user/ and bpf/ has more than 500 lines: lengths.bash REPOSITORY
set -euo pipefail

long=$(cd "$1" && find user bpf -name node_modules -prune -o -type f -name '*.[ch]' -exec wc -l {} + |
	awk '$2 != "total" && $1 > 500')
[ -z "$long" ] || { echo "longer than 500 lines:"; echo "$long"; exit 1; }
