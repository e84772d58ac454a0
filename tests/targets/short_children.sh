# short_children.sh DIRECTORY COUNT BYTES [WORD...]: a child that makes the file of the Python known
# that DIRECTORY/python names, unless DIRECTORY/unknown is there; then, when DIRECTORY/go is there,
# COUNT children that take BYTES each and end at once.
read -r python <"$1/python"
[ -e "$1/unknown" ] || "$python" -S -c pass
: >"$1/known"
while [ ! -e "$1/go" ]; do
	sleep 0.02
done
number=0
while [ $number -lt "$2" ]; do
	"$python" -S -c "taken = bytearray($3)"
	number=$((number + 1))
done
: >"$1/done"
