"""heap_kept.py CASE STATS: a heap that is known from within, at rest.

Cases: `malloc`, buffers that eight threads churned, of which few stay (dask#3530); `pymalloc`, one of
1,000 dicts stays; `leak`, all stays. Writes sys._debugmallocstats() to the file STATS, prints what
malloc says of itself, and waits for a line; then it calls malloc_trim, and prints what that gave back.
"""
import gc
import os
import sys
import threading

from allocator_truth import mallinfo, rss, trim, write_pymalloc_stats

KEPT = []


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


def write_stats(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    write_pymalloc_stats(fd)
    os.close(fd)


globals()["case_" + sys.argv[1]]()
gc.collect()
rss()
write_stats(sys.argv[2])
found = mallinfo()
print("pid %d malloc %d %d %d" % (os.getpid(), found.uordblks, found.fordblks, found.hblkhd),
      flush=True)
os.read(0, 1)
print("trimmed %d" % trim(), flush=True)
