"""After a fork: unshares.py HOW. Prints a line of JSON for each process that wrote to what it shares:
its pid, the function and by how much its private pages (Private_Dirty) grew.

read       three workers, a second after their fork, only read a list of strings
gc         a child collects garbage
freeze     the same after gc.freeze()
overwrite  a child writes to 32 MB of its parent's, then unmaps them
all        the same by MADV_POPULATE_WRITE and mlock, and what is growth within them
last       the parent writes to its own 32 MB after the child has gone: nobody shares them
fresh      a child writes to pages that are nobody's: the zero page, a file's private ones
forked     tells the pids of two workers that wait for the end of its stdin; then one reads as those
           of read, one writes to 32 MB of its parent's
pool       a Pool of three workers, forked, reads an argument of its parent's
"""
import ctypes
import gc
import json
import mmap
import multiprocessing
import os
import sys
import time

from truth import LIBC, PAGE, Ruler, address_of, advise, anonymous, size

WORKERS = 3
DATA = []
ROWS = 600000
MAPPED = 32
LOCKED = 2  # MB: what mlock allows anybody is 8
MADV_RANDOM, MADV_POPULATE_WRITE = 1, 23


def report(function, private):
    fact = {"pid": os.getpid(), "function": function.__name__, "private": private}
    os.write(1, (json.dumps(fact) + "\n").encode())


def measure(function, *arguments):
    """The ruler is opened in the process that it measures."""
    ruler = Ruler()
    before = ruler.field(b"Private_Dirty:")
    function(*arguments)
    ruler.read()
    report(function, ruler.field(b"Private_Dirty:") - before)


def load():
    for number in range(ROWS):
        DATA.append(("name%d" % number,))


def load_tracked():
    for number in range(ROWS // 2):
        DATA.append([number])


def read_all():
    total = 0
    for row in DATA:
        total += len(row[0])
    return total


def collect():
    gc.collect()


def touch(mapping):
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


def write_over(mapping):
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 2


def look(mapping):
    return sum(mapping[place] for place in range(0, len(mapping), PAGE))


def fork(work, *arguments):
    child = os.fork()
    if not child:
        work(*arguments)
        os._exit(0)
    return child


def work_later():
    time.sleep(1.5)
    measure(read_all)


def unshare_by_reading():
    load()
    for child in [fork(work_later) for _ in range(WORKERS)]:
        os.waitpid(child, 0)


def unshare_by_collecting(is_frozen=False):
    load_tracked()
    if is_frozen:
        gc.freeze()
    os.waitpid(fork(measure, collect), 0)


def unshare_by_writing():
    mapping = anonymous(size(MAPPED))
    touch(mapping)

    def work():
        measure(write_over, mapping)
        mapping.close()

    os.waitpid(fork(work), 0)


def populate(mapping):
    advise(mapping, MADV_POPULATE_WRITE)


def lock(mapping):
    if LIBC.mlock(ctypes.c_void_p(address_of(mapping)), ctypes.c_size_t(len(mapping))) != 0:
        raise OSError(ctypes.get_errno(), "mlock")


def lock_fresh(mapping):
    lock(mapping)


def lock_file(mapping):
    lock(mapping)


def fill_shared(mapping):
    advise(mapping, MADV_POPULATE_WRITE)


def fill_private(mapping):
    advise(mapping, MADV_POPULATE_WRITE)


def fill_at_random(mapping):
    advise(mapping, MADV_POPULATE_WRITE)


def map_privately(descriptor, length):
    return mmap.mmap(descriptor, length, flags=mmap.MAP_PRIVATE,
                     prot=mmap.PROT_READ | mmap.PROT_WRITE)


def private_memory():
    """A private mapping of memory that can be shared."""
    descriptor = LIBC.memfd_create(b"fresh", 0)
    os.ftruncate(descriptor, size(LOCKED))
    return map_privately(descriptor, size(LOCKED))


def evicted_file(name):
    """A private mapping of a file none of which is in the page cache: locked, it is copied, which
    is growth."""
    with open(name, "wb") as file:
        file.write(b"1" * size(LOCKED))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(name, "rb") as file:
        return map_privately(file.fileno(), size(LOCKED))


def write_to_all():
    populated, locked, fresh = [anonymous(size(LOCKED)) for _ in range(3)]
    touch(populated)
    touch(locked)
    shared = mmap.mmap(-1, size(LOCKED))
    private, file, at_random = private_memory(), evicted_file("read"), evicted_file("random")
    advise(at_random, MADV_RANDOM)  # it is not read ahead

    def work():
        measure(populate, populated)
        measure(lock, locked)
        lock_fresh(fresh)
        lock_file(file)
        fill_shared(shared)
        fill_private(private)
        fill_at_random(at_random)

    os.waitpid(fork(work), 0)


def write_as_last():
    mapping = anonymous(size(MAPPED))
    touch(mapping)
    os.waitpid(fork(touch, bytearray(PAGE)), 0)
    measure(write_over, mapping)


def write_to_fresh():
    nobodys = anonymous(size(MAPPED))
    with open("fresh", "wb") as file:
        file.truncate(size(MAPPED))
    with open("fresh", "rb") as file:
        private = map_privately(file.fileno(), size(MAPPED))

    def work():
        for mapping in (nobodys, private):
            look(mapping)
            measure(write_over, mapping)

    os.waitpid(fork(work), 0)


def work_when_told(function, *arguments):
    sys.stdin.read()
    measure(function, *arguments)


def unshare_when_told():
    load()
    mapping = anonymous(size(MAPPED))
    touch(mapping)
    children = [fork(work_when_told, read_all), fork(work_when_told, write_over, mapping)]
    os.write(1, (json.dumps(children) + "\n").encode())
    for child in children:
        os.waitpid(child, 0)


def read_part(number):
    measure(read_all)
    time.sleep(0.3)  # so that every worker gets one
    return number


def unshare_in_pool():
    load()
    context = multiprocessing.get_context("fork")
    with context.Pool(WORKERS) as pool:
        time.sleep(1)
        pool.map(read_part, range(WORKERS), 1)
        pool.close()
        pool.join()


WAYS = {
    "read": unshare_by_reading,
    "gc": unshare_by_collecting,
    "freeze": lambda: unshare_by_collecting(True),
    "overwrite": unshare_by_writing,
    "all": write_to_all,
    "last": write_as_last,
    "fresh": write_to_fresh,
    "forked": unshare_when_told,
    "pool": unshare_in_pool,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
