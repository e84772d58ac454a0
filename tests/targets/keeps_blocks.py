"""Keeps blocks of a preloaded allocator, before and after there are breakpoints in it."""
import os
import time

from own_text import differing

BLOCKS, BYTES = 3000, 5000


def keep():
    blocks = []
    for _ in range(BLOCKS):
        blocks.append(bytearray(BYTES))
    return blocks


if __name__ == "__main__":
    kept, end = keep(), time.monotonic() + 60
    library = os.path.realpath(os.environ["LD_PRELOAD"])
    while not differing(library) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)  # for the rest of them
    kept += keep()
    print(*differing(library))
