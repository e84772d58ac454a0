"""Threads that run Python code at the same time, each on a path of its own, through one function.

For builds without the GIL; with it they take turns. Growth is known beforehand, as in threads.py.
"""
import sys
import threading

from truth import PAGE, Truth, anonymous, grows, size

TRUTH = Truth()
KEPT = []
ROUNDS = 24


def touch(length):
    mapping = anonymous(length)
    KEPT.append(mapping)
    for place in range(0, length, PAGE):
        mapping[place] = 1


def rounds(start, megabytes):
    start.wait()
    for _ in range(ROUNDS):
        touch(size(megabytes))


@grows(12)
def first(start):
    rounds(start, 0.5)


@grows(24)
def second(start):
    rounds(start, 1)


@grows(36)
def third(start):
    rounds(start, 1.5)


@grows(48)
def fourth(start):
    rounds(start, 2)


def main():
    functions = (first, second, third, fourth)
    start = threading.Barrier(len(functions))
    workers = [threading.Thread(target=function, args=(start,)) for function in functions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for function in functions:
        TRUTH.expect(function, function.expected["self"])
    TRUTH.facts["gil"] = getattr(sys, "_is_gil_enabled", lambda: True)()
    TRUTH.write()


if __name__ == "__main__":
    main()
