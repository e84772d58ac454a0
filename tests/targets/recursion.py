"""Recursion as deep as the first argument says (1,000), growing at some levels and at the bottom.

`levels` tells what each level grew itself, the outermost being 1.
"""
import sys

from truth import PAGE, Truth, anonymous, size

TRUTH = Truth()
KEPT = []
LEVELS = {}


def take(level, megabytes):
    """Take memory and note the level; the caller's frame does the touching."""
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    LEVELS[level] = len(mapping)
    return mapping


def descend(level, depth):
    if level % 100 == 0 or level == depth:
        mapping = take(level, 4 if level == depth else 1)
        for place in range(0, len(mapping), PAGE):
            mapping[place] = 1
    if level < depth:
        descend(level + 1, depth)


def odd(level, depth):
    return even(level + 1, depth)


def even(level, depth):
    return odd(level + 1, depth) if level < depth else bottom_of_mutual()


def bottom_of_mutual():
    KEPT.append(bytearray(size(5)))


def main():
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    sys.setrecursionlimit(depth * 2 + 1000)
    descend(1, depth)
    odd(1, min(depth, 200))
    TRUTH.facts.update(depth=depth, levels=sorted(LEVELS.items()), mutual=size(5))
    TRUTH.write()


if __name__ == "__main__":
    main()
