"""Reads a file here and there whose pages are in large folios of the page cache, mapped where these
begin at no multiple of their size, by two functions in turn; then drops a half of it. Prints a line
of JSON for each function as owners_unfaulted.py does, with how many reads have brought pages that
no window around a fault has.
"""
import ctypes
import json
import mmap
import os
import random
import tempfile

from truth import LIBC, MADV_DONTNEED, PAGE, size

WRITTEN = 64 * PAGE  # at once: the largest folio
LENGTH = size(24) // WRITTEN * WRITTEN
WINDOW = 16
ASKEW = 5 * PAGE
HUGE = 512 * PAGE
MAP_FIXED = 0x10
READS = 160


def map_at(address, length, flags, file, protection=mmap.PROT_READ):
    LIBC.mmap.restype = ctypes.c_void_p
    mapped = LIBC.mmap(ctypes.c_void_p(address), ctypes.c_size_t(length), protection,
                       mmap.MAP_PRIVATE | flags, file, ctypes.c_long(0))
    if mapped == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return mapped


def map_askew(file):
    room = map_at(None, LENGTH + 2 * HUGE, mmap.MAP_ANONYMOUS, -1, 0)
    return map_at(room + -room % HUGE + ASKEW, LENGTH, MAP_FIXED, file)


def write_file():
    file = tempfile.TemporaryFile(buffering=0)
    for _ in range(LENGTH // WRITTEN):
        file.write(bytes(WRITTEN))
    return file


def read_first(memory, page):
    return memory[page * PAGE]


def read_second(memory, page):
    return memory[page * PAGE]


def present(pagemap, address):
    """Bit 63 of a page's entry."""
    entries = os.pread(pagemap, LENGTH // PAGE * 8, address // PAGE * 8)
    return {i for i in range(LENGTH // PAGE) if entries[i * 8 + 7] & 0x80}


def is_beyond(page, brought):
    first = (page + ASKEW // PAGE) // WINDOW * WINDOW - ASKEW // PAGE
    return any(not first <= other < first + WINDOW for other in brought)


def read_in_turn(functions, memory, pagemap, address):
    """The pages that each has brought, and how many reads have brought others than a window's."""
    owned, there, beyond = [set() for _ in functions], set(), 0
    numbers = random.Random(1)
    for i in range(READS):
        page = numbers.randrange(LENGTH // PAGE)
        functions[i % 2](memory, page)
        now = present(pagemap, address)
        owned[i % 2] |= now - there
        beyond += is_beyond(page, now - there)
        there = now
    return owned, beyond


def main():
    functions = read_first, read_second
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    with write_file() as file:
        address = map_askew(file.fileno())
    memory = (ctypes.c_ubyte * LENGTH).from_address(address)
    # The interpreter's own pages of files come before.
    for function in functions:
        function((ctypes.c_ubyte * PAGE)(), 0)
    owned, beyond = read_in_turn(functions, memory, pagemap, address)
    LIBC.madvise(ctypes.c_void_p(address), ctypes.c_size_t(LENGTH // 2), MADV_DONTNEED)
    there = present(pagemap, address)
    for function, pages in zip(functions, owned):
        print(json.dumps({"pid": os.getpid(), "function": function.__name__, "kind": "file",
                          "live": len(pages & there) * PAGE, "beyond": beyond}))


main()
