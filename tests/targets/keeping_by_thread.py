"""Keeps a block a thread, of which nobody touches the pages, where the threads free others before they end.

The truth has `blocks`, how many remember() has at the end.
"""
import ctypes
import threading
import time

from truth import Truth

THREADS = 100
PAUSE_S = 0.05
KEPT_BYTES = 100000
MALLOC = ctypes.CDLL(None).malloc
MALLOC.argtypes, MALLOC.restype = [ctypes.c_size_t], ctypes.c_void_p
KEPT = [None] * THREADS  # made before, so that keeping needs no memory


def remember(number):
    KEPT[number] = MALLOC(KEPT_BYTES)


def serve_one(number):
    freed = [[bytes(600 + 20 * j) for j in range(20)] for _ in range(4)]
    remember(number)
    del freed


TRUTH = Truth()
for turn in range(THREADS):
    thread = threading.Thread(target=serve_one, args=(turn,))
    thread.start()
    thread.join()
    time.sleep(PAUSE_S)
TRUTH.facts["blocks"] = len(KEPT)
TRUTH.write()
