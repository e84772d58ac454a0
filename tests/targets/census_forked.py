"""Objects of kinds that only their types' names tell, among others, in this process or in a forked
child ("forked"). Prints the number of the process that has them, and waits for the end of the
input."""
import array
import collections
import os
import sys

COUNT = 2000


class OfDeque(collections.deque):
    pass


class Plain:
    pass


def build():
    return {
        "sets": [set(range(i, i + 100)) for i in range(COUNT)],
        "frozen": [frozenset(float(j) for j in range(10)) for i in range(COUNT)],
        "deques": [collections.deque(object() for _ in range(100)) for _ in range(COUNT // 10)],
        "of_deque": [OfDeque(complex(j, 1) for j in range(100)) for _ in range(COUNT // 10)],
        "bytearrays": [bytearray(1000) for _ in range(COUNT)],
        "arrays": [array.array("d", [1.5]) * 200 for _ in range(COUNT)],
        "ordered": [collections.OrderedDict((j, [j]) for j in range(20)) for _ in range(COUNT)],
        "generators": [(j for j in range(i)) for i in range(COUNT)],
        "plain": [Plain() for _ in range(COUNT)],
        "ranges": [range(i) for i in range(COUNT)],
        "views": [memoryview(b"view") for _ in range(COUNT)],
    }


def main():
    child = os.fork() if "forked" in sys.argv[1:] else 0
    if child:
        os.waitpid(child, 0)
        return
    kept = build()
    print(os.getpid(), flush=True)
    sys.stdin.read()
    del kept
    os._exit(0)


main()
