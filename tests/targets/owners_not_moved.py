"""Blocks that cannot grow: realloc asks mremap for more than the machine has, and they stay where
they are, their owner's. Later they are given back, but for some. And a mapping that mremap does not
move, of which a part is given back by another function."""
import ctypes

from truth import LIBC, MADV_DONTNEED, MB, Truth

TRUTH = Truth()
LENGTH, NR_BLOCKS, NR_KEPT = 4 * MB, 10, 2
TOO_MUCH = 1 << 46
READ, WRITE = 1, 2
PRIVATE, ANONYMOUS = 2, 0x20
MREMAP_MAYMOVE = 1

LIBC.mmap.restype = LIBC.mremap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
LIBC.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]


def make_block():
    return bytearray(b"x") * LENGTH


def grow_block(block):
    try:
        block *= TOO_MUCH // LENGTH
    except MemoryError:
        return 1
    return 0


def drop_blocks(blocks):
    del blocks[NR_KEPT:]


def touch_mapping():
    address = LIBC.mmap(None, LENGTH, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0)
    ctypes.memset(address, 1, LENGTH)
    return address


def grow_mapping(address):
    return LIBC.mremap(address, LENGTH, TOO_MUCH, MREMAP_MAYMOVE) == ctypes.c_void_p(-1).value


def drop_half(address):
    LIBC.madvise(address, LENGTH // 2, MADV_DONTNEED)


BLOCKS = [make_block() for _ in range(NR_BLOCKS)]
FAILED = sum(grow_block(block) for block in BLOCKS)
drop_blocks(BLOCKS)
MAPPING = touch_mapping()
FAILED += grow_mapping(MAPPING)
drop_half(MAPPING)
TRUTH.facts.update(failed=FAILED, tried=NR_BLOCKS + 1, make_block=NR_KEPT * LENGTH,
                   touch_mapping=LENGTH // 2)
TRUTH.write()
