"""Eight threads touch, populate and give back pieces of one mapping, with the GIL released."""
import ctypes
import mmap
import random
import threading

from truth import LIBC, MADV_DONTNEED, PAGE, Truth, address_of

TRUTH = Truth()
MADV_POPULATE_WRITE = 23
PAGES, TURNS = 4096, 200
MAPPING = mmap.mmap(-1, PAGES * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
BEGIN = address_of(MAPPING)
LIBC.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


def race(seed):
    chance = random.Random(seed)
    for _ in range(TURNS):
        first = chance.randrange(PAGES)
        length = min(chance.randrange(1, 700), PAGES - first) * PAGE
        kind = chance.random()
        if kind < 0.6:
            LIBC.memset(BEGIN + first * PAGE, 1, length)
        else:
            LIBC.madvise(BEGIN + first * PAGE, length,
                         MADV_DONTNEED if kind < 0.9 else MADV_POPULATE_WRITE)


THREADS = [threading.Thread(target=race, args=(seed,)) for seed in range(8)]
for thread in THREADS:
    thread.start()
for thread in THREADS:
    thread.join()
LIBC.madvise(BEGIN, PAGES * PAGE, MADV_DONTNEED)
TRUTH.write()
