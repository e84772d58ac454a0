"""heap_kept.py CASE STATS: a heap that is known from within, at rest.

Cases: `malloc`, buffers that eight threads churned, of which few stay (dask#3530); `pymalloc`, one of
1,000 dicts stays; `leak`, all stays. Writes sys._debugmallocstats() to the file STATS, prints what
malloc says of itself, and waits for a line; then it calls malloc_trim, and prints what that gave back.
"""
import ctypes
import gc
import os
import sys
import threading

KEPT = []
C = ctypes.CDLL("libc.so.6")


def shard(queue):
    """Buffers below the mmap threshold; one small survivor in 200 holds the heap."""
    while queue:
        number = queue.pop()
        parts = [bytearray(32000 - number * 8) for _ in range(400)]
        KEPT.append([bytes(part[:3000]) for part in parts[::200]])


def case_malloc():
    queue = list(range(64))
    threads = [threading.Thread(target=shard, args=(queue,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def case_pymalloc():
    dicts = [{number: str(number)} for number in range(200000)]
    KEPT.append(dicts[::1000])


def case_leak():
    KEPT.append([bytearray(2000) for _ in range(20000)])
    KEPT.append([{number: str(number)} for number in range(100000)])


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
    found = ask()
    return found.uordblks, found.fordblks, found.hblkhd


def rss():
    """By the page tables: other counters of the kernel are behind."""
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def write_stats(path):
    fd, kept = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), os.dup(2)
    os.dup2(fd, 2)
    sys._debugmallocstats()
    os.dup2(kept, 2)
    os.close(fd)
    os.close(kept)


globals()["case_" + sys.argv[1]]()
gc.collect()
rss()
write_stats(sys.argv[2])
print("pid %d malloc %d %d %d" % ((os.getpid(),) + mallinfo()), flush=True)
os.read(0, 1)
before = rss()
C.malloc_trim(0)
print("trimmed %d" % (before - rss()), flush=True)
