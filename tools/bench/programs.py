# SPDX-License-Identifier: BSD-2-Clause
"""The programs that tools/bench/run times: bench programs.py NAME [SIZE]."""
import sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def run_fib(size):
    return fib(size or 40)


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def norm(self):
        return self.x * self.x + self.y * self.y


def run_objects(size):
    total = Vector(0, 0)
    for i in range(size or 24000000):
        total = total + Vector(i & 3, 1)
        if total.norm() > 1e12:
            total = Vector(0, 0)
    return total.x


def words(n):
    for i in range(n):
        yield "word%d" % (i % 5000)


def run_strings(size):
    counts = {}
    for word in words(size or 40000000):
        counts[word] = counts.get(word, 0) + len(word)
    return len(sorted(counts, key=lambda word: counts[word]))


def touch(memory, size):
    for place in range(0, size, 4096):
        memory[place] = 1


def run_touch(size):
    import mmap

    size = (size or 1024) << 20
    touch(mmap.mmap(-1, size), size)


def deep(depth, memory, size):
    if depth:
        deep(depth - 1, memory, size)
    else:
        touch(memory, size)


def run_deep(size):
    import mmap

    size = (size or 1024) << 20
    deep(20, mmap.mmap(-1, size), size)


def run_memset(size):
    import ctypes
    import mmap

    size = (size or 1024) << 20
    memory = mmap.mmap(-1, size)
    ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 1, size)


def nothing(x):
    return x


def call_nothing(count):
    for i in range(count):
        nothing(i)
    return count


def call_fib(count):
    """fib(n) makes about 1.62 ** n * 1.45 calls."""
    calls, n = 1.0, 1
    while calls < count:
        n += 1
        calls *= 1.618
    fib(n)
    a, b = 1, 1
    for _ in range(n):
        a, b = b, a + b
    return 2 * a - 1


def run_ask(size):
    """For each line that names a way to call: the ns that a call took."""
    import time

    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        count = globals()["call_" + line.strip()](size or 300000)
        print((time.perf_counter() - start) / count * 1e9, flush=True)


def run_arrays(size):
    """Lives on big arrays, as the programs that people profile for memory do."""
    import numpy

    numbers = numpy.random.default_rng(1).random(2000000)
    for _ in range(size or 1200):
        numbers = numpy.sort(numbers[::-1] * 1.0000001)
    return float(numbers[0])


def add(total, number):
    return total + number


def work(rounds):
    for number in range(rounds):
        block = bytearray(300000)
        block[::4096] = b"x" * len(block[::4096])
        total = 0
        for value in range(200):
            total = add(total, value)


def run_threads(size):
    """Eight threads that call and take memory."""
    import threading

    threads = [threading.Thread(target=work, args=(size or 100000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads)


def run_pass(size):
    pass


if __name__ == "__main__":
    globals()["run_" + sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else None)
