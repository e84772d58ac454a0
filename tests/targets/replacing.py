"""A cache that warm() fills and of which replace() puts another in the place of an entry, again and
again: the process does not grow. Entries are mappings, or with `block` as the argument blocks of
malloc's, too small for mappings of their own.

Entries are replaced when there is no more MEMPROBE_GATE.
"""
import os
import sys
import time

from truth import PAGE, Truth, anonymous, size

CACHED, TURNS = 200, 140
PAUSE_S = 0.05
OF_BLOCKS = sys.argv[1:2] == ["block"]
CACHE = []


def entry():
    made = bytearray(size(0.1)) if OF_BLOCKS else anonymous(size(0.25))
    for place in range(0, len(made), PAGE):
        made[place] = 1
    return made


def warm():
    for _ in range(CACHED):
        CACHE.append(entry())


def replace(turn):
    if not OF_BLOCKS:
        CACHE[turn].close()
    CACHE[turn] = None
    CACHE[turn] = entry()


def serve():
    for turn in range(TURNS):
        replace(turn)
        time.sleep(PAUSE_S)


TRUTH = Truth()
warm()
print("full", flush=True)
while os.path.exists(os.environ.get("MEMPROBE_GATE", "")):
    time.sleep(0.01)
serve()
TRUTH.write()
