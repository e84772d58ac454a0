"""An object that grows, is named, and dies; what comes after it lies in its size class, and died before it."""
import time


class Worker:
    def __init__(self, name):
        self.pathname = name

    def grow(self):
        return b"k" * (2 << 20)


def work():
    worker = Worker("the.right.name")
    for _ in range(3):
        kept.append(worker.grow())
    time.sleep(1)  # it is long enough there to be read
    others = [str(i) * 3 for i in range(100000)]
    del others, worker
    time.sleep(2)


kept = []
work()
