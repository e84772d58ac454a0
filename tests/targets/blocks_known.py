"""Blocks of which each function knows how many it keeps and how large they are: C++'s operators,
realloc by mremap, threads that take here and give back there, what goes at the exit.

Argument: a library of news.cpp. MEMPROBE_TRUTH has {"kept": {function: {"size", "blocks"}}}.
"""
import atexit
import ctypes
import json
import os
import sys
import threading

from allocating import FREE, LIBC, MALLOC, POINTER, REALLOC, SIZE, hold, pulse_until_told

SIZES = (1000, 20000, 300000)
MB = 1 << 20
SMALL, LARGE = 4 * MB, 32 * MB
TAKERS = 4
BLOCKS_EACH = 250
M_MMAP_THRESHOLD = -3
TRUTH = {}
NEWS = ctypes.CDLL(sys.argv[1])


def function_of(name, *arguments, result=POINTER):
    function = getattr(NEWS, name)
    function.argtypes, function.restype = arguments, result
    return function


ITEM_BYTES = function_of("news_item_bytes", result=SIZE)()
ALIGNED_BYTES = function_of("news_aligned_bytes", result=SIZE)()
ONE, MANY = function_of("news_one"), function_of("news_many", SIZE)
NOTHROW, ALIGNED = function_of("news_nothrow", SIZE), function_of("news_aligned", SIZE)
VECTOR = function_of("news_vector", SIZE)
VECTOR_BYTES = function_of("news_vector_bytes", POINTER, result=SIZE)
DELETE_ONE, DELETE_MANY, DELETE_ALIGNED = (
    function_of(name, POINTER, result=None)
    for name in ("news_delete_one", "news_delete_many", "news_delete_aligned"))
COUNTS = (1, 20, 300)


def tell(function, size, blocks):
    TRUTH[function.__name__] = {"size": size, "blocks": blocks}


# ---- C++ ----

def by_new():
    for _ in COUNTS:
        hold(ONE())


def by_new_array():
    for count in COUNTS:
        hold(MANY(count))


def by_new_nothrow():
    for count in COUNTS:
        hold(NOTHROW(count))


def by_new_aligned():
    for count in COUNTS:
        hold(ALIGNED(count))


def by_vector():
    made = VECTOR(COUNTS[2])
    hold(made)
    return made


def by_delete():
    for count in COUNTS:
        DELETE_ONE(ONE())
        DELETE_MANY(MANY(count))
        DELETE_ALIGNED(ALIGNED(count))


def run_news():
    by_new()
    tell(by_new, len(COUNTS) * ITEM_BYTES, len(COUNTS))
    for function in (by_new_array, by_new_nothrow):
        function()
        tell(function, sum(COUNTS) * ITEM_BYTES, len(COUNTS))
    by_new_aligned()
    tell(by_new_aligned, sum(COUNTS) * ALIGNED_BYTES, len(COUNTS))
    tell(by_vector, VECTOR_BYTES(by_vector()), 2)
    by_delete()
    tell(by_delete, 0, 0)


# ---- realloc that moves page tables ----

def take_small():
    block = MALLOC(SMALL)
    ctypes.memset(block, 1, SMALL)
    return block


def grow_it(block):
    """Pages may be moved, none is touched."""
    hold(REALLOC(block, LARGE))


def shrink_it():
    block = MALLOC(LARGE)
    ctypes.memset(block, 1, LARGE)
    hold(REALLOC(block, SMALL))


def run_mremap():
    # Above it each block is a mapping of its own, whatever was freed before.
    LIBC.mallopt(M_MMAP_THRESHOLD, 128 << 10)
    grow_it(take_small())
    tell(take_small, 0, 0)
    tell(grow_it, LARGE, 1)
    shrink_it()
    tell(shrink_it, SMALL, 1)


# ---- Threads ----

SHELF = [[0] * BLOCKS_EACH for _ in range(TAKERS)]


def take_here(number):
    for i in range(BLOCKS_EACH):
        SHELF[number][i] = MALLOC(SIZES[i % 2])


def give_back_there(number):
    """Every second block of another thread."""
    for block in SHELF[number][::2]:
        FREE(block)


def in_threads(function):
    threads = [threading.Thread(target=function, args=(number,)) for number in range(TAKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_threads():
    in_threads(take_here)
    in_threads(give_back_there)
    tell(take_here, TAKERS * BLOCKS_EACH // 2 * SIZES[1], TAKERS * BLOCKS_EACH // 2)
    tell(give_back_there, 0, 0)


# ---- The exit ----

class Freed:
    """Gives its block back when it dies: with the module, for those of the module."""

    def __init__(self, size):
        self.block = MALLOC(size)

    def __del__(self, give_back=FREE):
        give_back(self.block)


def keep_until_shutdown():
    return [Freed(size) for size in SIZES]


def keep_until_atexit():
    return [MALLOC(size) for size in SIZES]


def give_back_at_exit(blocks):
    for block in blocks:
        FREE(block)


def run_exit():
    """What atexit's functions give back is there when the runtime's end begins, as what dies with its
    module is."""
    atexit.register(give_back_at_exit, keep_until_atexit())
    tell(keep_until_atexit, sum(SIZES), len(SIZES))
    tell(keep_until_shutdown, sum(SIZES), len(SIZES))
    return keep_until_shutdown()


def main():
    if "MEMPROBE_WAIT" in os.environ:
        pulse_until_told()
    run_news()
    run_mremap()
    run_threads()
    kept = run_exit()
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "kept": TRUTH, "touched": SMALL}, file)
    return kept


DIES_LAST = main()
