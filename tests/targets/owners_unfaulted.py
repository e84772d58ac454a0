"""Pages that the kernel brings in without a fault: owners_unfaulted.py HOW. Prints a line of JSON for
each function: its process, and what is there of what it has brought in, by mincore().

parts      MADV_POPULATE_WRITE of 64 KB of each of some huge pages
"""
import ctypes
import json
import mmap
import os
import sys

from truth import LIBC, MADV_HUGEPAGE, MB, PAGE, address_of

HUGE = 2 * MB
NR_HUGE = 6
MADV_POPULATE_WRITE = 23


def advise_part(mapping, begin, length, advice):
    """A kernel that does not know the advice has no owners either."""
    LIBC.madvise(ctypes.c_void_p(address_of(mapping) + begin), length, advice)


def resident(mapping, begin, length):
    there = (ctypes.c_ubyte * (length // PAGE))()
    address = ctypes.c_void_p(address_of(mapping) + begin)
    if LIBC.mincore(address, ctypes.c_size_t(length), there) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return sum(page & 1 for page in there) * PAGE


def report(function, live):
    fact = {"pid": os.getpid(), "function": function.__name__, "live": live}
    os.write(1, (json.dumps(fact) + "\n").encode())


def private(length):
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def populate_parts(mapping, begin):
    for i in range(NR_HUGE):
        advise_part(mapping, begin + i * HUGE, 16 * PAGE, MADV_POPULATE_WRITE)


def bring_parts():
    mapping = private((NR_HUGE + 1) * HUGE)
    begin = -address_of(mapping) % HUGE
    advise_part(mapping, 0, len(mapping), MADV_HUGEPAGE)
    populate_parts(mapping, begin)
    report(populate_parts, resident(mapping, begin, NR_HUGE * HUGE))
    return mapping


HOWS = {"parts": bring_parts}
KEPT = HOWS[sys.argv[1]]()
