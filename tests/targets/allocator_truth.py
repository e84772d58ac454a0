"""What a process's own allocators say of its heap, and its RSS."""
import ctypes
import os
import sys

C = ctypes.CDLL("libc.so.6")


class Mallinfo(ctypes.Structure):
    """struct mallinfo2 of glibc 2.33; the older one has ints."""
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]


class OldMallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in Mallinfo.names]


def mallinfo():
    new = hasattr(C, "mallinfo2")
    ask = C.mallinfo2 if new else C.mallinfo
    ask.restype = Mallinfo if new else OldMallinfo
    return ask()


def rss():
    """By the page tables: other counters of the kernel are behind."""
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def trim():
    """What malloc_trim gives back."""
    before = rss()
    C.malloc_trim(0)
    return before - rss()


def write_pymalloc_stats(file):
    """sys._debugmallocstats() prints to the descriptor 2."""
    kept = os.dup(2)
    os.dup2(file, 2)
    sys._debugmallocstats()
    os.dup2(kept, 2)
    os.close(kept)
