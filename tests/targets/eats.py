"""Grows until somebody ends it.

eat            takes memory in eat() until it is killed
feed MB        forks a child that does, kills it at so many resident MB, and tells how it ended
"""
import os
import signal
import sys

from truth import MB, PAGE, Truth, anonymous

KEPT = []
STEP = 4 * MB
LIMIT = 8192 * MB  # nobody did


def eat(announce=None):
    """A page at a time, so that the highest RSS is what was touched; one byte told for each step."""
    for _ in range(LIMIT // STEP):
        mapping = anonymous(STEP)
        KEPT.append(mapping)
        for place in range(0, STEP, PAGE):
            mapping[place] = 1
        if announce is not None:
            os.write(announce, b".")


def resident(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * PAGE


def feed(limit):
    told, announce = os.pipe()
    child = os.fork()
    if child == 0:
        eat(announce)
        os._exit(1)
    while resident(child) < limit:
        os.read(told, 1)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    truth = Truth()
    truth.facts["child"] = child
    truth.facts["signal"] = os.WTERMSIG(status)
    truth.write()


if __name__ == "__main__":
    if sys.argv[1] == "feed":
        feed(int(sys.argv[2]) * MB)
    else:
        eat()
