"""Does to its address space what hardly anybody does. Whose the pages are may get lost; their sums
may not. Each part is a function; parts that this kernel or machine refuses are skipped."""
import ctypes
import mmap
import os
import sys
import threading

from truth import LIBC, MADV_DONTNEED, MAP_POPULATE, MB, PAGE, Truth

TRUTH = Truth()
LONG = "long" in sys.argv
MAP_FIXED, MAP_32BIT, MAP_NORESERVE, MAP_FIXED_NOREPLACE = 0x10, 0x40, 0x4000, 0x100000
MAYMOVE, FIXED, DONTUNMAP = 1, 2, 4
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
REGION = 2 * MB

LIBC.mmap.restype = LIBC.mremap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
LIBC.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                        ctypes.c_void_p]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Refused(Exception):
    pass


def succeed(result, call):
    if result in (-1, ctypes.c_void_p(-1).value):
        raise Refused("%s: %s" % (call, os.strerror(ctypes.get_errno())))
    return result


def map_at(wish, length, flags=0, protection=3):
    return succeed(LIBC.mmap(wish, length, protection, PRIVATE | flags, -1, 0), "mmap")


def unmap(address, length):
    succeed(LIBC.munmap(address, length), "munmap")


def touch(address, length=PAGE, step=PAGE):
    for place in range(address, address + length, step):
        ctypes.memset(place, 1, 1)


def map_over_again():
    """MAP_FIXED over itself, touched and populated by turns."""
    address = map_at(None, 4 * REGION, MAP_NORESERVE)
    for turn in range(300):
        map_at(address + turn % 3 * REGION, REGION + 4 * PAGE, MAP_FIXED | turn % 2 * MAP_POPULATE)
        touch(address + turn % 4 * REGION, 20 * PAGE)
    wish = address + 64 * REGION
    map_at(wish, 8 * PAGE, MAP_FIXED_NOREPLACE | MAP_POPULATE)
    return address


def move_to_fixed_places():
    """Moves without a search for room, onto pages that are there, or leaving the mapping behind."""
    address = map_at(None, 16 * REGION, MAP_NORESERVE)
    touch(address, REGION)
    touch(address + 4 * REGION, REGION)
    succeed(LIBC.mremap(address, REGION, REGION, MAYMOVE | FIXED, address + 4 * REGION), "mremap")
    touch(address + 4 * REGION, REGION)
    unmap(address + 4 * REGION, REGION)
    touch(address + 8 * REGION, REGION)
    succeed(LIBC.mremap(address + 8 * REGION, REGION, REGION, MAYMOVE | DONTUNMAP, None), "mremap")
    touch(address + 8 * REGION, REGION)


def unmap_far_pages():
    """A range of 16 TiB with a page in every 64 GiB."""
    length, gap = 16 << 40, 64 << 30
    address = map_at(None, length, MAP_NORESERVE)
    for place in range(address, address + length, gap):
        touch(place)
    unmap(address, length)


def touch_many_regions():
    """One page in each 2 MiB; then they go at once, and with pages of no owner between."""
    count = 100000 if LONG else 8000
    address = map_at(None, count * REGION, MAP_NORESERVE)
    touch(address, count * REGION, REGION)
    unmap(address, count * REGION)


def use_up_addresses():
    """A small block at ever new addresses."""
    base = 1 << 45
    for turn in range(20000 if LONG else 3000):
        address = map_at(base + turn * REGION, PAGE)
        touch(address)
        unmap(address, PAGE)


def unmap_by_old_calls():
    """munmap by int 0x80, whose number is another call's elsewhere."""
    code = map_at(None, PAGE, MAP_32BIT, 7)
    block = map_at(None, 16 * PAGE, MAP_32BIT)
    touch(block, 16 * PAGE)
    program = b"\x53\xb8\x5b\0\0\0\xbb" + block.to_bytes(4, "little") + \
        b"\xb9" + (16 * PAGE).to_bytes(4, "little") + b"\xcd\x80\x5b\xc3"
    ctypes.memmove(code, program, len(program))
    if ctypes.CFUNCTYPE(ctypes.c_int)(code)():
        raise Refused("int 0x80")
    map_at(block, 16 * PAGE, MAP_FIXED)
    touch(block, 16 * PAGE)


def truncate_shared():
    """Pages that go with the file's end, by nobody's munmap."""
    if not hasattr(os, "memfd_create"):
        raise Refused("memfd_create")
    file = os.memfd_create("truncated")
    os.ftruncate(file, MB)
    mapping = mmap.mmap(file, MB)
    mapping[::PAGE] = b"\1" * (MB // PAGE)
    os.ftruncate(file, MB // 2)
    os.ftruncate(file, MB)
    mapping[::PAGE] = b"\1" * (MB // PAGE)


def advise_in_turn():
    """One thread touches, another gives back, always the same range."""
    address = map_at(None, 3 * REGION)
    for _ in range(50):
        thread = threading.Thread(target=touch, args=(address, 3 * REGION, 64 * PAGE))
        thread.start()
        thread.join()
        LIBC.madvise(address, 3 * REGION, MADV_DONTNEED)


def bear_threads():
    """Many short threads, at once."""
    for _ in range(20 if LONG else 3):
        threads = [threading.Thread(target=touch, args=(map_at(None, PAGE),)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def give_back_inherited():
    """A child unmaps what it inherited, a page of its own in every region of it."""
    count = 64
    address = map_at(None, count * REGION)
    touch(address, count * REGION, 4 * PAGE)
    if os.fork() == 0:
        touch(address + PAGE, (count - 1) * REGION, REGION)
        unmap(address, count * REGION)
        os._exit(0)
    os.wait()
    unmap(address, count * REGION)


def main():
    for part in (map_over_again, move_to_fixed_places, unmap_far_pages, touch_many_regions,
                 use_up_addresses, unmap_by_old_calls, truncate_shared, advise_in_turn,
                 bear_threads, give_back_inherited):
        try:
            part()
        except Refused as refused:
            TRUTH.skip(part.__name__, str(refused))
    TRUTH.write()


main()
