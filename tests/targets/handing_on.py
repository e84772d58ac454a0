"""A leak, a table with a slow leak behind it, and a full cache whose path allocates a few bytes for others.

Libraries do the last, numpy for one: small blocks that it got for one caller it keeps, and hands to the
next. The truth has `kept`, the bytes that remember() has at the end, `slow`, those that look_up() has
beside its table, and `calls`.
"""
import ctypes
import time

from truth import LIBC, Truth, size

REQUESTS = 400
PAUSE_S = 0.015
ENTRY, BLOCK, SLOW, HANDED_ON = size(0.25), size(0.0625), 2000, 16
CACHED, TABLES = 40, 4
KEPT, TABLE, CACHE = [], [], {}

LIBC.malloc.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]


def remember():
    KEPT.append(bytearray(BLOCK))


def look_up():
    if len(TABLE) < TABLES:
        TABLE.append(bytearray(size(10)))
    LIBC.malloc(SLOW)


def cached(request):
    CACHE[request % CACHED] = bytearray(ENTRY)
    LIBC.malloc(HANDED_ON)


def serve():
    for request in range(REQUESTS):
        remember()
        look_up()
        cached(request)
        time.sleep(PAUSE_S)


TRUTH = Truth()
serve()
TRUTH.facts.update(kept=REQUESTS * (BLOCK + 1), slow=REQUESTS * SLOW, calls=REQUESTS)
TRUTH.write()
