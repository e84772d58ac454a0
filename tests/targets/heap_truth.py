"""A heap on command, and what its own allocators say of it: one word a line on stdin, one line of
JSON on stdout.

keep      eight threads churn buffers of 20 to 32 KB, a small one in 200 stays on each arena
dicts     one of 200 dicts stays: each of pymalloc's arenas keeps one
large     32 MB in blocks of their own mapping, and 3 MB in blocks of 2,000 bytes
buffers   180 MB in blocks of 9,000 bytes, 1 in 400 stays
zeros     60 MB of zeros from calloc that are read, never written, and freed
busy      four threads allocate and free until `idle`
truth     what mallinfo() and sys._debugmallocstats() say
trim      malloc_trim(0); what that gave back
quit      end
"""
import gc
import json
import os
import re
import sys
import tempfile
import threading
import time

import allocator_truth
from allocator_truth import rss

KEPT = []
BUSY = threading.Event()
THREADS = []


def shard(queue):
    while queue:
        number = queue.pop()
        parts = [bytearray(32000 - number * 150) for _ in range(400)]
        KEPT.append([bytes(part[:3000]) for part in parts[::200]])


def in_threads(count, function, *arguments):
    threads = [threading.Thread(target=function, args=arguments) for _ in range(count)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    return threads


def keep():
    for thread in in_threads(8, shard, list(range(64))):
        thread.join()


def dicts():
    made = [{number: str(number)} for number in range(150000)]
    KEPT.append(made[::200])


def large():
    KEPT.append([bytearray(4 << 20) for _ in range(8)])
    KEPT.append([bytearray(2000) for _ in range(1500)])


def buffers():
    made = [bytearray(9000) for _ in range(20000)]
    KEPT.append(made[::400])


def zeros():
    bytes(31 << 20)  # freed: from now on blocks like this one come from the heap
    blocks = [bytes(15 << 20) for _ in range(4)]
    KEPT.append(bytearray(5000))  # keeps what is below it from being given back
    return {"ones": sum(block.count(1) for block in blocks)}


def churn():
    while BUSY.is_set():
        parts = [bytearray(600 + 37 * (number % 900)) for number in range(500)]
        small = [str(number) for number in range(2000)]
        del parts[::2], small[::3]


def busy():
    BUSY.set()
    THREADS.extend(in_threads(4, churn))


def idle():
    BUSY.clear()
    while THREADS:
        THREADS.pop().join()


def mallinfo():
    found = allocator_truth.mallinfo()
    return {"total": found.arena, "used": found.uordblks, "free": found.fordblks,
            "mapped": found.hblkhd}


def debugmallocstats():
    with tempfile.TemporaryFile("w+") as file:
        allocator_truth.write_pymalloc_stats(file.fileno())
        file.seek(0)
        return file.read()


def number_of(text, pattern):
    found = re.search(pattern, text)
    return int(found.group(1).replace(",", "")) if found else None


def pymalloc():
    text = debugmallocstats()
    pools = re.search(r"([\d,]+) unused pools \* ([\d,]+) bytes", text)
    if not pools:
        return None
    unused = [int(one.replace(",", "")) for one in pools.groups()]
    return {"arenas": number_of(text, r"# arenas allocated current += +([\d,]+)"),
            "used": number_of(text, r"# bytes in allocated blocks += +([\d,]+)"),
            "free": number_of(text, r"# bytes in available blocks += +([\d,]+)")
            + unused[0] * unused[1]}


def wait_for_threads():
    """A thread that was joined has yet to give its cache back to its arena, and to end."""
    while len(os.listdir("/proc/self/task")) > 1:
        time.sleep(0.001)


def truth():
    """malloc last: asking for the others takes buffers from it."""
    if not BUSY.is_set():
        wait_for_threads()
    gc.collect()
    told = {"pymalloc": None if BUSY.is_set() else pymalloc(), "rss": rss()}
    told["malloc"] = mallinfo()
    return told


def trim():
    return {"gave": allocator_truth.trim()}


def main():
    calls = {function.__name__: function for function in (keep, dicts, large, buffers, zeros, busy, idle,
                                                       truth, trim)}
    print(json.dumps({"pid": os.getpid()}), flush=True)
    for line in iter(sys.stdin.readline, ""):
        if line.strip() == "quit":
            break
        print(json.dumps(calls[line.strip()]() or {}), flush=True)


if __name__ == "__main__":
    main()
