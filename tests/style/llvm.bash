#!/bin/bash
# Read by the other scripts here: which of LLVM's tools they use.
llvm_version=14

# Prints the path of a tool of that version, or why there is none.
find_llvm() { # NAME
	local found
	! command -v "$1-$llvm_version" || return 0
	found=$(command -v "$1") || { echo "skipped: there is no $1"; return 1; }
	if "$found" --version | grep -q "version $llvm_version\."; then
		echo "$found"
		return 0
	fi
	echo "skipped: this is not $1 $llvm_version but$("$found" --version | grep -o -m 1 ' version [0-9.]*')"
	return 1
}
