"""Gives back by shmdt and brk pages that nobody was seen to bring, below others that a function has
touched; among thousands of mappings. And by process_madvise what one has touched."""
import ctypes
import os

from truth import LIBC, MADV_DONTNEED, MB, PAGE, Truth

TRUTH = Truth()
LENGTH = 4 * MB
NR_MAPPINGS = 3000
READ, WRITE = 1, 2
PRIVATE, ANONYMOUS, MAP_32BIT = 2, 0x20, 0x40

for name in ("mmap", "sbrk", "shmat"):
    getattr(LIBC, name).restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
LIBC.sbrk.argtypes = [ctypes.c_long]
LIBC.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
LIBC.shmdt.argtypes = [ctypes.c_void_p]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Vector(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def map_private(length, flags=0):
    return LIBC.mmap(None, length, READ | WRITE, PRIVATE | ANONYMOUS | flags, -1, 0)


def make_mappings():
    for _ in range(NR_MAPPINGS // 2):
        LIBC.mprotect(map_private(2 * PAGE), PAGE, READ)


def attach_segment():
    segment = LIBC.shmget(0, ctypes.c_size_t(LENGTH), 0o1600)
    address = LIBC.shmat(segment, None, 0)
    LIBC.shmctl(segment, 0, None)  # IPC_RMID
    return address


def fill_without_faults(address):
    """The pages are got for the copy, not by a fault."""
    source = ctypes.create_string_buffer(LENGTH)
    vectors = Vector(ctypes.addressof(source), LENGTH), Vector(address, LENGTH)
    done = LIBC.process_vm_writev(os.getpid(), ctypes.byref(vectors[0]), ctypes.c_ulong(1),
                                  ctypes.byref(vectors[1]), ctypes.c_ulong(1), ctypes.c_ulong(0))
    assert done == LENGTH, os.strerror(ctypes.get_errno())


def touch_segment(address):
    ctypes.memset(address, 1, LENGTH)


def touch_mapping(address):
    ctypes.memset(address, 1, LENGTH)


def detach(address):
    LIBC.shmdt(address)


def shrink():
    LIBC.sbrk(-LENGTH)


def touch_next(page):
    ctypes.memset(page, 1, 1)


def give_back_segment(page):
    above, below = sorted((attach_segment(), attach_segment()), reverse=True)
    fill_without_faults(below)
    touch_segment(above)
    detach(below)
    touch_next(page)


def give_back_heap(page):
    above = map_private(LENGTH, MAP_32BIT)  # of a heap that begins low
    begin = LIBC.sbrk(LENGTH)
    fill_without_faults(begin)
    touch_mapping(above)
    assert LIBC.sbrk(0) == begin + LENGTH, "malloc has made the heap larger"
    shrink()
    touch_next(page)


def touch_advised(address):
    ctypes.memset(address, 1, LENGTH)


def advise_half(address):
    vector = Vector(address, LENGTH // 2)
    own = LIBC.syscall(ctypes.c_long(434), ctypes.c_long(os.getpid()), ctypes.c_long(0))  # pidfd_open
    done = LIBC.syscall(ctypes.c_long(440), ctypes.c_long(own), ctypes.byref(vector),
                        ctypes.c_long(1), ctypes.c_long(MADV_DONTNEED), ctypes.c_long(0))
    if done != LENGTH // 2:
        TRUTH.skip("process_madvise", os.strerror(ctypes.get_errno()))
        LIBC.madvise(address, LENGTH // 2, MADV_DONTNEED)


def give_back_by_advice():
    address = map_private(LENGTH)
    touch_advised(address)
    advise_half(address)


make_mappings()
give_back_by_advice()
PAGES = map_private(2 * PAGE)
give_back_segment(PAGES)
give_back_heap(PAGES + PAGE)
TRUTH.facts["length"] = LENGTH
TRUTH.write()
