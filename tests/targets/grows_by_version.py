"""Two versions of one program: argv[1] MB are kept by grow(); gone() or fresh() keep 3 MB more."""
import json
import sys

KEPT = []


def grow(size):
    KEPT.append(bytearray(size << 20))


def stay():
    KEPT.append(bytearray(5 << 20))
    KEPT.append(json.loads("[%s]" % ",".join(["[1, 2, 3]"] * 20000)))


def gone():
    KEPT.append(bytearray(3 << 20))


def main():
    grow(int(sys.argv[1]))
    stay()
    gone()


main()
