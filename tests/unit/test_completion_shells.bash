# bash test_completion_shells.bash BUILD: zsh's and fish's completions know every option that bash's
# does, each shell that is there reads its own, and fish completes with it.
set -u
cd "$1" && . ./memprobe.bash || exit 1
failures=0

fail() {
	echo "$*"
	failures=$((failures + 1))
}

for command in "${!_memprobe_options[@]}"; do
	for option in ${_memprobe_options[$command]}; do
		name=${option#--} name=${name%=}
		[[ $option == --* ]] || continue
		grep -qE -- "--$name([=\[}]|=-)" memprobe.zsh || fail "zsh: no $option of $command"
		place=$command
		[ "$command" != capture ] || place=
		grep -q -- "_memprobe_is $place' -l $name " memprobe.fish || fail "fish: no $option of $command"
	done
done

if command -v zsh >/dev/null; then
	zsh -n memprobe.zsh || fail "zsh cannot read its completion"
else
	echo "zsh is not there: its completion is not read"
fi

expect() { # ANSWERS LINE: what fish offers, in any order
	local answers
	answers=$(HOME=/nonexistent fish --no-config -c "source memprobe.fish; complete -C '$2'" 2>/dev/null | cut -f1 | sort | tr '\n' ' ')
	[ "${answers% }" = "$1" ] || fail "fish completes '$2': '${answers% }' instead of '$1'"
}

if command -v fish >/dev/null; then
	expect "--sort=calls --sort=first --sort=self --sort=total" "memprobe post --sort="
	expect "--metric=grown --metric=growth" "memprobe --metric=gro"
	expect "--import-frames --imports" "memprobe post --import"
	expect "--max-blocks --max-nodes --max-sites" "memprobe --max"
	expect "" "memprobe post --dur"
else
	echo "fish is not there: nothing is completed with it"
fi
exit $((failures != 0))
