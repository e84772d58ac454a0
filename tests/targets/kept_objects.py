"""Objects whose buffers malloc gives: each function keeps some, and says in MEMPROBE_TRUTH how many
bytes and blocks that is, as sys.getsizeof() and __sizeof__() have it."""
import json
import os
import sys
import threading

KEPT = [None] * 100  # made before, so that keeping needs no memory
SIZE = 100000
NUMBERS = list(range(SIZE))  # made before, for pymalloc's table of arenas grows with them
TRUTH = {}


def keep(kept):
    KEPT[KEPT.index(None)] = kept


def tell(name, size, blocks):
    TRUTH[name] = {"size": size, "blocks": blocks}


def keep_bytearrays():
    for _ in range(10):
        keep(bytearray(SIZE))


def keep_bytes():
    for _ in range(10):
        keep(bytes(SIZE))


def keep_list():
    grown = []
    for _ in range(SIZE):
        grown.append(None)
    keep(grown)


def keep_dict():
    keep(dict.fromkeys(NUMBERS))


def keep_nothing():
    for _ in range(10):
        bytearray(SIZE)


def keep_in_thread():
    keep(bytearray(SIZE))


def main():
    keep_bytearrays()
    # Its buffer alone: the object itself is pymalloc's.
    tell("keep_bytearrays", 10 * (sys.getsizeof(KEPT[0]) - sys.getsizeof(bytearray())), 10)
    keep_bytes()
    tell("keep_bytes", 10 * sys.getsizeof(bytes(SIZE)), 10)
    keep_list()
    # Without a GIL its items have their number before them, which is in neither.
    number = 8 if "t" in getattr(sys, "abiflags", "") else 0
    tell("keep_list", sys.getsizeof(KEPT[20]) - sys.getsizeof([]) + number, 1)
    keep_dict()
    tell("keep_dict", KEPT[21].__sizeof__() - dict.__basicsize__, 1)
    keep_nothing()
    tell("keep_nothing", 0, 0)
    thread = threading.Thread(target=keep_in_thread)
    thread.start()
    thread.join()
    tell("keep_in_thread", TRUTH["keep_bytearrays"]["size"] // 10, 1)
    with open(os.environ["MEMPROBE_TRUTH"], "w") as file:
        json.dump({"pid": os.getpid(), "kept": TRUTH}, file)


main()
