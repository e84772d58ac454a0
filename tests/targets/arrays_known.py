"""numpy arrays of which each function keeps some: MEMPROBE_TRUTH has {"kept": {function: {"size",
"blocks"}}}, the bytes as the arrays' nbytes have them. Exits with 77 where there is no numpy."""
import json
import os
import sys

NOT_INSTALLED = 77
try:
    import numpy as np
except ImportError as error:
    print("skipped: %s" % error, file=sys.stderr)
    sys.exit(NOT_INSTALLED)

ITEMS = 20000
LARGE = 1 << 20
KEPT = [None] * 100  # made before, so that keeping needs no memory
TRUTH = {}


def keep(array):
    KEPT[next(i for i, kept in enumerate(KEPT) if kept is None)] = array


def by_empty():
    for items in (ITEMS, LARGE):
        keep(np.empty(items))


def by_zeros():
    for items in (ITEMS, LARGE):
        keep(np.zeros(items))


def by_copy():
    keep(KEPT[0].copy())
    keep(KEPT[1].astype(np.float32))


def by_resize():
    """By realloc."""
    array = np.empty(ITEMS // 2)
    array.resize(LARGE, refcheck=False)
    keep(array)


def by_arithmetic():
    """Temporaries go, or are taken for the result."""
    keep((KEPT[0] + 1.0) * 2.0 - KEPT[0])


def by_concatenate():
    keep(np.concatenate([KEPT[0], KEPT[0]]))


def by_matrix():
    keep(np.empty((200, 300)).T)


def by_nothing():
    for _ in range(10):
        np.zeros(ITEMS).sum()


def buffers_of(arrays):
    """Views share the buffer of what they view."""
    return {id(owner): owner.nbytes for owner in map(owner_of, arrays)}


def owner_of(array):
    while array.base is not None:
        array = array.base
    return array


def main():
    kept = 0
    for function in (by_empty, by_zeros, by_copy, by_resize, by_arithmetic, by_concatenate, by_matrix,
                     by_nothing):
        function()
        end = sum(array is not None for array in KEPT)
        buffers = buffers_of(KEPT[kept:end])
        TRUTH[function.__name__] = {"size": sum(buffers.values()), "blocks": len(buffers)}
        kept = end
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "kept": TRUTH}, file)


main()
