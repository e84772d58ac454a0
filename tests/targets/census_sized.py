"""Structures that nothing else refers to, and what pympler's asizeof says of each: with pymalloc's
alignment, else it rounds less than the allocator does. Waits until stdin ends."""
import json
import sys

from pympler import asizeof


class Slotted:
    __slots__ = ("pair", "blobs")

    def __init__(self, number):
        self.pair = ("tuple", number + 10 ** 9)
        self.blobs = {"key %d" % number: bytes(200)}


NESTED = {"row %d" % i: [{"id": i + 10 ** 6, "text": "t" * (i % 300)} for _ in range(3)]
          for i in range(5000)}
SLOTTED = [Slotted(i) for i in range(5000)]
SETS = [set(range(10 ** 6 + i, 10 ** 6 + i + 20)) for i in range(1000)]
TUPLES = {i: tuple(str(i + j) for j in range(10)) for i in range(5000)}

print(json.dumps({name: asizeof.asizeof(globals()[name], align=16)
                  for name in ("NESTED", "SLOTTED", "SETS", "TUPLES")}), flush=True)
sys.stdin.read()
