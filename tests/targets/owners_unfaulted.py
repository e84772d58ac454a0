"""Pages that come around such as nobody is known to have touched, or without a fault:
owners_unfaulted.py HOW. Prints a line of JSON for each function: its process, and what is there of
what it has brought in, of which kind.

parts      MADV_POPULATE_WRITE of 64 KB of each of some huge pages
inherited  a child fills what its parent has touched a part of, by MADV_POPULATE_WRITE, then by mlock,
           and drops that part
collapsed  the same by MADV_COLLAPSE of huge pages whose first half was touched
shared     of shared memory; then a child does it of what its parent has touched, and the parent reads
           that again. Where that has no huge pages nothing is reported
ready      MADV_POPULATE_READ of parts of a file and of shared memory, whose pages are ready; and a file
           is written from another, past the page cache
copied     a child reads every other 64 KB of a private file, and writes to those between, which its
           parent has read
cut        a part of each of some huge pages, of shared memory and of a file, is made read-only,
           dropped, and unmapped: the kernel takes all of them out. What it has no huge pages for is
           not reported
split      a huge page that is split: what of it is zeros goes (Linux 6.12)
locked     mlock of a private file that another function has read; then, with all memory locked that
           comes, what mprotect lets be written to, and what sbrk adds to the heap
truncated  two files are read, one is written to, where that brings no page, and the other truncated
"""
import ctypes
import json
import mmap
import os
import sys
import tempfile

from truth import LIBC, MADV_DONTNEED, MADV_HUGEPAGE, MB, PAGE, address_of, anonymous, size

HUGE = 2 * MB
NR_HUGE = 6
AROUND = 16 * PAGE  # what comes with a page of a file
MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_COLLAPSE = 22, 23, 25
MADV_COLD = 20
MCL_FUTURE = 2
MAP_FIXED = 0x10


def advise_part(mapping, begin, length, advice):
    """A kernel that does not know the advice has no owners either."""
    return LIBC.madvise(ctypes.c_void_p(address_of(mapping) + begin), length, advice) == 0


def resident(mapping, begin, length):
    there = (ctypes.c_ubyte * (length // PAGE))()
    address = ctypes.c_void_p(address_of(mapping) + begin)
    if LIBC.mincore(address, ctypes.c_size_t(length), there) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return sum(page & 1 for page in there) * PAGE


def report(function, live, kind="anon"):
    fact = {"pid": os.getpid(), "function": function.__name__, "live": live, "kind": kind}
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


def touch(mapping, begin, end):
    for place in range(begin, end, PAGE):
        mapping[place] = 1


def populate(mapping):
    advise_part(mapping, 0, len(mapping), MADV_POPULATE_WRITE)


def lock(mapping):
    if LIBC.mlock(ctypes.c_void_p(address_of(mapping)), ctypes.c_size_t(len(mapping))) != 0:
        raise OSError(ctypes.get_errno(), "mlock")
    LIBC.munlock(ctypes.c_void_p(address_of(mapping)), ctypes.c_size_t(len(mapping)))


def drop(mapping, end):
    advise_part(mapping, 0, end, MADV_DONTNEED)


def in_child(work, *arguments):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        work(*arguments)
        os._exit(0)


def fill_and_drop(function, mapping):
    """What was there stays [inherited] until it is dropped; all else is the function's."""
    function(mapping)
    drop(mapping, len(mapping) // 2)
    report(function, resident(mapping, 0, len(mapping)))


def fill_inherited():
    for function, megabytes in (populate, 16), (lock, 6):  # mlock allows anybody 8
        mapping = anonymous(size(megabytes))
        touch(mapping, 0, len(mapping) // 2)
        in_child(fill_and_drop, function, mapping)


def collapse(mapping, begin):
    return advise_part(mapping, begin, NR_HUGE * HUGE, MADV_COLLAPSE)


def collapse_and_drop(mapping, begin):
    collapse(mapping, begin)
    for place in range(begin, begin + NR_HUGE * HUGE, HUGE):
        advise_part(mapping, place, HUGE // 2, MADV_DONTNEED)
    report(collapse, resident(mapping, begin, NR_HUGE * HUGE))


def collapse_inherited():
    mapping = private((NR_HUGE + 1) * HUGE)
    begin = -address_of(mapping) % HUGE
    for place in range(begin, begin + NR_HUGE * HUGE, HUGE):
        touch(mapping, place, place + HUGE // 2)
    in_child(collapse_and_drop, mapping, begin)


def touch_halves(mapping):
    for place in range(0, NR_HUGE * HUGE, HUGE):
        touch(mapping, place, place + HUGE // 2)


def shared_at(begin):
    """Where the offset in it fits the address: else it has no huge pages."""
    LIBC.mmap.restype = ctypes.c_void_p
    LIBC.mmap(ctypes.c_void_p(begin), ctypes.c_size_t(NR_HUGE * HUGE),
              mmap.PROT_READ | mmap.PROT_WRITE,
              mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | MAP_FIXED, -1, ctypes.c_long(0))
    return (ctypes.c_ubyte * (NR_HUGE * HUGE)).from_address(begin)


def collapse_shared():
    room = private((2 * NR_HUGE + 1) * HUGE)
    begin = address_of(room) + -address_of(room) % HUGE
    mapping = shared_at(begin)
    touch_halves(mapping)
    if collapse(mapping, 0):
        report(touch_halves, NR_HUGE * HUGE // 2, "shmem")
        report(collapse, NR_HUGE * HUGE // 2, "shmem")
    collapse_by_child(shared_at(begin + NR_HUGE * HUGE))
    return room


def collapse_by_child(mapping):
    touch_shared(mapping, 0)
    in_child(collapse, mapping, 0)
    read_large(mapping, 0)
    if has_huge_pages("ShmemPmdMapped:"):
        report(touch_shared, 0, "shmem")
        report(read_large, NR_HUGE * HUGE, "shmem")


def populate_file(mapping):
    for place in range(8 * PAGE, len(mapping), 64 * PAGE):
        advise_part(mapping, place, 2 * PAGE, MADV_POPULATE_READ)


def populate_shared(mapping):
    for place in range(20 * PAGE, len(mapping), 256 * PAGE):
        advise_part(mapping, place, 100 * PAGE, MADV_POPULATE_READ)


def write_directly(mapping):
    with tempfile.NamedTemporaryFile() as file:
        other = os.open(file.name, os.O_WRONLY | os.O_DIRECT)
        os.write(other, mapping)
        os.close(other)


def shared_filled(length):
    """Whose pages are ready, but not mapped."""
    mapping = mmap.mmap(-1, length)
    touch(mapping, 0, length)
    advise_part(mapping, 0, length, MADV_DONTNEED)
    return mapping


def bring_ready():
    mappings = file_of(size(8)), shared_filled(size(8)), file_of(size(4))
    for function, mapping, kind in zip((populate_file, populate_shared, write_directly), mappings,
                                       ("file", "shmem", "file")):
        try:
            function(mapping)
        except OSError:  # the file system knows no O_DIRECT
            continue
        report(function, present(address_of(mapping), len(mapping)), kind)
    return mappings


def read_every_other(mapping, begin):
    return sum(mapping[place] for place in range(begin, len(mapping) - AROUND, 2 * AROUND))


def read_file(mapping, begin):
    read_every_other(mapping, begin)


def write_file(mapping, begin):
    for place in range(begin, len(mapping) - AROUND, 2 * AROUND):
        touch(mapping, place, place + AROUND)


def read_and_write(mapping, begin, length):
    read_file(mapping, begin + AROUND)
    write_file(mapping, begin)
    report(read_file, length // 2, "file")
    report(write_file, length // 2)


def copy_inherited():
    length = size(8) // (2 * AROUND) * 2 * AROUND
    with tempfile.TemporaryFile() as file:
        file.write(bytes(length + 2 * AROUND))
        file.flush()
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    begin = -address_of(mapping) % AROUND
    # A fork copies the page tables where a page is the process's own.
    mapping[len(mapping) - 1] = 1
    read_every_other(mapping, begin)
    in_child(read_and_write, mapping, begin, length)


def present(address, length):
    """Pages in the process's own tables."""
    with open("/proc/self/pagemap", "rb", 0) as pagemap:
        pagemap.seek(address // PAGE * 8)
        entries = pagemap.read(length // PAGE * 8)
    return sum(entry >> 7 for entry in entries[7::8]) * PAGE


def has_huge_pages(field):
    with open("/proc/self/smaps_rollup") as file:
        return any(line.startswith(field) and int(line.split()[1]) for line in file)


def touch_shared(mapping, begin):
    touch(mapping, begin, begin + NR_HUGE * HUGE)


def read_large(mapping, begin):
    return sum(mapping[place] for place in range(begin, begin + NR_HUGE * HUGE, PAGE))


def cut(mapping, begin):
    part = 100 * PAGE
    places = [address_of(mapping) + begin + i * HUGE + part for i in range(3)]
    LIBC.mprotect(ctypes.c_void_p(places[0]), ctypes.c_size_t(part), mmap.PROT_READ)
    LIBC.madvise(ctypes.c_void_p(places[1]), part, MADV_DONTNEED)
    LIBC.munmap(ctypes.c_void_p(places[2]), ctypes.c_size_t(part))


def bring_and_cut(function, mapping, kind, field):
    begin = -address_of(mapping) % HUGE
    advise_part(mapping, 0, len(mapping), MADV_HUGEPAGE)
    function(mapping, begin)
    if has_huge_pages(field):
        cut(mapping, begin)
        report(function, present(address_of(mapping) + begin, NR_HUGE * HUGE), kind)
    return mapping


def cut_huge_pages():
    length = (NR_HUGE + 1) * HUGE
    shared = bring_and_cut(touch_shared, mmap.mmap(-1, length), "shmem", "ShmemPmdMapped:")
    with tempfile.TemporaryFile() as file:
        file.write(b"1" * length)
        file.flush()
        mapping = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY)
    return shared, bring_and_cut(read_large, mapping, "file", "FilePmdMapped:")


def anonymous_bytes():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Anonymous:")) * 1024


def touch_parts(mapping, begin):
    for i in range(NR_HUGE):
        touch(mapping, begin + i * HUGE, begin + i * HUGE + HUGE // 4)


def split_huge_pages():
    mapping = private((NR_HUGE + 1) * HUGE)
    begin = -address_of(mapping) % HUGE
    advise_part(mapping, 0, len(mapping), MADV_HUGEPAGE)
    before = anonymous_bytes()
    touch_parts(mapping, begin)
    for i in range(NR_HUGE):
        advise_part(mapping, begin + i * HUGE, 4 * PAGE, MADV_COLD)
    report(touch_parts, anonymous_bytes() - before)
    return mapping


def read_private(mapping):
    return sum(mapping[place] for place in range(0, len(mapping), PAGE))


def lock_copies():
    length = size(4)
    with tempfile.TemporaryFile() as file:
        file.write(b"1" * length)
        file.flush()
        mapping = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY)
    read_private(mapping)
    lock(mapping)
    report(read_private, 0, "file")
    report(lock, present(address_of(mapping), length))
    return mapping


def let_write(address, length):
    LIBC.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length),
                  mmap.PROT_READ | mmap.PROT_WRITE)


def grow_heap(length):
    return LIBC.sbrk(ctypes.c_long(length))


def bring_locked():
    LIBC.mmap.restype = LIBC.sbrk.restype = ctypes.c_void_p
    kept, length = lock_copies(), size(4)
    if LIBC.mlockall(MCL_FUTURE) != 0:
        raise OSError(ctypes.get_errno(), "mlockall")
    address = LIBC.mmap(None, ctypes.c_size_t(length), 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                        -1, ctypes.c_long(0))
    let_write(address, length)
    report(let_write, present(address, length))
    report(grow_heap, present(grow_heap(length), length))
    LIBC.munlockall()
    return kept


def file_of(length):
    """Mapped, in small pages, of which none is dirty."""
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(length // PAGE):
            file.write(bytes(PAGE))
        os.fsync(file.fileno())
        return mmap.mmap(file.fileno(), 0)


def read_all(mapping):
    return sum(mapping[place] for place in range(0, len(mapping), PAGE))


def read_index(mapping):
    read_all(mapping)


def read_log(mapping):
    read_all(mapping)


def write_index(mapping):
    for page in range(4):
        mapping[page * PAGE] = 1


def shrink_log(mapping):
    """By ftruncate. It tells no address of what goes, so that stays with who has read it."""
    mapping.resize(AROUND)


def truncate_another():
    index, log = file_of(HUGE), file_of(size(8))
    read_index(index)
    read_log(log)
    report(read_log, len(log), "file")
    write_index(index)
    shrink_log(log)
    report(read_index, len(index), "file")
    return index, log


HOWS = {"parts": bring_parts, "inherited": fill_inherited, "collapsed": collapse_inherited,
        "shared": collapse_shared, "ready": bring_ready,
        "copied": copy_inherited, "truncated": truncate_another, "cut": cut_huge_pages,
        "split": split_huge_pages, "locked": bring_locked}
KEPT = HOWS[sys.argv[1]]()
