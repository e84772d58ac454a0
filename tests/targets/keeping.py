"""Keeps a block a request where another function has touched and given back the memory before.

The truth has `kept`, the bytes of the blocks that remember() has at the end, and `blocks`.
"""
import time

from truth import Truth, size

REQUESTS = 100
PAUSE_S = 0.05
BLOCK = size(0.0625)  # below malloc's threshold for mappings of their own
KEPT = []


def remember():
    KEPT.append(bytearray(BLOCK))


def compute():
    for block in [bytearray(BLOCK) for _ in range(100)]:
        block[0] = 1


def serve():
    for _ in range(REQUESTS):
        compute()
        remember()
        time.sleep(PAUSE_S)


TRUTH = Truth()
serve()
TRUTH.facts["blocks"] = REQUESTS
TRUTH.facts["kept"] = REQUESTS * (BLOCK + 1)  # a bytearray ends with a NUL
TRUTH.write()
