"""Functions that take known amounts, interleaved, and give back what others took.

A ledger knows whose every MB is, at the end and at the highest moment. Every amount is of pages that
nobody has touched before, and goes as a whole: what malloc keeps for itself is not part of it.
"""
import ctypes
import mmap
import os
import sys
import tempfile
import threading

from truth import (LIBC, MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MAP_POPULATE, MB, PAGE,
                   Truth, advise, anonymous, site_of, size)

TRUTH = Truth()
SOURCE = memoryview(bytes(bytearray(b"\1") * size(1)))
LOCK = threading.Lock()
MREMAP_FIXED_MAYMOVE = 3


class Ledger:
    """Bytes held by each function, now and when all together were highest."""

    def __init__(self):
        self.held, self.peak, self.sites = {}, {}, {}
        self.highest = 0

    def take(self, function, amount):
        with LOCK:
            name = function.__name__
            self.sites[name] = site_of(function)
            self.held[name] = self.held.get(name, 0) + amount
            if sum(self.held.values()) > self.highest:
                self.highest = sum(self.held.values())
                self.peak = dict(self.held)

    def give(self, function, amount):
        self.take(function, -amount)

    def result(self):
        return [dict(self.sites[name], live=held, peak=self.peak.get(name, 0))
                for name, held in self.held.items()]


LEDGER = Ledger()


def fill(mapping, begin=0, end=None):
    """A byte in each page."""
    for place in range(begin, len(mapping) if end is None else end, PAGE):
        mapping[place] = 1


# Three functions take in turn, and give back what others took.

def take_a():
    LEDGER.take(take_a, size(2))
    mapping = anonymous(size(2))
    fill(mapping)
    return mapping


def take_b():
    LEDGER.take(take_b, size(3))
    mapping = anonymous(size(3))
    mapping[::PAGE] = b"\1" * (size(3) // PAGE)
    return mapping


def take_c(mapping):
    """Writes into what another has made: the pages are the writer's."""
    LEDGER.take(take_c, size(1))
    fill(mapping)


def reserve():
    return anonymous(size(1))


def give_of_a(mappings):
    LEDGER.give(take_a, size(2))
    mappings.pop(0).close()


def give_part_of_b(mapping):
    LEDGER.give(take_b, size(1))
    advise(mapping, MADV_DONTNEED, size(1))


def interleave():
    kept = {"a": [], "b": [], "c": []}
    for turn in range(4):
        kept["a"].append(take_a())
        kept["b"].append(take_b())
        kept["c"].append(reserve())
        take_c(kept["c"][-1])
        if turn % 2:
            give_of_a(kept["a"])
            give_part_of_b(kept["b"][turn])
    return kept


# Temporaries of a callee, a cache that is filled, dropped and filled again.

def temporary():
    LEDGER.take(temporary, size(4))
    mapping = anonymous(size(4))
    fill(mapping)
    mapping.close()
    LEDGER.give(temporary, size(4))


def with_temporaries():
    for _ in range(5):
        temporary()


def fill_cache(cache):
    for number in range(6):
        LEDGER.take(fill_cache, size(1))
        mapping = anonymous(size(1))
        fill(mapping)
        cache[number] = mapping


def drop_cache(cache, count):
    for number in range(count):
        LEDGER.give(fill_cache, size(1))
        cache.pop(number).close()


def use_cache():
    cache = {}
    fill_cache(cache)
    drop_cache(cache, 6)
    fill_cache(cache)
    drop_cache(cache, 2)
    return cache


# Blocks that grow: realloc moves them (mremap), and the pages stay whose they were.

def grow_bytearray(block):
    LEDGER.take(grow_bytearray, size(6))
    while len(block) < size(6):
        block += SOURCE


def extend_bytearray(block):
    LEDGER.take(extend_bytearray, size(4))
    while len(block) < size(10):
        block += SOURCE


def grow_list(items):
    LEDGER.take(grow_list, size(4))
    for _ in range(size(4) // 8):
        items.append(None)


def make_mapping():
    LEDGER.take(make_mapping, size(3))
    mapping = mmap.mmap(-1, size(3), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advise(mapping, 15)
    fill(mapping)
    return mapping


def enlarge_mapping(mapping):
    LEDGER.take(enlarge_mapping, size(5))
    mapping.resize(size(8))
    fill(mapping, size(3))


def shrink_mapping(mapping):
    LEDGER.give(enlarge_mapping, size(2))
    mapping.resize(size(6))


def grow_blocks():
    block, items = bytearray(), []
    grow_bytearray(block)
    mapping = make_mapping()
    grow_list(items)
    enlarge_mapping(mapping)
    extend_bytearray(block)
    shrink_mapping(mapping)
    return block, items, mapping


# The heap below the threshold of mmap, trimmed.

def fill_heap():
    LEDGER.take(fill_heap, size(6))
    return [bytes(4000) for _ in range(size(6) // 4048)]


def trim_heap(blocks):
    LEDGER.give(fill_heap, size(6))
    del blocks[:]
    LIBC.malloc_trim(0)


def use_heap():
    if hasattr(LIBC, "malloc_trim"):
        trim_heap(fill_heap())
        trim_heap(fill_heap())


# Files, shared memory, pages without a fault.

def read_file(file):
    LEDGER.take(read_file, size(4))
    mapping = mmap.mmap(file.fileno(), size(4), prot=mmap.PROT_READ)
    return mapping if len(mapping[::PAGE]) else None


def write_private(file):
    LEDGER.take(write_private, size(3))
    mapping = mmap.mmap(file.fileno(), size(3), access=mmap.ACCESS_COPY)
    fill(mapping)
    return mapping


def write_shared():
    LEDGER.take(write_shared, size(3))
    mapping = mmap.mmap(-1, size(3))
    fill(mapping)
    return mapping


def populate():
    LEDGER.take(populate, size(5))
    return anonymous(size(5), MAP_POPULATE)


def read_into(file):
    LEDGER.take(read_into, size(4))
    mapping = anonymous(size(4))
    file.seek(0)
    file.readinto(mapping)
    return mapping


def map_files():
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(-(-size(4) // len(SOURCE))):
            file.write(SOURCE)
        return read_file(file), write_private(file), write_shared(), populate(), read_into(file)


# MREMAP_FIXED: memprobe is not told; what is mapped later where the pages were is not theirs.

def take_to_move(mapping):
    LEDGER.take(take_to_move, size(8))
    fill(mapping)


def pass_by():
    LEDGER.take(pass_by, size(2))
    mapping = anonymous(size(2))
    fill(mapping)
    mapping.close()
    LEDGER.give(pass_by, size(2))


def map_plain(length):
    """No object of Python's, which would unmap it where it was."""
    LIBC.mmap.restype = ctypes.c_void_p
    LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                          ctypes.c_int, ctypes.c_long]
    address = LIBC.mmap(None, length, mmap.PROT_READ | mmap.PROT_WRITE,
                        mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    LIBC.madvise(address, length, MADV_NOHUGEPAGE)
    return address


def move_fixed():
    LIBC.mremap.restype = ctypes.c_void_p
    LIBC.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                            ctypes.c_void_p]
    length = size(8)
    taken, room = map_plain(length), map_plain(length)
    take_to_move((ctypes.c_ubyte * length).from_address(taken))
    if LIBC.mremap(taken, length, length, MREMAP_FIXED_MAYMOVE, room) != room:
        raise OSError(ctypes.get_errno(), "mremap")
    for _ in range(3):
        pass_by()


# Huge pages, by numpy where it is.

def fill_array(numpy):
    LEDGER.take(fill_array, size(8))
    return numpy.ones(size(8), dtype="uint8")


def fill_huge():
    # a huge page comes as a whole, however little was asked for
    bytes_filled = -(-size(4) // (2 * MB)) * 2 * MB
    LEDGER.take(fill_huge, bytes_filled)
    mapping = mmap.mmap(-1, bytes_filled + 2 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    begin = -ctypes.addressof(ctypes.c_char.from_buffer(mapping)) % (2 * MB)
    advise(mapping, MADV_HUGEPAGE)
    fill(mapping, begin, begin + bytes_filled)
    return mapping


def drop_huge(mapping):
    """The half of a huge page, which comes apart."""
    LEDGER.give(fill_huge, size(1))
    begin = -ctypes.addressof(ctypes.c_char.from_buffer(mapping)) % (2 * MB)
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapping)) + begin
    LIBC.madvise(address, size(1), MADV_DONTNEED)


def use_huge_pages():
    mapping = fill_huge()
    drop_huge(mapping)
    try:
        import numpy
    except ImportError:
        TRUTH.skip("fill_array", "numpy is missing")
        return mapping
    return mapping, fill_array(numpy)


# Threads, and what they leave behind.

def thread_takes(kept):
    for _ in range(3):
        LEDGER.take(thread_takes, size(1))
        mapping = anonymous(size(1))
        fill(mapping)
        kept.append(mapping)


def drop_of_threads(kept):
    for mapping in kept[::2]:
        LEDGER.give(thread_takes, size(1))
        mapping.close()


def run_threads():
    kept = []
    threads = [threading.Thread(target=thread_takes, args=(kept,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drop_of_threads(kept)
    return kept


# A child that gives back what it inherits and takes more.

def child_takes():
    LEDGER.take(child_takes, size(3))
    mapping = anonymous(size(3))
    fill(mapping)
    return mapping


def run_child(kept):
    global LEDGER
    if os.fork():
        os.wait()
        return
    LEDGER = Ledger()
    mapping = child_takes()
    kept["a"].pop().close()
    if TRUTH.path:
        TRUTH.facts["owners"] = LEDGER.result()
        TRUTH.facts["closed"] = size(2)
        TRUTH.write(".child")
    os._exit(len(mapping) == 0)


def highest_moment():
    LEDGER.take(highest_moment, size(24))
    mapping = anonymous(size(24))
    fill(mapping)
    return mapping


def drop_highest(mapping):
    LEDGER.give(highest_moment, size(24))
    mapping.close()


PARTS = {"interleave": interleave, "temporaries": with_temporaries, "cache": use_cache,
         "blocks": grow_blocks, "heap": use_heap, "files": map_files, "moved": move_fixed, "huge": use_huge_pages,
         "threads": run_threads}


def main():
    kept = {name: part() for name, part in PARTS.items() if name in (sys.argv[1:] or PARTS)}
    if "interleave" in kept:
        run_child(kept["interleave"])
    drop_highest(highest_moment())
    TRUTH.facts["owners"] = LEDGER.result()
    TRUTH.write()
    return kept


KEPT = main()
