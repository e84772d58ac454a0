"""Methods on objects: which of them took how much?

Sizes are MB. Each method calls take(), which touches that much new memory.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import instances_twin  # noqa: E402
from truth import PAGE, anonymous, size  # noqa: E402

KEPT = []


def take(megabytes):
    mapping = anonymous(size(megabytes))
    KEPT.append(mapping)
    for place in range(0, len(mapping), PAGE):
        mapping[place] = 1


class Worker(object):
    def __init__(self, pathname=None):
        self.pathname = pathname

    def grow(self, megabytes):
        take(megabytes)

    def grow_in_closure(self, megabytes):
        def inner():
            take(megabytes if self else 0)
        inner()
        take(1)

    @property
    def grown(self):
        take(2)
        return 2

    @staticmethod
    def grow_static():
        take(2)

    @classmethod
    def grow_class(cls):
        take(2)


class Special(Worker):
    def grow(self, megabytes):
        super(Special, self).grow(megabytes)


class Slotted(object):
    __slots__ = ("pathname", "__weakref__")

    def __init__(self, pathname):
        self.pathname = pathname

    def grow_slotted(self):
        take(2)


class Twin(object):
    def grow_twin(self):
        take(4)


class Brief(object):
    def grow_brief(self):
        take(2)


def remake(number):
    for _ in range(number):
        Brief().grow_brief()


def crowd(workers):
    for worker in workers:
        worker.grow_class()
        worker.grow(1)


def main():
    first = Worker("a")
    first.grow(8)
    second = Worker("b.c")  # seen after the first for sure: __init__ is when it takes a page
    second.grow(16)
    second.nick = "second"
    third = Worker()
    third.grow(32)
    third.grow_in_closure(4)
    special = Special("s")  # kept: its name is read after the call when the machine is busy
    special.grow(5)
    first.grown
    Worker.grow_static()
    slotted = Slotted("in.slot")
    slotted.grow_slotted()
    Twin().grow_twin()
    instances_twin.Twin().grow_twin(take)
    remake(2)
    crowd([Worker() for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)])
    if os.environ.get("MEMPROBE_WAIT"):
        while os.path.exists(os.environ["MEMPROBE_WAIT"]):
            time.sleep(0.05)


if __name__ == "__main__":
    main()
