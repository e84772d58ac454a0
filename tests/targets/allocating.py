"""Blocks of the C library's allocator on command: one word a line on stdin, one number a line on
stdout.

kinds         a function for each way to get a block keeps some; the answer is their number
keep NUMBER   keep_blocks() keeps NUMBER blocks of KEPT_BYTES; the answer is how many it keeps in all
reuse BYTES   1,000 blocks of 64 KiB are given back and blocks of so many bytes kept in three
              quarters of them; the answer is how many
start         8 threads get blocks and give them back, each other's too, until "stop", whose answer
              is 1 when none found another's bytes in its block
quit          end with status 9

With the argument `parent` another Python keeps CHILD_BLOCKS, once there is no more MEMPROBE_WAIT;
with `parents` several do, each begun by a process that runs Python between fork and exec.
"""
import collections
import ctypes
import os
import subprocess
import sys
import threading
import time

EXIT_STATUS = 9
THREADS = 8
KEPT_BYTES = 1000
CHILD_BLOCKS = 500
SIZES = (1000, 20000, 300000)  # tcache, arena, a mapping of its own
MAX_KEPT = 200000
LARGE_BLOCKS, LARGE_BYTES = 1000, 65536
CHILDREN = 6

LIBC = ctypes.CDLL(None)
POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t


def function_of(name, *arguments, result=POINTER):
    """None where the C library has no such function."""
    function = getattr(LIBC, name, None)
    if function:
        function.argtypes, function.restype = arguments, result
    return function


MALLOC = function_of("malloc", SIZE)
CALLOC = function_of("calloc", SIZE, SIZE)
REALLOC = function_of("realloc", POINTER, SIZE)
REALLOCARRAY = function_of("reallocarray", POINTER, SIZE, SIZE)
MEMALIGN = function_of("memalign", SIZE, SIZE)
ALIGNED_ALLOC = function_of("aligned_alloc", SIZE, SIZE)
POSIX_MEMALIGN = function_of("posix_memalign", POINTER, SIZE, SIZE, result=ctypes.c_int)
VALLOC = function_of("valloc", SIZE)
FREE = function_of("free", POINTER, result=None)

# Made before, so that keeping needs no memory.
KEPT = (POINTER * MAX_KEPT)()
PLACE = ctypes.c_void_p()
PLACE_ADDRESS = ctypes.addressof(PLACE)
STATE = {"kept": 0, "wheels": []}


def hold(block):
    assert block
    KEPT[STATE["kept"]] = block
    STATE["kept"] += 1


def by_malloc():
    for size in SIZES:
        hold(MALLOC(size))


def by_calloc():
    for size in SIZES:
        hold(CALLOC(10, size // 10))


def by_realloc():
    for size in SIZES:
        hold(REALLOC(None, size))


def by_growing():
    for size in SIZES:
        hold(REALLOC(MALLOC(100), size))


def by_shrinking():
    for size in SIZES:
        hold(REALLOC(MALLOC(2 * size), size))


def by_failing():
    """The block stays what it was."""
    for size in SIZES:
        block = MALLOC(size)
        assert not REALLOC(block, (1 << 62) + 1)
        assert not REALLOCARRAY or not REALLOCARRAY(block, 1 << 62, 8)
        hold(block)


def by_reallocarray():
    for size in SIZES:
        hold(REALLOCARRAY(None, size // 10, 10))


def by_memalign():
    for size in SIZES:
        hold(MEMALIGN(64, size))


def by_aligned_alloc():
    for size in SIZES:
        hold(ALIGNED_ALLOC(8, size))


def by_posix_memalign():
    for size in SIZES:
        assert POSIX_MEMALIGN(PLACE_ADDRESS, 4096, size) == 0
        hold(PLACE.value)


def by_valloc():
    for size in SIZES:
        hold(VALLOC(size))


def by_nobody():
    for size in SIZES:
        FREE(MALLOC(size))
        FREE(CALLOC(1, size))
        FREE(REALLOC(REALLOC(MALLOC(size), 2 * size), 0))  # glibc gives it back, others do not
    FREE(None)


def take_for_another(blocks):
    for size in SIZES:
        blocks.append(MALLOC(size))


def by_another_thread():
    blocks = []
    thread = threading.Thread(target=take_for_another, args=(blocks,))
    thread.start()
    thread.join()
    for block in blocks:
        FREE(block)


def kinds(_):
    before = STATE["kept"]
    for way in (by_malloc, by_calloc, by_realloc, by_growing, by_shrinking, by_failing, by_memalign,
                by_aligned_alloc, by_posix_memalign, by_valloc):
        way()
    if REALLOCARRAY:
        by_reallocarray()
    by_nobody()
    by_another_thread()
    return STATE["kept"] - before


def keep_blocks(number):
    for _ in range(number):
        hold(MALLOC(KEPT_BYTES))
    return STATE["kept"]


class Wheel:
    """A thread that gets blocks, writes its number into each, and frees what others have put away."""

    stopped = False
    shelf = collections.deque()

    def __init__(self, number):
        self.number, self.right = number, True
        self.thread = threading.Thread(target=self.spin)
        self.thread.start()

    def turn(self, size):
        block = MALLOC(size)
        ctypes.memset(block, self.number, size)
        block = REALLOC(block, 2 * size)
        self.right &= ctypes.string_at(block, size) == bytes([self.number]) * size
        self.shelf.append(block)

    def spin(self):
        size = 600
        while not Wheel.stopped:
            self.turn(size)
            size = size * 3 % 70001 + 16
            if len(self.shelf) > THREADS:
                FREE(self.shelf.popleft())


def give_back_large():
    blocks = [MALLOC(LARGE_BYTES) for _ in range(LARGE_BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, LARGE_BYTES)
    barrier = MALLOC(LARGE_BYTES * 3 // 2)  # the heap's end is not given back
    for block in blocks:
        FREE(block)
    return barrier


def keep_in_freed(size, count):
    for _ in range(count):
        block = MALLOC(size)
        ctypes.memset(block, 2, size)
        hold(block)


def reuse(size):
    count = LARGE_BLOCKS * LARGE_BYTES * 3 // 4 // (size + 16)
    give_back_large()
    keep_in_freed(size, count)
    return count


def start(_):
    Wheel.stopped = False
    STATE["wheels"] = [Wheel(number + 1) for number in range(THREADS)]
    return THREADS


def stop(_):
    Wheel.stopped = True
    for wheel in STATE["wheels"]:
        wheel.thread.join()
    return int(all(wheel.right for wheel in STATE["wheels"]))


def pulse_until_told(told_by="MEMPROBE_WAIT"):
    """Calls malloc as long as there is the file that this variable names, so that one can see when its blocks
    are followed: the last probes, of returns, come a while after the first."""
    while os.path.exists(os.environ[told_by]):
        FREE(MALLOC(KEPT_BYTES))
        time.sleep(0.01)


def main():
    if sys.argv[1:] == ["parent"]:
        return subprocess.call([sys.executable, __file__, "child"])
    if sys.argv[1:] == ["parents"]:
        for _ in range(CHILDREN):
            subprocess.check_call([sys.executable, __file__, "keeper"], preexec_fn=lambda: None)
        return 0
    if sys.argv[1:] == ["keeper"]:
        keep_blocks(CHILD_BLOCKS)
        return 0
    if sys.argv[1:] == ["child"]:
        pulse_until_told()
        keep_blocks(CHILD_BLOCKS)
        return 0
    commands = {"kinds": kinds, "keep": keep_blocks, "start": start, "stop": stop, "reuse": reuse}
    print(0, flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            break
        print(commands[words[0]](int(words[1]) if len(words) > 1 else 0), flush=True)
    return EXIT_STATUS


if __name__ == "__main__":
    sys.exit(main())
