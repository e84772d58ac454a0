# bash test_completion.bash MEMPROBE.BASH: the completion offers what the tables of options hold.
set -u
. "$1" || exit 1
failures=0

# What completing WORD... offers; the last word is the one being typed.
complete_words() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_memprobe memprobe "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
}

expect() { # ANSWERS WORD...
	local expected=$1
	shift
	complete_words "$@"
	[ "${COMPREPLY[*]-}" = "$expected" ] && return
	echo "completing '$*': '${COMPREPLY[*]-}' instead of '$expected'"
	failures=$((failures + 1))
}

expect_one_of() { # ANSWER WORD...
	local expected=$1
	shift
	complete_words "$@"
	[[ " ${COMPREPLY[*]-} " == *" $expected "* ]] && return
	echo "completing '$*': '${COMPREPLY[*]-}' without '$expected'"
	failures=$((failures + 1))
}

expect "--max-nodes= --max-sites= --max-blocks=" memprobe --max
expect "--imports --import-frames" memprobe post --imp
expect "" memprobe post --dur
expect "first total self calls" memprobe post --sort ""
expect "total" memprobe post --sort = t
expect "first total self calls" memprobe --sort =
expect "tree table json jsonl csv collapsed speedscope pprof html" memprobe --format = ""
expect "off auto exact" memprobe --calls = ""
expect "auto" memprobe --calls = a
expect "growth grown" memprobe post --metric = gro
expect "text json" memprobe heap --format ""
expect "--every=" memprobe heap --ev
expect_one_of post memprobe pos
expect_one_of heap memprobe hea
expect_one_of bash memprobe -f bas
cd "$(dirname "$1")" || exit 1
expect_one_of CMakeCache.txt memprobe post CMakeC
expect_one_of CMakeCache.txt memprobe -o CMakeC

# A command's own words are completed by that command's completion.
_command_offset() { COMPREPLY=("offset $1"); }
expect "offset 4" memprobe -f -o file python3 -c
expect "offset 4" memprobe --min = 5 python3 ""
expect "offset 2" memprobe -- python3 -c
expect "offset 3" memprobe --min 5 python3 ""
exit $((failures != 0))
