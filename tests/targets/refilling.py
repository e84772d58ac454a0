"""Keeps a MB a turn beside a cache of five entries of 2 MB that are replaced, all of it in malloc's
heap: bounded() makes that grow, and what leaky() keeps lies where entries were.
"""
import time

from truth import Truth, size

TURNS = 60
PAUSE_S = 0.07
BLOCK = size(0.1)  # below malloc's threshold for mappings of their own
CACHE, KEPT = {}, []


def bounded(turn):
    entry = []
    for _ in range(20):
        entry.append(bytearray(BLOCK))
    CACHE[turn % 5] = entry


def leaky():
    for _ in range(10):
        KEPT.append(bytearray(BLOCK))


def serve():
    for turn in range(TURNS):
        bounded(turn)
        leaky()
        time.sleep(PAUSE_S)


TRUTH = Truth()
serve()
TRUTH.facts["kept"] = TURNS * 10 * (BLOCK + 1)  # a bytearray ends with a NUL
TRUTH.write()
