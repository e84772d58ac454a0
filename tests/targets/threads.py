"""Threads that take memory at the same time, with the GIL released while they do.

Growth cannot be measured for one thread, so each function's own is known beforehand.
"""
import ctypes
import threading
import zlib

from truth import PAGE, Truth, address_of, anonymous, grows, size

TRUTH = Truth()
KEPT = []
ROUNDS = 6


def fill(megabytes):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    ctypes.memset(address_of(mapping), 1, len(mapping))


@grows(24)
def fill_first(start):
    start.wait()
    for _ in range(ROUNDS):
        fill(4)


@grows(48)
def fill_second(start):
    start.wait()
    for _ in range(ROUNDS):
        fill(8)


@grows(48)
def inflate_first(start, packed):
    start.wait()
    for _ in range(ROUNDS):
        KEPT.append(zlib.decompress(packed, 15, size(8)))


@grows(48)
def inflate_second(start, packed):
    start.wait()
    for _ in range(ROUNDS):
        KEPT.append(zlib.decompress(packed, 15, size(8)))


@grows(48)
def inflate_beside_spin(start, packed, done):
    start.wait()
    for _ in range(ROUNDS):
        KEPT.append(zlib.decompress(packed, 15, size(8)))
    done.append(True)


@grows(0)
def spin(start, done):
    start.wait()
    turns = 0
    while not done:
        turns += spin_step(turns)


def spin_step(turns):
    return 1 if turns >= 0 else 0


@grows(12)
def loop_first(start):
    start.wait()
    touch_pages(size(12))


@grows(20)
def loop_second(start):
    start.wait()
    touch_pages(size(20))


def touch_pages(length):
    mapping = anonymous(length)
    KEPT.append(mapping)
    for place in range(0, length, PAGE):
        mapping[place] = 1


def numpy_first(start, numpy):
    start.wait()
    KEPT.append(numpy.full(size(16), 1, dtype="uint8"))


def numpy_second(start, numpy):
    start.wait()
    KEPT.append(numpy.full(size(32), 1, dtype="uint8"))


def together(first, second):
    """Run two (function, arguments...) at once and say what each grows itself."""
    start = threading.Barrier(2)
    workers = [threading.Thread(target=call[0], args=(start,) + call[1:], name=call[0].__name__)
               for call in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    del KEPT[:]
    for call in (first, second):
        if hasattr(call[0], "expected"):
            TRUTH.expect(call[0], call[0].expected["self"])


def with_numpy():
    try:
        import numpy
    except ImportError:
        TRUTH.skip("numpy_fill", "numpy is missing")
        return
    together((numpy_first, numpy), (numpy_second, numpy))
    TRUTH.expect(numpy_first, size(16))
    TRUTH.expect(numpy_second, size(32))


def main():
    packed = zlib.compress(b"\1" * size(8), 1)
    done = []
    together((fill_first,), (fill_second,))
    together((inflate_first, packed), (inflate_second, packed))
    together((inflate_beside_spin, packed, done), (spin, done))
    together((loop_first,), (loop_second,))
    with_numpy()
    TRUTH.write()


if __name__ == "__main__":
    main()
