"""Keeps a block a request where another function has touched and given back the memory before.

The argument is how many bytes a block has, of which as many are kept a request as make up 64 KiB.
The truth has `kept`, the bytes of the blocks that remember() has at the end, and `blocks`.
"""
import sys
import time

from truth import Truth, size

REQUESTS = 100
PAUSE_S = 0.05
WHOLE = size(0.0625)  # below malloc's threshold for mappings of their own
BLOCK = int(sys.argv[1]) if len(sys.argv) > 1 else WHOLE
COUNT = WHOLE // BLOCK
KEPT = []


def remember():
    for _ in range(COUNT):
        KEPT.append(bytearray(BLOCK))


def compute():
    for block in [bytearray(WHOLE) for _ in range(100)]:
        block[0] = 1


def serve():
    for _ in range(REQUESTS):
        compute()
        remember()
        time.sleep(PAUSE_S)


TRUTH = Truth()
serve()
TRUTH.facts["blocks"] = REQUESTS * COUNT
TRUTH.facts["kept"] = REQUESTS * COUNT * (BLOCK + 1)  # a bytearray ends with a NUL
TRUTH.write()
