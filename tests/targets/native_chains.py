"""What asks malloc() for memory through several C libraries, and through Python that C calls."""
import ctypes
import functools
import io
import json
import pickle
import re
import time
import zlib

TIMES = 4
KEPT = []


def pickled():
    return pickle.loads(pickle.dumps([{"a%d" % i: i} for i in range(20000)]))


def parsed():
    return json.loads(json.dumps([{"a%d" % i: "y" * 300} for i in range(3000)]))


def matched():
    return re.findall(r"(\w+)\s", ("h" * 300 + " ") * 2000)


def compared():
    key = functools.cmp_to_key(lambda a, b: len(bytes(400) + a) - len(b))
    return sorted((bytes(300 + i % 7) for i in range(3000)), key=key)


class Hashed:
    def __hash__(self):
        return hash(bytes(300))

    def __eq__(self, other):
        return bytes(500) == other


def hashed():
    return {Hashed(): 1 for _ in range(200)}


def called_back():
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    numbers = (ctypes.c_int * 500)(*range(500))
    ctypes.CDLL(None).qsort(numbers, 500, 4, kind(lambda a, b: len(bytes(1000)) and (a > b)))


def packed():
    return [zlib.decompress(zlib.compress(bytes(5000 + i))) for i in range(500)]


def recursed(depth):
    return [bytes(400)] + (recursed(depth - 1) if depth else [])


def generated():
    return sum(len(text) for text in (bytes(300 + i) for i in range(3000)))


def read():
    return io.BytesIO(b"x" * 1000 * 1000).read().splitlines()


def main():
    for _ in range(TIMES):
        for step in (pickled, parsed, matched, compared, hashed, called_back, packed, generated, read):
            KEPT.append(step())
        recursed(100)
        time.sleep(0.1)  # files that were met have their rows


main()
