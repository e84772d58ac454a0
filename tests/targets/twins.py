"""Pairs of callers that reach one function with one frame address, alternating.

Every path's growth is measured in anonymous bytes around the call, so that not a page may stand
on the wrong caller. Growth by path goes to `paths`: [[[name, line], ...], bytes].
"""
import ctypes

from truth import PAGE, Truth, address_of, anonymous, size

TRUTH = Truth()
SOURCE = memoryview(b"\1" * max(size(4), 256 * PAGE))
KEPT = []
PATHS = {}
ROUNDS = [(1, 2), (3, 1), (2, 4), (0.25, 1), (1, 0.5)]  # sums differ: a swap shows
STRIPES = [1, 1, 2, 3, 1, 16, 7, 64, 1, 33, 128, 2]


def touch_loop(mapping, begin, end):
    for place in range(begin, end, PAGE):
        mapping[place] = 1


def touch_slice(mapping, begin, end):
    mapping[begin:end] = SOURCE[:end - begin]


def touch_memset(mapping, begin, end):
    ctypes.memset(address_of(mapping) + begin, 1, end - begin)


def touch_bytearray(_, begin, end):
    KEPT.append(bytearray(end - begin))


def touch_numpy(array, begin, end):
    array[begin:end].fill(1)


def a(touch, mapping, begin, end):
    return touch(mapping, begin, end)


def b(touch, mapping, begin, end):
    return touch(mapping, begin, end)


def middle(touch, mapping, begin, end):
    return touch(mapping, begin, end)


def deep_a(touch, mapping, begin, end):
    return middle(touch, mapping, begin, end)


def deep_b(touch, mapping, begin, end):
    return middle(touch, mapping, begin, end)


class Twin:
    def method_a(self, touch, mapping, begin, end):
        return touch(mapping, begin, end)

    def method_b(self, touch, mapping, begin, end):
        return touch(mapping, begin, end)


def generator_a(touch, mapping, begin, end):
    yield touch(mapping, begin, end)


def generator_b(touch, mapping, begin, end):
    yield touch(mapping, begin, end)


def through_a(touch, mapping, begin, end):
    return next(generator_a(touch, mapping, begin, end))


def through_b(touch, mapping, begin, end):
    return next(generator_b(touch, mapping, begin, end))


lambda_a = lambda touch, mapping, begin, end: touch(mapping, begin, end)  # noqa: E731
lambda_b = lambda touch, mapping, begin, end: touch(mapping, begin, end)  # noqa: E731

PAIRS = [((a,), (b,)), ((deep_a, middle), (deep_b, middle)), ((lambda_a,), (lambda_b,)),
         ((Twin().method_a,), (Twin().method_b,)),
         ((through_a, generator_a), (through_b, generator_b))]


def measured(path, touch, mapping, begin, end):
    """Call the head of a path and book what it grew on the whole path."""
    before = TRUTH.ruler.read()[1]
    path[0](touch, mapping, begin, end)
    key = path + (touch,)
    PATHS[key] = PATHS.get(key, 0) + TRUTH.ruler.read()[1] - before


def alternate(pair, touch, make):
    """Different sizes, a mapping for each call."""
    for sizes in ROUNDS:
        for path, megabytes in zip(pair, sizes):
            length = size(megabytes)
            mapping = make(length)
            KEPT.append(mapping)
            measured(path, touch, mapping, 0, length)


def share(pair, touch, make):
    """Stripes of one mapping side by side: each call goes on where the other one's ended."""
    place, mapping = 0, make((sum(STRIPES) * 2 + len(STRIPES)) * PAGE)
    KEPT.append(mapping)
    for pages in STRIPES:
        for more, path in enumerate(pair):
            length = (pages + more) * PAGE
            measured(path, touch, mapping, place, place + length)
            place += length


def divide(pair, touch, make):
    """Two contiguous parts of one mapping."""
    border, mapping = size(1), make(size(4))
    KEPT.append(mapping)
    measured(pair[0], touch, mapping, 0, border)
    measured(pair[1], touch, mapping, border, size(4))


def touches():
    kinds = [(touch_loop, anonymous), (touch_slice, anonymous), (touch_memset, anonymous),
             (touch_bytearray, len_only)]
    try:
        import numpy
        kinds.append((touch_numpy, lambda length: numpy.frombuffer(anonymous(length), "uint8")))
    except ImportError:
        TRUTH.skip("touch_numpy", "numpy is missing")
    return kinds


def len_only(length):
    return length


def main():
    for touch, make in touches():
        for pair in PAIRS:
            alternate(pair, touch, make)
            if make is not len_only:
                share(pair, touch, make)
                divide(pair, touch, make)
            del KEPT[:]
    TRUTH.facts["paths"] = [[[named(call) for call in path], grown]
                            for path, grown in PATHS.items()]
    TRUTH.write()


def named(call):
    return [call.__qualname__, call.__code__.co_name, call.__code__.co_firstlineno]


if __name__ == "__main__":
    main()
