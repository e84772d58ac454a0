# short_children.sh PYTHON DIRECTORY COUNT BYTES: a child that makes PYTHON's file known, unless
# DIRECTORY/unknown is there; then, when DIRECTORY/go is there, COUNT children that take BYTES each
# and end at once.
[ -e "$2/unknown" ] || "$1" -S -c pass
: >"$2/known"
while [ ! -e "$2/go" ]; do
	sleep 0.02
done
number=0
while [ $number -lt "$3" ]; do
	"$1" -S -c "taken = bytearray($4)"
	number=$((number + 1))
done
: >"$2/done"
