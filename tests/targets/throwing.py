"""Operators new that throw, beside blocks that malloc hands out: each answer is a line.

Arguments: a library of throws.cpp, `handler` or `-`, and functions of it. Waits for a line on stdin
before and behind.
"""
import ctypes
import sys

from allocating import KEPT_BYTES, MALLOC, hold

KEPT = 500
SIZES = (1000, 300000, 1 << 62)


def keep_beside():
    for _ in range(KEPT):
        hold(MALLOC(KEPT_BYTES))


def main():
    library = ctypes.CDLL(sys.argv[1])
    print("begun", flush=True)
    sys.stdin.readline()
    keep_beside()
    if sys.argv[2] == "handler":
        library.throws_from_handler()
    for name in sys.argv[3:]:
        for size in SIZES:
            print(name, size, library[name](ctypes.c_size_t(size)), flush=True)
    print("ended", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
