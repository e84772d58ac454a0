"""Blocks by the functions that only one allocator has, mixed with malloc and free: what each keeps.

MEMPROBE_TRUTH has {"kept": {function: {"size", "blocks"}}}.
"""
import ctypes
import json
import os

from allocating import FREE, LIBC, MALLOC, POINTER, SIZE, function_of, hold

FLAGS, INT = ctypes.c_int, ctypes.c_int
BYTES = 100000
SIZES = (600, 5000, BYTES, 700000)
TOO_LARGE = 1 << 60
KEPT = {}


def keep(name, size, blocks):
    KEPT[name] = {"size": size, "blocks": blocks}


def has(name):
    return hasattr(LIBC, name)


# ---- jemalloc ----

def by_mallocx(mallocx):
    for size in SIZES:
        hold(mallocx(size, 0))


def by_rallocx(rallocx):
    for size in SIZES:
        hold(rallocx(MALLOC(size // 2), size, 0))


def by_failing_rallocx(rallocx):
    for size in SIZES:
        block = MALLOC(size)
        assert not rallocx(block, TOO_LARGE, 0)
        hold(block)


def by_xallocx(xallocx):
    """In its place, or not at all. Returns how much is kept."""
    kept = 0
    for size in SIZES:
        for wanted, more in ((size // 2, 0), (size, 64), (size * 8, 0), (size // 4, size)):
            block = MALLOC(size)
            got = xallocx(block, wanted, more, 0)
            kept += size if got < wanted else min(got, wanted + more)
            hold(block)
    return kept


def by_dallocx(dallocx):
    for size in SIZES:
        dallocx(MALLOC(size), 0)


def by_sdallocx(sdallocx):
    for size in SIZES:
        sdallocx(MALLOC(size), size, 0)


def by_free(mallocx):
    for size in SIZES:
        FREE(mallocx(size, 0))


def run_jemalloc():
    mallocx, rallocx = function_of("mallocx", SIZE, FLAGS), function_of("rallocx", POINTER, SIZE, FLAGS)
    xallocx = function_of("xallocx", POINTER, SIZE, SIZE, FLAGS, result=SIZE)
    for function, argument in ((by_mallocx, mallocx), (by_rallocx, rallocx),
                               (by_failing_rallocx, rallocx)):
        function(argument)
        keep(function.__name__, sum(SIZES), len(SIZES))
    keep("by_xallocx", by_xallocx(xallocx), 4 * len(SIZES))
    by_dallocx(function_of("dallocx", POINTER, FLAGS, result=None))
    by_sdallocx(function_of("sdallocx", POINTER, SIZE, FLAGS, result=None))
    by_free(mallocx)
    for name in ("by_dallocx", "by_sdallocx", "by_free"):
        keep(name, 0, 0)


# ---- mimalloc and tcmalloc ----

def use(call, function):
    for size in SIZES:
        block = call(function, size)
        if block:
            hold(block)


def heap():
    return function_of("mi_heap_get_default")()


TAKERS = (
    ("mi_malloc", (SIZE,), lambda f, n: f(n)),
    ("mi_zalloc", (SIZE,), lambda f, n: f(n)),
    ("mi_calloc", (SIZE, SIZE), lambda f, n: f(4, n // 4)),
    ("mi_mallocn", (SIZE, SIZE), lambda f, n: f(4, n // 4)),
    ("mi_realloc", (POINTER, SIZE), lambda f, n: f(MALLOC(n // 2), n)),
    ("mi_reallocn", (POINTER, SIZE, SIZE), lambda f, n: f(MALLOC(n // 2), 4, n // 4)),
    ("mi_reallocf", (POINTER, SIZE), lambda f, n: f(MALLOC(n // 2), n)),
    ("mi_rezalloc", (POINTER, SIZE), lambda f, n: f(function_of("mi_zalloc", SIZE)(n // 2), n)),
    ("mi_reallocarray", (POINTER, SIZE, SIZE), lambda f, n: f(MALLOC(n // 2), 4, n // 4)),
    ("mi_malloc_aligned", (SIZE, SIZE), lambda f, n: f(n, 256)),
    ("mi_calloc_aligned", (SIZE, SIZE, SIZE), lambda f, n: f(4, n // 4, 256)),
    ("mi_realloc_aligned", (POINTER, SIZE, SIZE), lambda f, n: f(MALLOC(n // 2), n, 256)),
    ("mi_malloc_aligned_at", (SIZE, SIZE, SIZE), lambda f, n: f(n, 256, 8)),
    ("mi_memalign", (SIZE, SIZE), lambda f, n: f(256, n)),
    ("mi_valloc", (SIZE,), lambda f, n: f(n)),
    ("mi_heap_malloc", (POINTER, SIZE), lambda f, n: f(heap(), n)),
    ("mi_heap_calloc", (POINTER, SIZE, SIZE), lambda f, n: f(heap(), 4, n // 4)),
    ("mi_heap_realloc", (POINTER, POINTER, SIZE), lambda f, n: f(heap(), MALLOC(n // 2), n)),
    ("mi_heap_reallocn", (POINTER, POINTER, SIZE, SIZE),
     lambda f, n: f(heap(), MALLOC(n // 2), 4, n // 4)),
    ("mi_heap_malloc_aligned", (POINTER, SIZE, SIZE), lambda f, n: f(heap(), n, 256)),
    ("tc_malloc", (SIZE,), lambda f, n: f(n)),
    ("tc_malloc_skip_new_handler", (SIZE,), lambda f, n: f(n)),
    ("tc_calloc", (SIZE, SIZE), lambda f, n: f(4, n // 4)),
    ("tc_realloc", (POINTER, SIZE), lambda f, n: f(MALLOC(n // 2), n)),
    ("tc_memalign", (SIZE, SIZE), lambda f, n: f(256, n)),
    ("tc_valloc", (SIZE,), lambda f, n: f(n)),
)
GIVERS = (
    ("mi_free", (POINTER,), lambda f, n: f(MALLOC(n))),
    ("mi_cfree", (POINTER,), lambda f, n: f(MALLOC(n))),
    ("mi_free_size", (POINTER, SIZE), lambda f, n: f(MALLOC(n), n)),
    ("mi_free_aligned", (POINTER, SIZE), lambda f, n: f(MALLOC(n), 8)),
    ("tc_free", (POINTER,), lambda f, n: f(MALLOC(n))),
    ("tc_cfree", (POINTER,), lambda f, n: f(MALLOC(n))),
    ("tc_free_sized", (POINTER, SIZE), lambda f, n: f(MALLOC(n), n)),
)


def named(function, name):
    """A copy with a name of its own, for a row of its own."""
    names = [field for field in ("co_name", "co_qualname") if hasattr(function.__code__, field)]
    code = function.__code__.replace(**dict.fromkeys(names, name))
    return type(function)(code, globals(), name)


def run_others():
    for known, kept in ((TAKERS, len(SIZES)), (GIVERS, 0)):
        for name, arguments, call in known:
            function = function_of(name, *arguments, result=POINTER if kept else None)
            if function:
                named(use, "by_" + name)(call, function)
                keep("by_" + name, sum(SIZES) if kept else 0, kept)


def main():
    if has("mallocx"):
        run_jemalloc()
    run_others()
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "kept": KEPT}, file)


if __name__ == "__main__":
    main()
